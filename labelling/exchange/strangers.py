"""What a version from elsewhere must be, beyond answering: its card, its memory, its backbone.

A card's `metrics` and `trust` are shown, its memory is learnt from, and its backbone's name
decides whose embeddings are taken for whose: none of it is believed because it says so.
"""

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from inference.errors import UserInputError
from inference.versions.cards import GEOMETRIES, Card, InputGeometry, Thresholds, read_card
from labelling.exchange.archives import BROKEN

_MAX_MEMORY = 2_000_000_000  # bytes, unpacked
# Ours has 5 kB; a hundred classes make 300 kB of it.
_MAX_CARD = 4_000_000  # bytes, of model.json and of README.md alike
_MAX_VALUES, _MAX_DEPTH = 200_000, 12
_MAX_TEXT = 10_000  # characters
# Beyond any size, count or time of ours, and still a whole number as float64.
_MAX_NUMBER = 1e15
_MAX_SIDE = 4096  # pixels
_MAX_PROBES = 20
_HEAD = {"head_weight", "head_bias", "temperature", "num_classes"}
_RATE = {"correct", "n", "value", "low", "high"}


def check_version(folder: Path, card: Card, shown: str) -> None:
    """Look at the card's values, at the size of its prose and at the memory.

    Raises: UserInputError where any is not as this program writes it.
    """
    prose = folder / "README.md"
    if not _is_ours(card) or (prose.is_file() and prose.stat().st_size > _MAX_CARD):
        raise _refuse_card(shown)
    path = folder / "memory.npz"
    if path.is_file() and not _is_memory(path, len(card.class_names)):
        raise UserInputError(f"The memory of {shown} is not as ours are. Make the bundle anew.")


def read_foreign_card(folder: Path, shown: str) -> Card:
    """Read a card of any size and depth that a stranger may give it.

    Raises: UserInputError where it is not one of ours.
    """
    path = folder / "model.json"
    if path.is_file() and path.stat().st_size > _MAX_CARD:
        raise _refuse_card(shown)
    try:
        return read_card(folder)
    except UserInputError:
        raise
    except (ValueError, RecursionError) as error:  # no text, endless numbers, deep nesting
        raise _refuse_card(shown) from error


def hash_backbone(path: Path) -> str:
    """Return the SHA-256 of all that a network computes before its head."""
    import onnx  # noqa: PLC0415  (a quarter of a second that other imports need not wait for)

    graph = onnx.load(path, load_external_data=False).graph
    found = hashlib.sha256()
    for node in graph.node:
        found.update(node.SerializeToString(deterministic=True))
    for initializer in graph.initializer:
        if initializer.name not in _HEAD:
            found.update(initializer.SerializeToString(deterministic=True))
    return found.hexdigest()


def _refuse_card(shown: str) -> UserInputError:
    return UserInputError(f"The card of {shown} is not as ours are. Make the bundle anew.")


def _is_ours(card: Card) -> bool:
    """Tell whether everything that reads a card can rely on this one; the sizes come first."""
    return (
        _is_small([*vars(card).values()])
        and _is_plain(card)
        and _is_input(card.input)
        and _is_thresholds(card.thresholds, card.class_names)
        and _is_counts(card.data.get("counts", {}))
        and all(
            _is_counts({name: card.data.get(name, {})}) for name in ("remembered", "calibrating")
        )
        and _is_training(card.training)
        and all(_is_measured(found, len(card.class_names)) for found in card.metrics.values())
        and _is_trust(card.trust)
        and _is_probes(card.probes, len(card.class_names))
    )


def _is_small(values: list[Any]) -> bool:
    """Tell whether JSON is neither deep nor long, its numbers finite and its texts valid."""
    waiting, seen = [(value, 1) for value in values], 0
    while waiting:
        value, depth = waiting.pop()
        seen += 1
        if depth > _MAX_DEPTH or seen > _MAX_VALUES:
            return False
        if isinstance(value, InputGeometry | Thresholds):
            waiting += [(inner, depth + 1) for inner in vars(value).values()]
        elif isinstance(value, dict):
            waiting += [(inner, depth + 1) for pair in value.items() for inner in pair]
        elif isinstance(value, list | tuple):
            waiting += [(inner, depth + 1) for inner in value]
        elif not (value is None or isinstance(value, bool) or _is_number(value) or _is_text(value)):
            return False
    return True


