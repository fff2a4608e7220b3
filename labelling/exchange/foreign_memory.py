"""The replay memory of a version from elsewhere, judged by its headers before it is read.

A few kilobytes unpack to gigabytes, and text a byte wide becomes 64 times as wide once it is what
our trainer reads: so only arrays of our own shapes and types are unpacked at all.
"""

import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.lib import format as npy

from labelling.exchange.archives import BROKEN

MAX_MEMORY = 300_000_000  # bytes of memory.npz, unpacked: 100,000 images
_MAX_ROWS = 1_000_000


class _Header(NamedTuple):
    """What an array is: the kind of its values, how many bytes one takes, and its shape."""

    kind: str
    itemsize: int
    shape: tuple[int, ...]


# The kind of each array's values, how many bytes one may take, and the dimensions.
_FORMS = {
    "embeddings": ("f", 8, 2),
    "targets": ("i", 8, 1),
    "is_val": ("b", 1, 1),
    "sha256": ("S", 64, 1),
    "group": ("S", 64, 1),
}
_TEXTS = {"sha256", "group"}  # which older ones lack


def is_memory(path: Path, classes: int, max_bytes: int = MAX_MEMORY) -> bool:
    """Tell whether a file holds finite embeddings and as many targets, sides and names."""
    try:
        headers = _read_headers(path, max_bytes)
        if not _are_ours(headers, max_bytes):
            return False
        with np.load(path, allow_pickle=False) as arrays:
            embeddings, targets = arrays["embeddings"], arrays["targets"]
            texts = [np.ascontiguousarray(arrays[name]) for name in _TEXTS & headers.keys()]
    except (*BROKEN, OSError, ValueError, KeyError, RuntimeError, MemoryError):
        return False
    return bool(
        np.isfinite(embeddings).all()
        and ((targets >= -1) & (targets < classes)).all()
        and all((text.view(np.uint8) < 128).all() for text in texts)
    )


def _read_headers(path: Path, max_bytes: int) -> dict[str, _Header]:
    """Return what each array of an npz says of itself; nothing is unpacked but that.

    Raises: ValueError where it is larger than `max_bytes`, or not as we write it; what zipfile
    raises on broken archives.
    """
    headers = {}
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if len(entries) > len(_FORMS) or sum(e.file_size for e in entries) > max_bytes:
            raise ValueError("This memory holds too much.")
        for entry in entries:
            with archive.open(entry) as file:
                if npy.read_magic(file) != (1, 0):
                    raise ValueError("This array is of a version that we do not write.")
                shape, _, dtype = npy.read_array_header_1_0(file)
            headers[entry.filename.removesuffix(".npy")] = _Header(
                dtype.kind, dtype.itemsize, shape
            )
    if len(headers) < len(entries):
        raise ValueError("This memory holds an array twice.")
    return headers


def _are_ours(headers: Mapping[str, _Header], max_bytes: int) -> bool:
    """Tell whether arrays have our names, types and shapes, with one row an image."""
    if not _FORMS.keys() - _TEXTS <= headers.keys() <= _FORMS.keys():
        return False
    if not all(_has_form(name, header) for name, header in headers.items()):
        return False
    rows = {header.shape[0] for header in headers.values()}
    size = sum(math.prod(header.shape) * header.itemsize for header in headers.values())
    return len(rows) == 1 and max(rows) <= _MAX_ROWS and size <= max_bytes


def _has_form(name: str, header: _Header) -> bool:
    kind, itemsize, dimensions = _FORMS[name]
    is_text = name in _TEXTS  # of one width only: another would be widened
    return (
        header.kind == kind
        and (header.itemsize == itemsize if is_text else header.itemsize <= itemsize)
        and len(header.shape) == dimensions
    )
