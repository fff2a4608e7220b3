"""The sections of a version's `README.md` as Markdown, each from what its card holds.

The format is that of the Hub's annotated model card.
Source: Mitchell et al., "Model Cards for Model Reporting" (2019); the template in
huggingface_hub, `templates/modelcard_template.md`.
"""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from inference.versions.cards import (
    Card,
    Certainty,
    OutOfDistribution,
    Rate,
    name_for_display,
    name_split,
)
from trainer.cards.statements import (
    flatten,
    join_names,
    leave_out_few,
    list_limits,
    list_uses,
    list_wrong_uses,
    name_corruptions,
    name_group,
)
from trainer.command_line import list_flags
from trainer.evaluation.metrics import describe_rate
from trainer.evaluation.out_of_distribution import NEVER_UNFAMILIAR
from trainer.evaluation.predictions import Mistake
from trainer.options import TrainOptions

PLOTS = {
    "learning_curves": "Learning curves",
    "confusion": "Confusion matrix",
    "reliability": "Reliability diagram",
    "groups": "Accuracy by group",
    "kinds": "Accuracy by what is shown",
}
SNIPPET = """\
import json
import sys

import numpy as np
import onnxruntime as ort
from PIL import Image, ImageOps

session = ort.InferenceSession("model.onnx")
names = json.loads(session.get_modelmeta().custom_metadata_map["card"])["class_names"]
for path in sys.argv[1:]:
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    [[probabilities]] = session.run(["probabilities"], {"image": np.asarray(image)[None]})
    print(path, names[probabilities.argmax()], f"{probabilities.max():.4f}", sep="\\t")
"""
_MOST_MISTAKES = 10
_MOST_WRITTEN = 20  # classes, beyond which the confusion matrix is left to its plot
_SEEN = {
    "crop": "the middle square of the picture",
    "squash": "the whole picture, squashed to a square",
    "pad": "the whole picture, with grey bars",
}
_LOCKED = "Pictures that are kept for comparing versions: it never learned from them."
_SPLITS = {
    "test": "Pictures that were kept apart: it never learned from them.",
    "locked": _LOCKED,
    "validation": "Pictures that were used to choose and to calibrate.",
}
# What was trained on the page; the final fit of a new head also learned from what was held out.
_TAUGHT = {
    "head": {
        "validation": "Each picture was answered by a fit that had not learned from it; these "
        "answers chose and calibrated. The last fit then learned from those that were labelled "
        "on the page."
    },
    "finetune": {"test": _LOCKED},
}
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~&$!])")


def write_details(card: Card) -> str:
    """Return what the network is, and where it came from."""
    parent = card.parent
    came = f"{parent.model}, version {parent.version}" if parent else ""
    seen = f"{_SEEN[card.input.geometry]}, {card.input.size} × {card.input.size} pixels"
    facts = {
        "Classes": join_names(card),
        "Backbone": card.backbone,
        "Sees": f"{seen}; resizing and normalising happen inside the network",
        "Format": "ONNX, one file, standard operators only",
        "Version": f"{card.version}, as numbered where it was made",
        "Made": card.created[:10],
        "Trained from": came,
    }
    return _list(f"**{name}:** {escape(value)}" for name, value in facts.items() if value)


def write_uses(card: Card) -> str:
    """Return what the network is for, and what it is not for."""
    return (
        f"### For\n\n{_list(map(escape, list_uses(card)))}\n\n"
        f"### Not for\n\n{_list(map(escape, list_wrong_uses(card)))}"
    )


def write_usage(card: Card) -> str:
    """Return the few lines of code that ask the network, and what it answers."""
    return (
        "Any program that runs ONNX runs `model.onnx`; with onnxruntime and Pillow, beside the "
        f"file:\n\n```python\n{SNIPPET}```\n\n"
        "It takes `image`, uint8 (N, H, W, 3), RGB, upright, of any height and width, and answers "
        f"with `probabilities` (N, {len(card.class_names)}), calibrated; `logits`; `embedding`; "
        "and `heatmap`, whose mean over height and width plus the class's bias is that class's "
        "logit. `metadata_props` holds this card as JSON (key `card`)."
    )


def write_data(card: Card) -> str:
    """Return how many images of each class there were, and the hash of them all."""
    data, parts = card.data, []
    counts = {split: of_class for split, of_class in data.counts.items() if of_class}
    if counts:
        heads = ["pictures", *map(name_for_display, card.class_names)]
        rows = [
            [name_split(split), *(f"{of_class.get(name, 0):,}" for name in card.class_names)]
            for split, of_class in counts.items()
        ]
        parts.append(_table(heads, rows))
    if any(data.remembered.values()):
        words = ", ".join(f"{count:,} {split}" for split, count in data.remembered.items())
        parts.append(f"Pictures of earlier versions, remembered as embeddings: {words}.")
    others = data.model_dump(exclude={"counts", "remembered", "sha256"}, exclude_defaults=True)
    if _flatten(others):
        parts.append(_list(f"{escape(k)}: {escape(v)}" for k, v in _flatten(others)))
    if data.sha256:
        parts.append(f"SHA-256 of the list of pictures, labels and splits: `{data.sha256}`.")
    return "\n\n".join(parts)


def write_procedure(card: Card) -> str:
    """Return every setting that the card holds."""
    settings = {**card.training.model_dump(), "temperature": card.temperature}
    rows = [[name, value] for name, value in _flatten(settings)]
    return _table(["setting", "value"], rows)