def _is_plain(card: Card) -> bool:
    texts = (card.backbone, card.created, card.licence, card.graph_sha256, card.backbone_sha256)
    return (
        all(isinstance(table, dict) for table in (card.data, card.training, card.metrics))
        and all(map(_is_text, texts))
        and all(_is_texts(table) for table in (card.libraries, card.files))
        and _is_whole(card.version, 1)
        and _is_number(card.temperature)
        and card.temperature > 0
        and len(set(card.class_names)) == len(card.class_names) >= 2
        and card.catch_all in (None, *card.class_names)
        and isinstance(card.parent, dict | None)
    )


def _is_input(geometry: InputGeometry) -> bool:
    channels = (geometry.mean, geometry.std)
    return (
        _is_whole(geometry.size, 1, _MAX_SIDE)
        and geometry.geometry in GEOMETRIES
        and _is_number(geometry.crop_ratio)
        and 0.1 <= geometry.crop_ratio <= 1
        and all(isinstance(values, tuple) and len(values) == 3 for values in channels)
        and all(map(_is_number, (*geometry.mean, *geometry.std)))
        and min(geometry.std) > 0
        and _is_text(geometry.interpolation)
    )


def _is_thresholds(thresholds: Thresholds, class_names: tuple[str, ...]) -> bool:
    conformal = thresholds.conformal
    return (
        isinstance(conformal, dict)
        and set(conformal) in (set(), set(class_names))
        and all(map(_is_number, conformal.values()))
        and (thresholds.unfamiliar is None or _is_number(thresholds.unfamiliar))
        and _is_whole(thresholds.neighbour, 1)
        and (thresholds.ceiling is None or _is_number(thresholds.ceiling))
        and isinstance(thresholds.spreads, dict)
        and set(thresholds.spreads) <= set(class_names)
        and all(_is_number(spread) and spread > 0 for spread in thresholds.spreads.values())
    )


def _is_counts(counts: Any) -> bool:  # noqa: ANN401  (JSON)
    """Tell whether this is split → class → pictures."""
    return isinstance(counts, dict) and all(
        isinstance(split, dict) and all(map(_is_whole, split.values())) for split in counts.values()
    )


def _is_training(training: dict[str, Any]) -> bool:
    """Tell whether what is shown in words is as it should be; the rest may be any JSON."""
    times = [training.get(name) for name in ("minutes", "seconds")]
    texts = [training.get(name) for name in ("device", "kind")]
    return all(time is None or (_is_number(time) and time >= 0) for time in times) and all(
        text is None or _is_text(text) for text in texts
    )


def _is_measured(metrics: Any, classes: int) -> bool:  # noqa: ANN401
    """Tell whether this is what `trainer.evaluation.metrics` measures."""
    if not isinstance(metrics, dict) or not _is_rate(metrics.get("top1")):
        return False
    groups = [metrics.get(name, {}) for name in ("per_class", "per_source", "per_group")]
    return (
        _is_number(metrics.get("ece", 0.0))
        and all(isinstance(group, dict) for group in groups)
        and all(_is_rate(rate) for group in groups for rate in group.values())
        and ("confusion" not in metrics or _is_confusion(metrics["confusion"], classes))
    )


def _is_trust(trust: Any) -> bool:  # noqa: ANN401
    """Tell whether what is shown of it is as we measure it; the rest may be any JSON."""
    if not isinstance(trust, dict):
        return False
    certainty, outsiders = (trust.get(name, {}) for name in ("certainty", "outsiders"))
    return (
        isinstance(certainty, dict)
        and all(map(_is_certainty, certainty.values()))
        and isinstance(outsiders, dict)
        and _is_number(outsiders.get("auroc", 0.0))
        and ("found" not in outsiders or _is_rate(outsiders["found"]))
        and _is_rates(outsiders.get("kinds", {}))
        and _is_rates(trust.get("corruptions", {}))
    )


