"""Whether a version's files are those that were written, and whether it answers as its card says.

Its card holds the hashes: `files` of what lies beside `model.onnx`, `graph_sha256` of that file
without its metadata, in which the text of `model.json` stands once more. Cards of the first
release hold none; then the probes decide.
"""

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from inference.errors import UserInputError
from inference.versions.cards import Card, read_card
from inference.versions.probes import TOLERANCE, make_probe

MODEL, CARD, MEMORY = "model.onnx", "model.json", "memory.npz"
_KEPT = 256  # versions whose check is remembered
# Fields and wire types of protobuf. Source: onnx.proto, ModelProto and StringStringEntryProto.
_METADATA, _KEY, _VALUE = 14, 1, 2
_VARINT, _FIXED_64, _LENGTH, _FIXED_32 = 0, 1, 2, 5
_MAX_FIELDS, _MAX_ENTRY_FIELDS = 1_000, 10  # of a network, in which the graph is one; ours have 9


def check_version(folder: Path) -> Card:
    """Return a version's card, having compared with it all that an answer is made of.

    Raises: UserInputError where a file is missing, cannot be read or is not the one written.
    """
    try:
        card = read_card(folder)
        _check_graph(folder, card)
        check_file(folder, card, MEMORY)
    except OSError as error:
        raise UserInputError(
            f"{name_version(folder)} cannot be read: {error.strerror or error}. "
            "Change its permissions, or use another version."
        ) from error
    return card


def find_fault(folder: Path) -> str | None:
    """Return a sentence where `check_version` finds a fault; files that stay are read once."""
    stamps = []
    for name in (CARD, MODEL, MEMORY):
        try:
            status = (folder / name).stat()
        except OSError:
            stamps.append((0, 0))
        else:
            stamps.append((status.st_size, status.st_mtime_ns))
    return _find_fault(folder, tuple(stamps))


@lru_cache(_KEPT)
def _find_fault(folder: Path, stamps: tuple[tuple[int, int], ...]) -> str | None:
    try:
        check_version(folder)
    except UserInputError as error:
        return str(error)
    return None


def try_version(folder: Path) -> Card:
    """Open a version on the CPU and let it answer its probes; returns its card.

    Raises: UserInputError where it does not open, or answers otherwise.
    """
    from inference.providers import open_session  # noqa: PLC0415  (listing need not wait for it)

    card = check_version(folder)
    check_memory(folder, card)
    wrong = find_wrong_probe(open_session(folder / MODEL), card)
    if wrong is not None:
        raise UserInputError(f"{name_version(folder)} is broken: {wrong} Use another version.")
    return card


def check_file(folder: Path, card: Card, name: str) -> None:
    """Compare one file beside `model.onnx` with its hash, where the card has one.

    Raises: UserInputError where it is missing or not the one written.
    """
    expected = card.files.get(name)
    if expected is None:
        return
    path = folder / name
    if not path.is_file():
        raise UserInputError(f"{name} of {name_version(folder)} is missing. Put it back.")
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != expected:
            raise _refuse(folder, name)


def check_memory(folder: Path, card: Card) -> None:
    """Look into a version's memory, of which an older card has no hash.

    Raises: UserInputError where it holds no embeddings of the card's classes.
    """
    path = folder / MEMORY
    if not path.is_file():
        return
    try:
        with np.load(path, allow_pickle=False) as arrays:
            embeddings = arrays["embeddings"]
            targets = arrays["targets"] if "targets" in arrays else np.zeros(len(embeddings), int)
    except Exception as error:
        raise _refuse(folder, MEMORY) from error
    count = len(card.class_names)
    if embeddings.ndim != 2 or targets.shape != embeddings.shape[:1]:
        raise _refuse(folder, MEMORY)
    if not (np.isfinite(embeddings).all() and ((targets >= -1) & (targets < count)).all()):
        raise _refuse(folder, MEMORY)


def find_wrong_probe(session: object, card: Card) -> str | None:
    """Return a sentence if a session does not reproduce the card's probe answers."""
    for probe in card.probes:
        image = make_probe(probe.height, probe.width, probe.seed)
        found = session.run(["probabilities"], {"image": image[None]})[0][0]  # type: ignore[attr-defined]
        off = float(np.abs(found - np.array(probe.probabilities)).max())
        if not off <= TOLERANCE:
            return f"its answers differ by {off:.3f} from those of the CPU."
    return None


def hash_graph(path: Path) -> tuple[str, str | None]:
    """Return the SHA-256 of a `model.onnx` without its metadata, and the card in that.

    Without the package onnx, which takes a quarter of a second to import.
    Raises: ValueError for what is no protobuf message, or of far more fields than ours.
    """
    found, card = hashlib.sha256(), None
    for field, whole, value in _list_fields(memoryview(path.read_bytes()), _MAX_FIELDS):
        if field != _METADATA:
            found.update(whole)
            continue
        entry = {inner: bytes(text) for inner, _, text in _list_fields(value, _MAX_ENTRY_FIELDS)}
        if entry.get(_KEY) == b"card":
            card = entry.get(_VALUE, b"").decode("utf-8", "replace")
    return found.hexdigest(), card


def name_version(folder: Path) -> str:
    """Return a version as sentences name it, by its folder, since its card may be damaged."""
    return f"{folder.parent.name} version {folder.name}"


def _check_graph(folder: Path, card: Card) -> None:
    path = folder / MODEL
    if not path.is_file():
        raise UserInputError(f"{folder} holds no model.onnx. Export the model anew.")
    try:
        sha256, inner = hash_graph(path)
    except ValueError as error:
        raise _refuse(folder, MODEL) from error
    if card.graph_sha256 and (sha256 != card.graph_sha256 or inner is None):
        raise _refuse(folder, MODEL)
    if inner is not None and inner.encode() != (folder / CARD).read_bytes():
        raise UserInputError(
            f"model.json of {name_version(folder)} is damaged: it is not the card that model.onnx "
            "holds. Put back both files, or use another version."
        )


def _list_fields(data: memoryview, most: int) -> Iterator[tuple[int, memoryview, memoryview]]:
    """Yield number, all bytes and value of each field of a protobuf message.

    Raises: ValueError where it is none, or has more than `most` fields.
    """
    at = 0
    for _ in range(most):
        if at == len(data):
            return
        start = at
        tag, at = _read_varint(data, at)
        kind, begin = tag & 7, at
        if kind == _VARINT:
            _, at = _read_varint(data, at)
        elif kind == _LENGTH:
            length, begin = _read_varint(data, at)
            at = begin + length
        elif kind in (_FIXED_64, _FIXED_32):
            at += 8 if kind == _FIXED_64 else 4
        else:
            raise ValueError("This is no protobuf message.")
        if at > len(data):
            raise ValueError("This message is cut off.")
        yield tag >> 3, data[start:at], data[begin:at]
    if at < len(data):
        raise ValueError("This message has too many fields.")


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
    """Return the number that begins at a place, and the place behind it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return value, at
    raise ValueError("This message is cut off.")


def _refuse(folder: Path, name: str) -> UserInputError:
    return UserInputError(
        f"{name} of {name_version(folder)} is damaged: it is not the file that was written with "
        "its card. Put the file back, or use another version."
    )
