"""TIFF: its first directory written anew with only the tags that make pixels.

A decoder otherwise unpacks every tag, however many point to the same bytes, and follows every
directory that another one names.
"""

import re
import struct
from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from inference.decoding.containers.lean import LeanFile
from inference.errors import UserInputError

MAX_STRIPS = 50_000
_WIDTH, _HEIGHT, _DEPTHS, _COMPRESSION, _ORIENTATION, _SAMPLES = 256, 257, 258, 259, 274, 277
_OFFSETS, _ROWS, _SIZES = (273, 324), 278, (279, 325)
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
_RAW, _JPEG = 1, (6, 7)
# Tags that decoders need. Source: TIFF 6.0; 347 is of its supplement 2.
_NEEDED = frozenset(
    (
        *(256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320),
        *(322, 323, 324, 325, 338, 339, 347, 512, 513, 514, 515, 517, 518, 519, 520, 521),
        *(529, 530, 531, 532),
    )
)
# All types of whole numbers, which libtiff takes for one another.
_LETTERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_COUNTS = (_WIDTH, _HEIGHT, _DEPTHS, _COMPRESSION, _SAMPLES, _ROWS, _TILE_WIDTH, _TILE_HEIGHT)
_MAX_VALUES = 70_000
# How a progressive frame begins, each of whose scans costs the whole, or a lossless one: no JPEG
# within a picture for the web is either.
_ODD_FRAME = re.compile(rb"\xff[\xc2\xc3\xc6\xc7\xca\xcb\xce\xcf]\0[\x0b\x0e\x11\x14][\x02-\x10]")
# Measured with libtiff 4.7 and Pillow 12.3.
_SECONDS_PER_BYTE, _SECONDS_PER_STRIP = 3.5e-9, 15e-6
_TOO_DEAR = (
    "This TIFF is built in a way that makes it too dear to decode. Save it again, as a PNG or JPEG."
)


class _Layout(NamedTuple):
    """How numbers stand in a TIFF: its byte order, and whether it is a BigTIFF."""

    order: str
    big: bool

    @property
    def entry(self) -> int:
        """Bytes of one entry of a directory."""
        return 20 if self.big else 12


class _Entry(NamedTuple):
    kind: int
    values: int
    raw: bytes


def read_tiff(data: bytes) -> LeanFile:
    """Return the file with a directory of its own behind it, and its price.

    Raises: UserInputError for one of too many strips, or whose strips are told to overlap.
    """
    layout = _Layout("<" if data[:1] == b"I" else ">", data[2:4] in (b"+\0", b"\0+"))
    try:
        entries = _read_directory(data, layout)
        tags = {tag: _read_values(data, layout, entries[tag]) for tag in _NEEDED & set(entries)}
        orientation = entries.get(_ORIENTATION)
        turned = _read_values(data, layout, orientation) if orientation else (1,)
    except (struct.error, KeyError, OverflowError):  # of a place beyond what a file can hold
        return LeanFile(data, 1, is_bounded=False)  # decoders may read what is left of it
    _check_strips(data, tags)
    memory, seconds = _find_price(tags)
    lean = _write(data, layout, entries)
    return LeanFile(lean, (turned or (1,))[0], memory=memory, seconds=seconds)


def _read_directory(data: bytes, layout: _Layout) -> dict[int, _Entry]:
    """Return the entries of the first directory by their tags."""
    order, big = layout
    (start,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, start)
    start += 8 if big else 2
    entries: dict[int, _Entry] = {}
    for place in range(start, start + min(count, 65_535) * layout.entry, layout.entry):
        tag, kind, values = struct.unpack_from(order + ("HHQ" if big else "HHI"), data, place)
        raw = data[place : place + layout.entry]
        entries.setdefault(tag, _Entry(kind, values, raw))
    return entries