def _is_certainty(found: Any) -> bool:  # noqa: ANN401
    """Tell whether this is how far one split's answers could be relied on."""
    if not isinstance(found, dict) or not isinstance(found.get("coverage", {}), dict):
        return False
    rates = [found[name] for name in ("unsure", "unfamiliar", "sure_right") if name in found]
    return all(map(_is_rate, rates)) and all(
        isinstance(one, dict)
        and _is_rate(one.get("rate"))
        and all(_is_number(one.get(name)) for name in ("low", "high"))
        for one in found.get("coverage", {}).values()
    )


def _is_rates(rates: Any) -> bool:  # noqa: ANN401
    return isinstance(rates, dict) and all(map(_is_rate, rates.values()))


def _is_rate(rate: Any) -> bool:  # noqa: ANN401
    return isinstance(rate, dict) and all(_is_number(rate.get(name)) for name in _RATE)


def _is_confusion(rows: Any, classes: int) -> bool:  # noqa: ANN401
    """Tell whether this is a table of counts with a row and a column for each class."""
    return (
        isinstance(rows, list)
        and len(rows) == classes
        and all(isinstance(row, list) and len(row) == classes for row in rows)
        and all(_is_whole(count) for row in rows for count in row)
    )


def _is_probes(probes: Any, classes: int) -> bool:  # noqa: ANN401
    return (
        isinstance(probes, list)
        and len(probes) <= _MAX_PROBES
        and all(isinstance(probe, dict) and _is_probe(probe, classes) for probe in probes)
    )


def _is_probe(probe: dict[str, Any], classes: int) -> bool:
    """Tell whether `inference.versions.probes` can make this one, quickly."""
    probabilities = probe.get("probabilities")
    return (
        all(_is_whole(probe.get(name), 1, _MAX_SIDE) for name in ("height", "width"))
        and _is_whole(probe.get("seed"), 0, 1_000_000)
        and isinstance(probabilities, list)
        and len(probabilities) == classes
        and all(map(_is_number, probabilities))
    )


def _is_number(value: Any) -> bool:  # noqa: ANN401
    """Tell whether this is a number that is finite and not endless."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and -_MAX_NUMBER <= value <= _MAX_NUMBER
    )


def _is_whole(value: Any, low: int = 0, high: float = _MAX_NUMBER) -> bool:  # noqa: ANN401
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_text(value: Any) -> bool:  # noqa: ANN401
    """Tell whether this is a text that can be written in UTF-8."""
    return (
        isinstance(value, str)
        and len(value) <= _MAX_TEXT
        and value.encode("utf-8", "ignore").decode() == value
    )


def _is_texts(table: Any) -> bool:  # noqa: ANN401
    return isinstance(table, dict) and all(map(_is_text, table.values()))


def _is_memory(path: Path, classes: int) -> bool:
    """Tell whether a file holds finite embeddings and as many targets, sides and names."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MAX_MEMORY:
                return False
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays}
        embeddings, targets, is_val = (found[n] for n in ("embeddings", "targets", "is_val"))
        for name in ("sha256", "group"):
            np.char.decode(found.get(name, np.zeros(0, "S64")).astype("S64"), "ascii")
    except (*BROKEN, OSError, ValueError, KeyError, MemoryError):
        return False
    return bool(
        embeddings.ndim == 2
        and {value.shape[:1] for value in found.values()} == {embeddings.shape[:1]}
        and embeddings.dtype.kind == "f"
        and np.isfinite(embeddings).all()
        and (targets.dtype.kind, is_val.dtype.kind) == ("i", "b")
        and ((targets >= -1) & (targets < classes)).all()
    )
