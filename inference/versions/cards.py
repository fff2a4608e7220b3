"""The model card: everything a version says of itself, as JSON in `model.json` and in the network.

The trainer writes it, the classifier and the page read it. `metadata_props["card"]` of
`model.onnx` holds the same text, so that the one file explains itself. A card may come from
elsewhere: types, lengths and ranges are those that whoever reads one can rely on.
"""

from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)

from inference.errors import UserInputError

FORMAT = 1
GEOMETRIES = ("crop", "squash", "pad")
MAX_NUMBER = 1e15  # beyond any size, count or time of ours, and still a whole number as float64
MAX_TEXT = 10_000  # characters
_MAX_SIDE = 4096  # pixels
_OLD_KINDS = {"quick": "head", "deep": "finetune"}

Text = Annotated[str, Field(max_length=MAX_TEXT)]
Number = Annotated[float, Field(ge=-MAX_NUMBER, le=MAX_NUMBER)]
Count = Annotated[int, Field(ge=0, le=int(MAX_NUMBER))]
Positive = Annotated[float, Field(gt=0, le=MAX_NUMBER)]
Side = Annotated[int, Field(ge=1, le=_MAX_SIDE)]
Channels = Annotated[tuple[Number, ...], Field(min_length=3, max_length=3)]
Scales = Annotated[tuple[Positive, ...], Field(min_length=3, max_length=3)]


class _Part(BaseModel):
    """A part of a card. What a later release may have added is ignored."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class InputGeometry(_Part):
    """How the graph turns an image of any shape into the network's square input.

    `size` in pixels; `geometry`: `crop` takes the central square of `crop_ratio` times the
    shorter side, `squash` the whole image out of proportion, `pad` the whole image with
    grey bars. `mean` and `std` per RGB channel, of values 0–1.
    """

    model_config = ConfigDict(extra="forbid")  # what is not known here would change the answers

    size: Side = 224
    geometry: Annotated[str, Field(pattern=f"^({'|'.join(GEOMETRIES)})$")] = "crop"
    crop_ratio: Annotated[float, Field(ge=0.1, le=1)] = 0.875
    mean: Channels = (0.5, 0.5, 0.5)
    std: Scales = (0.5, 0.5, 0.5)
    interpolation: Text = "antialiased bicubic"


class Thresholds(_Part):
    """What makes an answer unsure or unfamiliar.

    `conformal`: class name → largest 1 - probability that still puts the class into the 95%
    prediction set; empty where there were under 19 calibration images in all.
    `unfamiliar`: distance to what is remembered (`inference.certainty.Memory`), above which an
    image is unlike all that was taught. It is measured to the `neighbour`th nearest of a class,
    with embeddings cut off at `ceiling`, and divided by the class's own of `spreads`, at least 1
    and 1 where it is not named. Cards of the first release have none of the three: the cosine
    distance to the nearest one.
    """

    model_config = ConfigDict(extra="forbid")

    conformal: dict[Text, Number] = {}
    unfamiliar: Number | None = None
    neighbour: Annotated[int, Field(ge=1, le=int(MAX_NUMBER))] = 1
    ceiling: Number | None = None
    spreads: dict[Text, Positive] = {}


class Parent(_Part):
    """The version that another one was trained from."""

    model: Text
    version: Count


class Probe(_Part):
    """An input made by formula (`inference.versions.probes`), and what the CPU answered to it."""

    height: Side
    width: Side
    seed: Annotated[int, Field(ge=0, le=1_000_000)]
    probabilities: tuple[Number, ...]


class Rate(_Part):
    """A share of `n`: its value, 0–1, and its 95% interval from `low` to `high`."""

    correct: Count
    n: Count
    value: Number
    low: Number
    high: Number


class Metrics(_Part):
    """What was measured on one split. A row of `confusion` is a label, a column an answer.

    `per_kind`: what file names say is shown, and the class (`sandwich / not_hot_dog`).
    """

    top1: Rate
    ece: Number | None = None
    per_class: dict[Text, Rate] = {}
    per_source: dict[Text, Rate] = {}
    per_group: dict[Text, Rate] = {}
    per_kind: dict[Text, Rate] = {}
    confusion: tuple[tuple[Count, ...], ...] | None = None


class DataCounts(_Part):
    """How many images there were: `counts` is split → class → images.

    `remembered`: split → images of earlier versions that are known as embeddings only.
    `calibrating`: class → images that its conformal limit was found by. `sha256` is that of the
    list of images, labels and splits.
    """

    counts: dict[Text, dict[Text, Count]] = {}
    remembered: dict[Text, Count] = {}
    calibrating: dict[Text, Count] = {}
    left_out: Count = 0
    left_out_as_doubtful: dict[Text, Count] = {}
    left_out_as_seen_before: Count = 0
    sha256: Text = ""


def _rename_kind(kind: object) -> object:
    return _OLD_KINDS.get(kind, kind) if isinstance(kind, str) else kind


class TrainingFacts(_Part):
    """How a version was trained. `kind`: `head`, `finetune`, or None for a full training.

    What is not named here are the settings of the command, kept as they were.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue] = Field(init=False)

    kind: Annotated[Text | None, BeforeValidator(_rename_kind)] = None
    minutes: Annotated[float, Field(ge=0, le=MAX_NUMBER)] | None = None
    seconds: Annotated[float, Field(ge=0, le=MAX_NUMBER)] | None = None
    device: Text | None = None
    weights: Text | None = None
    first_weights: Text | None = None

    @property
    def settings(self) -> dict[str, JsonValue]:
        """The settings of the command, by name."""
        return dict(self.__pydantic_extra__)