def write_evaluation(card: Card, plots: Sequence[str], mistakes: Sequence[Mistake] = ()) -> str:
    """Return accuracy by split, class, source and group, calibration, confusion, worst mistakes.

    `plots`: those of `PLOTS` that lie in `report/`.
    """
    order = sorted(card.metrics, key=lambda split: split not in ("test", "locked"))
    parts = [_write_split(card, split) for split in order]
    parts += [f"![{PLOTS[name]}](report/{name}.png)" for name in plots]
    if mistakes:
        heads = ["file", "label", "answer", "probability"]
        rows = [[m.file, m.label, m.predicted, f"{m.probability:.1%}"] for m in mistakes]
        parts.append("### Worst mistakes\n\n" + _table(heads, rows[:_MOST_MISTAKES]))
    return "\n\n".join(parts)


def write_trust(card: Card) -> str:
    """Return what was measured beyond accuracy; empty where nothing was."""
    trust = card.trust
    parts = [_write_certainty(*found) for found in trust.certainty.items()]
    parts.append(_write_detection(trust.out_of_distribution))
    if trust.corruptions:
        rates = name_corruptions(trust.corruptions)
        parts.append("### Corrupted pictures\n\n" + _write_rates("corrupted by", rates))
    return "\n\n".join(part for part in parts if part)


def write_limits(card: Card) -> str:
    """Return where the network falls short, as its figures tell."""
    return _list(map(escape, list_limits(card)))


def write_licence(card: Card) -> str:
    """Return the note on licences, and whose it is."""
    if not card.licence:
        return "No licence was stated when this model was trained."
    if card.training.kind:
        return (
            f"Of the model that this one was trained from: {escape(card.licence)} "
            "There is no note for the pictures that it was trained on since."
        )
    return escape(card.licence)


def write_reproduction(card: Card) -> str:
    """Return the commands that make and measure such a network, and what they were run with."""
    hashes = {"network without its card": card.graph_sha256, "backbone": card.backbone_sha256}
    sums = _list(f"SHA-256 of the {name}: `{value}`" for name, value in hashes.items() if value)
    libraries = ", ".join(f"{name} {value}" for name, value in card.libraries.items())
    return (
        f"```sh\n{write_command(card)}\npython -m trainer evaluate PICTURES --model {card.model}\n"
        f"```\n\nMade with {escape(libraries)}.\n\n{sums}"
    )


def write_command(card: Card) -> str:
    """Return the command that trains such a network anew."""
    training = card.training
    if training.kind:
        return f"python -m trainer {training.kind} --model {card.model}"
    settings = training.model_dump() | {"weights": training.weights or "none"}
    words = ["python", "-m", "trainer", "train", "PICTURES", "--model", card.model]
    for name, flag in list_flags(TrainOptions).items():
        value = settings.get(name) if name != "model" else None
        words += [] if value is None else [flag, str(value)]
    return shlex.join(words)


def escape(text: str) -> str:
    """Return text as Markdown shows it; what came from outside may hold any sign."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def _write_split(card: Card, split: str) -> str:
    measured = card.metrics[split]
    told = _SPLITS | _TAUGHT.get(card.training.kind or "", {})
    all_of_it = f"Right for {describe_rate(measured.top1)}."
    if measured.ece is not None:
        all_of_it += f" Expected calibration error {measured.ece:.3f}."
    parts = [f"### {escape(name_for_display(name_split(split)))}", told.get(split, ""), all_of_it]
    groups = {
        "class": measured.per_class,
        "source": leave_out_few(measured.per_source),
        "group": leave_out_few(measured.per_group),
        "shows": measured.per_kind,
    }
    for what, rates in groups.items():
        if rates:
            named = {name_group(name): rate for name, rate in rates.items()}
            parts.append(_write_rates(what, named))
    confusion = measured.confusion or ()
    if confusion and len(confusion) <= _MOST_WRITTEN:
        names = [name_for_display(name) for name in card.class_names]
        rows = [[n, *(f"{c:,}" for c in row)] for n, row in zip(names, confusion, strict=True)]
        parts.append(_table(["is (rows), answered (columns)", *names], rows))
    return "\n\n".join(part for part in parts if part)


def _write_certainty(split: str, found: Certainty) -> str:
    rates = {
        "answered with “Not sure”": found.unsure,
        "of the answers without doubt, right": found.sure_right,
        "answered with “Unlike anything I was taught”, a false alarm": found.unfamiliar,
    }
    parts = [
        f"### Certainty, {escape(name_split(split))} pictures",
        _list(f"{words}: {describe_rate(rate)}" for words, rate in rates.items() if rate),
    ]
    if found.coverage:
        rows = [
            [
                name_for_display(name),
                describe_rate(one.rate),
                f"{100 * one.low:.1f}–{100 * one.high:.1f}%",
            ]
            for name, one in found.coverage.items()
        ]
        heads = ["class", "its 95% set holds it", "expected, 99% interval"]
        parts.append(_table(heads, rows))
    return "\n\n".join(part for part in parts if part)


def _write_detection(outside: OutOfDistribution | None) -> str:
    if outside is None:
        return ""
    parts = ["### Out-of-distribution pictures"]
    if outside.detected is not None:
        parts.append(
            f"Answered with “Unlike anything I was taught”: {describe_rate(outside.detected)}."
        )
    else:
        parts.append(NEVER_UNFAMILIAR)
    if outside.auroc is not None:
        auroc = f"{outside.auroc:.3f}"
        parts.append(f"AUROC against the pictures that it was measured on: {auroc}.")
    if outside.kinds:
        parts.append(_write_rates("kind", outside.kinds, "detected"))
    return "\n\n".join(parts)


def _write_rates(what: str, rates: Mapping[str, Rate], right: str = "right") -> str:
    return _table([what, right], [[name, describe_rate(rate)] for name, rate in rates.items()])


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [map(escape, heads), ["---"] * len(heads), *(map(escape, row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _flatten(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(n, f"{v:.6g}" if isinstance(v, float) else str(v)) for n, v in flatten(facts)]
