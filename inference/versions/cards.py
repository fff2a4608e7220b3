"""The model card: everything a version says of itself, as JSON in `model.json` and in the network.

The trainer writes it, the classifier and the page read it. `metadata_props["card"]` of
`model.onnx` holds the same text, so that the one file explains itself.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from inference.errors import UserInputError

FORMAT = 1
GEOMETRIES = ("crop", "squash", "pad")


@dataclass(frozen=True)
class InputGeometry:
    """How the graph turns a picture of any shape into the network's square input.

    `size` in pixels; `geometry`: `crop` takes the central square of `crop_ratio` times the
    shorter side, `squash` the whole picture out of proportion, `pad` the whole picture with
    grey bars. `mean` and `std` per RGB channel, of values 0–1.
    """

    size: int = 224
    geometry: str = "crop"
    crop_ratio: float = 0.875
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    interpolation: str = "antialiased bicubic"


@dataclass(frozen=True)
class Thresholds:
    """What makes an answer unsure or unfamiliar.

    `conformal`: class name → largest 1 - probability that still puts the class into the 95%
    prediction set; empty where there were under 19 calibration pictures in all.
    `unfamiliar`: distance to what is remembered (`inference.certainty.Memory`), above which a
    picture is unlike all that was taught. It is measured to the `neighbour`th nearest of a class,
    with embeddings cut off at `ceiling`, and divided by the class's own of `spreads`, at least 1
    and 1 where it is not named. Cards of the first release have none of the three: the cosine
    distance to the nearest one.
    """

    conformal: dict[str, float] = field(default_factory=dict)
    unfamiliar: float | None = None
    neighbour: int = 1
    ceiling: float | None = None
    spreads: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Card:
    """One version's card. Class names are in the order of the network's outputs.

    `data`, `training` and `metrics` are plain JSON: what was counted, chosen and measured, each
    accuracy with its n and 95% interval. `trust`: plain JSON too, how far answers can be relied
    on beyond their accuracy (`trainer.evaluation.reliability`). `probes`: inputs made by formula
    with the probabilities that the network gave on the CPU. `files`: name →
    SHA-256; `graph_sha256` is that of `model.onnx` without its metadata. `backbone_sha256`: the
    `graph_sha256` of the version whose backbone this is, empty where that is its own.
    """

    model: str
    version: int
    class_names: tuple[str, ...]
    input: InputGeometry
    temperature: float
    thresholds: Thresholds
    backbone: str
    created: str
    catch_all: str | None = None
    parent: dict[str, Any] | None = None
    probes: list[dict[str, Any]] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    trust: dict[str, Any] = field(default_factory=dict)
    libraries: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    graph_sha256: str = ""
    backbone_sha256: str = ""
    licence: str = ""
    format: int = FORMAT

    @property
    def backbone_key(self) -> str:
        """What is equal for versions whose embeddings mean the same."""
        return self.backbone_sha256 or self.graph_sha256


def write_card(card: Card) -> str:
    """Return the card as JSON text."""
    return json.dumps(asdict(card), indent=2, ensure_ascii=False)


def parse_card(text: str) -> Card:
    """Read a card from its JSON text.

    Raises: UserInputError where the text is not a card of a format that we know.
    """
    try:
        values = json.loads(text)
        if values["format"] != FORMAT:
            raise UserInputError(
                f"This card has format {values['format']}; this program reads format {FORMAT}. "
                "Use the release that wrote it."
            )
        values["class_names"] = tuple(values["class_names"])
        values["input"] = InputGeometry(**_tuples(values["input"]))
        values["thresholds"] = Thresholds(**values["thresholds"])
        known = {found.name for found in fields(Card)}  # a later release may write more
        return Card(**{name: value for name, value in values.items() if name in known})
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise UserInputError(
            f"This is not a model card: {error}. Export the model anew."
        ) from error


def read_card(version_folder: Path) -> Card:
    """Read `model.json` of a version's folder.

    Raises: UserInputError where there is none or it cannot be read.
    """
    path = version_folder / "model.json"
    if not path.is_file():
        raise UserInputError(f"{version_folder} holds no model.json. Give the folder of a version.")
    return parse_card(path.read_text(encoding="utf-8"))


def name_for_display(label: str) -> str:
    """Return a class name as people write it: `not_hot_dog` → `Not hot dog`."""
    words = label.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