class Coverage(_Part):
    """How often a class's 95% prediction sets hold it, and the 99% interval expected of that."""

    rate: Rate
    low: Number
    high: Number


class Certainty(_Part):
    """What the certainties of one split's answers are worth; `coverage` is by class."""

    coverage: dict[Text, Coverage] = {}
    unsure: Rate | None = None
    unfamiliar: Rate | None = None
    sure_right: Rate | None = None


class OutOfDistribution(_Part):
    """How well images of none of the classes are detected, out of `n`, and by kind.

    `auroc` is against the `others`, images of the classes, of which `false_alarms` were taken for
    unfamiliar. `detected` is None where the version has no limit, and calls nothing unfamiliar.
    """

    n: Count = 0
    others: Count = 0
    auroc: Number | None = None
    detected: Rate | None = Field(default=None, validation_alias=AliasChoices("detected", "found"))
    kinds: dict[Text, Rate] = {}
    false_alarms: Rate | None = None


class Trust(_Part):
    """How far answers can be relied on beyond their accuracy (`trainer.evaluation.reliability`).

    `certainty` is by split; `corruptions`: name → accuracy on corrupted images.
    """

    certainty: dict[Text, Certainty] = {}
    out_of_distribution: OutOfDistribution | None = Field(
        default=None, validation_alias=AliasChoices("out_of_distribution", "outsiders")
    )
    corruptions: dict[Text, Rate] = {}


class Card(_Part):
    """One version's card. Class names are in the order of the network's outputs.

    `files`: name → SHA-256; `graph_sha256` is that of `model.onnx` without its metadata.
    `backbone_sha256`: the `graph_sha256` of the version whose backbone this is, empty where that
    is its own.
    """

    model: Text
    version: Count
    class_names: tuple[Text, ...]
    input: InputGeometry
    temperature: Positive
    thresholds: Thresholds
    backbone: Text
    created: Text
    catch_all: Text | None = None
    parent: Parent | None = None
    probes: Annotated[tuple[Probe, ...], Field(max_length=20)] = ()
    data: DataCounts = DataCounts()
    training: TrainingFacts = TrainingFacts()
    metrics: dict[Text, Metrics] = {}
    trust: Trust = Trust()
    libraries: dict[Text, Text] = {}
    files: dict[Text, Text] = {}
    graph_sha256: Text = ""
    backbone_sha256: Text = ""
    licence: Text = ""
    format: int = FORMAT

    @property
    def backbone_key(self) -> str:
        """What is equal for versions whose embeddings mean the same."""
        return self.backbone_sha256 or self.graph_sha256

    def list_kinds(self) -> tuple[str, list[tuple[str, Rate]]]:
        """Return the split with most kinds of things, and each kind's rate, the weakest first."""
        split = max(self.metrics, key=lambda name: len(self.metrics[name].per_kind), default="")
        rates = self.metrics[split].per_kind if split else {}
        return split, sorted(rates.items(), key=lambda pair: (pair[1].value, pair[0]))

    @model_validator(mode="after")
    def _check_classes(self) -> Self:
        """Hold everything that speaks of classes to the card's own."""
        names, count = set(self.class_names), len(self.class_names)
        tables = [m.confusion for m in self.metrics.values() if m.confusion is not None]
        lengths = [len(row) for table in tables for row in (table, *table)]
        lengths += [len(probe.probabilities) for probe in self.probes]
        rules = {
            "there must be two classes or more, each named once": len(names) == count >= 2,
            "the catch-all is not among the classes": self.catch_all in {None, *names},
            "the conformal limits are of other classes": (
                set(self.thresholds.conformal) in (set(), names)
            ),
            "the spreads are of other classes": set(self.thresholds.spreads) <= names,
            "a probe or a confusion matrix is of other classes": set(lengths) <= {count},
        }
        for problem, is_kept in rules.items():
            if not is_kept:
                raise ValueError(problem)
        return self


class _Format(BaseModel):
    """What tells whether the rest can be read."""

    format: int


def write_card(card: Card) -> str:
    """Return the card as JSON text."""
    return card.model_dump_json(indent=2)


def parse_card(text: str | bytes) -> Card:
    """Read a card from its JSON text.

    Raises: UserInputError where the text is not a card of a format that we know.
    """
    try:
        found = _Format.model_validate_json(text, strict=True).format
        if found == FORMAT:
            return Card.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise UserInputError(
            f"This is not a model card: {_describe_problem(error)}. Export the model anew."
        ) from error
    raise UserInputError(
        f"This card has format {found}; this program reads format {FORMAT}. "
        "Use the release that wrote it."
    )


def read_card(version_folder: Path) -> Card:
    """Read `model.json` of a version's folder.

    Raises: UserInputError where there is none or it cannot be read.
    """
    path = version_folder / "model.json"
    if not path.is_file():
        raise UserInputError(f"{version_folder} holds no model.json. Give the folder of a version.")
    return parse_card(path.read_bytes())


def name_for_display(label: str) -> str:
    """Return a class name as people write it: `not_hot_dog` → `Not hot dog`."""
    words = label.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def name_kind(name: str) -> str:
    """Return what is shown and its class as people write it: `taco / not_hot_dog` → `taco`."""
    kind, _, label = name.rpartition(" / ")
    return (kind.replace("-", " ") or label.replace("_", " ")).strip()


def name_split(split: str) -> str:
    """Return a split as people write it: `locked` → `held-out`."""
    return "held-out" if split == "locked" else split


def _describe_problem(error: ValidationError) -> str:
    """Return the first thing that is wrong, and where."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place[:100]}: {first['msg']}" if place else str(first["msg"])
