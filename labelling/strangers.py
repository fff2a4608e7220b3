"""What a version from elsewhere must be, beyond answering: its card, its memory, its backbone.

A card's `metrics` are shown, its memory is learnt from, and its backbone's name decides whose
embeddings are taken for whose: none of it is believed because it says so.
"""

import hashlib
import math
import zipfile
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from inference.cards import Card
from inference.errors import UserInputError

_MAX_MEMORY = 2_000_000_000  # bytes, unpacked
_HEAD = {"head_weight", "head_bias", "temperature", "num_classes"}
_RATE = {"correct", "n", "value", "low", "high"}


def check_version(folder: Path, card: Card, shown: str) -> None:
    """Look at the card's values and at the memory.

    Raises: UserInputError where either is not as this program writes it.
    """
    if not (_is_plain(card) and all(map(_is_measured, card.metrics.values()))):
        raise UserInputError(f"The card of {shown} is not as ours are. Make the bundle anew.")
    path = folder / "memory.npz"
    if path.is_file() and not _is_memory(path, len(card.class_names)):
        raise UserInputError(f"The memory of {shown} is not as ours are. Make the bundle anew.")


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


def _is_plain(card: Card) -> bool:
    tables = (card.data, card.training, card.metrics, card.libraries, card.files)
    texts = (card.backbone, card.created, card.licence, card.graph_sha256, card.backbone_sha256)
    thresholds = [*card.thresholds.conformal.values(), card.thresholds.unfamiliar or 0.0]
    return (
        all(isinstance(table, dict) for table in tables)
        and all(isinstance(text, str) for text in texts)
        and all(map(_is_number, (card.temperature, *thresholds)))
        and card.temperature > 0
        and len(set(card.class_names)) == len(card.class_names) >= 2
        and card.catch_all in (None, *card.class_names)
        and isinstance(card.parent, dict | None)
    )


def _is_measured(metrics: Any) -> bool:  # noqa: ANN401  (JSON)
    """Tell whether this is what `trainer.metrics` measures."""
    if not isinstance(metrics, dict) or not _is_rate(metrics.get("top1")):
        return False
    groups = [metrics.get(name, {}) for name in ("per_class", "per_source", "per_group")]
    return (
        _is_number(metrics.get("ece", 0.0))
        and all(isinstance(group, dict) for group in groups)
        and all(_is_rate(rate) for group in groups for rate in group.values())
        and _is_table(metrics.get("confusion", []))
    )


def _is_rate(rate: Any) -> bool:  # noqa: ANN401
    return isinstance(rate, dict) and all(_is_number(rate.get(name)) for name in _RATE)


def _is_table(rows: Any) -> bool:  # noqa: ANN401
    return isinstance(rows, list) and all(
        isinstance(row, list) and all(map(_is_number, row)) for row in rows
    )


def _is_number(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


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
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return False
    return bool(
        embeddings.ndim == 2
        and {len(value) for value in found.values()} == {len(embeddings)}
        and embeddings.dtype.kind == "f"
        and np.isfinite(embeddings).all()
        and (targets.dtype.kind, is_val.dtype.kind) == ("i", "b")
        and ((targets >= -1) & (targets < classes)).all()
    )
