"""What a version from elsewhere must be, beyond answering: its card, its memory, its backbone.

A card's `metrics` and `trust` are shown, its memory is learnt from, and its backbone's name
decides whose embeddings are taken for whose: none of it is believed because it says so.
"""

import hashlib
import json
import zipfile
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from inference.errors import UserInputError
from inference.versions.cards import MAX_NUMBER, MAX_TEXT, Card, read_card
from labelling.exchange.archives import BROKEN

_MAX_MEMORY = 2_000_000_000  # bytes, unpacked
# Ours has 5 kB; a hundred classes make 300 kB of it.
_MAX_CARD = 4_000_000  # bytes, of model.json and of README.md alike
_MAX_VALUES, _MAX_DEPTH = 200_000, 12
_HEAD = {"head_weight", "head_bias", "temperature", "num_classes"}


def check_version(folder: Path, card: Card, shown: str) -> None:
    """Look at the size of a version's prose and at its memory.

    Raises: UserInputError where either is not as this program writes it.
    """
    prose = folder / "README.md"
    if prose.is_file() and prose.stat().st_size > _MAX_CARD:
        raise _refuse_card(shown)
    path = folder / "memory.npz"
    if path.is_file() and not _is_memory(path, len(card.class_names)):
        raise UserInputError(f"The memory of {shown} is not as ours are. Make the bundle anew.")


def read_foreign_card(folder: Path, shown: str) -> Card:
    """Read a card that may be of any size and hold anything.

    Raises: UserInputError where it is not one of ours.
    """
    path = folder / "model.json"
    if path.is_file() and path.stat().st_size > _MAX_CARD:
        raise _refuse_card(shown)
    try:
        card = read_card(folder)
        if not _is_small(json.loads(path.read_bytes())):
            raise _refuse_card(shown)
    except UserInputError as error:
        if isinstance(error.__cause__, ValidationError):
            raise _refuse_card(shown) from error
        raise
    except (ValueError, RecursionError) as error:  # endless numbers, deep nesting
        raise _refuse_card(shown) from error
    return card


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


def _is_small(values: object) -> bool:
    """Tell whether JSON is neither deep nor long, its numbers finite and its texts short."""
    waiting, seen = [(values, 0)], 0
    while waiting:
        value, depth = waiting.pop()
        seen += 1
        if depth > _MAX_DEPTH or seen > _MAX_VALUES:
            return False
        if isinstance(value, dict):
            waiting += [(inner, depth + 1) for pair in value.items() for inner in pair]
        elif isinstance(value, list):
            waiting += [(inner, depth + 1) for inner in value]
        elif isinstance(value, str):
            if len(value) > MAX_TEXT:
                return False
        elif isinstance(value, int | float) and not -MAX_NUMBER <= value <= MAX_NUMBER:
            return False
    return True


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