def _read_values(data: bytes, layout: _Layout, entry: _Entry) -> tuple[int, ...]:
    """Return whole numbers; () for other types.

    Raises: UserInputError where they are too many.
    """
    if entry.values > _MAX_VALUES:
        raise UserInputError(_describe_strips(entry.values))
    letter = _LETTERS.get(entry.kind)
    if letter is None:
        return ()
    room = 8 if layout.big else 4
    form = f"{layout.order}{entry.values}{letter}"
    if struct.calcsize(form) <= room:
        return struct.unpack_from(form, entry.raw, len(entry.raw) - room)
    (place,) = struct.unpack_from(layout.order + ("Q" if layout.big else "I"), entry.raw[-room:])
    return struct.unpack_from(form, data, place)


def _write(data: bytes, layout: _Layout, entries: Mapping[int, _Entry]) -> bytes:
    """Append a directory of what is needed, and let the header name it; no other follows it."""
    order, big = layout
    kept = [entries[tag].raw for tag in sorted(_NEEDED & set(entries))]
    place = len(data) + len(data) % 2
    number, word = ("Q", "Q") if big else ("H", "I")
    header = 8 if big else 4
    return b"".join(
        (
            data[:header],
            struct.pack(order + word, place),
            memoryview(data)[header + struct.calcsize(word) :],
            bytes(len(data) % 2),
            struct.pack(order + number, len(kept)),
            *kept,
            struct.pack(order + word, 0),
        )
    )


def _check_strips(data: bytes, tags: Mapping[int, tuple[int, ...]]) -> None:
    strips = max(len(tags.get(tag, ())) for tag in (*_OFFSETS, *_SIZES))
    if strips > MAX_STRIPS:
        raise UserInputError(_describe_strips(strips))
    told = [tags[tag] for tag in (*_COUNTS, *_OFFSETS, *_SIZES) if tag in tags]
    if not all(values and min(values) >= 0 for values in told):
        raise UserInputError(_TOO_DEAR)
    compression = tags.get(_COMPRESSION, (_RAW,))[:1]
    if compression == (_RAW,):
        return
    is_odd = compression[0] in _JPEG and _ODD_FRAME.search(data)
    if is_odd or _are_used_twice(tags):
        raise UserInputError(_TOO_DEAR)


def _are_used_twice(tags: Mapping[int, tuple[int, ...]]) -> bool:
    """Return whether bytes of the file are part of several strips, by the tags of one or both."""
    offsets, sizes = ([tags[tag] for tag in pair if tag in tags] for pair in (_OFFSETS, _SIZES))
    if (len(offsets), len(sizes)) != (1, 1):
        return len(offsets) > 1 or len(sizes) > 1
    strips = sorted(zip(*offsets, *sizes, strict=False))
    return any(start + length > later for (start, length), (later, _) in pairwise(strips))


def _find_price(tags: Mapping[int, tuple[int, ...]]) -> tuple[float, float]:
    """Return bytes and seconds: a strip is unpacked as a whole, and each costs a start."""

    def read(tag: int, default: int) -> int:
        return (tags.get(tag) or (default,))[0]

    width, height = read(_WIDTH, 0), read(_HEIGHT, 0)
    samples = max(read(_SAMPLES, 1), len(tags.get(_DEPTHS, ())))
    each = samples * read(_DEPTHS, 1) / 8  # bytes of a pixel
    strips = max(len(tags.get(tag, ())) for tag in _OFFSETS)
    seconds = width * height * each * _SECONDS_PER_BYTE + strips * _SECONDS_PER_STRIP
    if read(_COMPRESSION, _RAW) == _RAW:
        return 0.0, seconds
    area = read(_TILE_WIDTH, width) * read(_TILE_HEIGHT, min(height, read(_ROWS, height)))
    return area * max(4, each), seconds


def _describe_strips(count: int) -> str:
    return (
        f"This TIFF is cut into {count:,} pieces; at most {MAX_STRIPS:,} are taken. "
        "Save it again, as a PNG or JPEG."
    )
