"""The boxes of AVIF and HEIC: which items a file holds, and where their bytes are.

Source: ISO/IEC 14496-12, 8.11, and 23008-12.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

_ALPHA = (b":auxid:1", b":alpha")  # Source: 23008-12, 6.6.2
_CONTAINERS = {b"meta": 4, b"iprp": 0, b"ipco": 0}  # and the bytes before their first box


@dataclass
class Item:
    """One item of a file.

    `kind_at`: where its kind is told. `size`: width and height in pixels. `pieces`: its bytes.
    """

    kind: bytes = b""
    kind_at: int = 0
    size: tuple[int, int] = (0, 0)
    pieces: list[memoryview] = field(default_factory=list)


@dataclass
class Items:
    """All items by their numbers.

    `sources`: those that others are made of, once a mention. `hevc`: contents of all `hvcC`.
    """

    found: dict[int, Item] = field(default_factory=dict)
    sources: list[int] = field(default_factory=list)
    hevc: list[bytes] = field(default_factory=list)
    has_alpha: bool = False

    def get(self, number: int) -> Item:
        """Return an item, new where it was not mentioned yet."""
        return self.found.setdefault(number, Item())


class _Box(NamedTuple):
    name: bytes
    start: int
    stop: int


class _Numbers:
    """Reads one number after the other from a box."""

    def __init__(self, data: bytes, box: _Box) -> None:
        self.data, self.place, self.stop = data, box.start, box.stop

    def read(self, size: int) -> int:
        """Return the next whole number of so many bytes.

        Raises: ValueError beyond the end.
        """
        end = self.place + size
        if end > self.stop:
            raise ValueError("This box is cut off.")
        found = int.from_bytes(self.data[self.place : end])
        self.place = end
        return found


def read_items(data: bytes) -> Items:
    """Return the items of an AVIF or HEIC.

    Raises: ValueError for a file that holds a sequence, or is built in another way than phones'.
    """
    items, sizes, is_property = Items(), [(0, 0)], False  # properties count from 1
    for box in _list_boxes(data, 0, len(data)):
        numbers = _Numbers(data, box)
        if box.name == b"moov":
            raise ValueError("This file holds a sequence.")
        if box.name == b"ipma":
            is_property = False
            _associate(numbers, items, sizes)
        elif is_property:
            is_size = box.name == b"ispe"
            sizes.append(struct.unpack_from(">II", data, box.start + 4) if is_size else (0, 0))
            content = data[box.start : box.stop]
            items.hevc += [content] if box.name == b"hvcC" else []
            items.has_alpha |= box.name == b"auxC" and any(name in content for name in _ALPHA)
        elif box.name == b"ipco":
            is_property = True
        elif box.name == b"iloc":
            _locate(numbers, items, memoryview(data))
        elif box.name == b"iinf":
            _name(data, box, items)
        elif box.name == b"iref":
            items.sources += _list_sources(data, box)
    return items


def _list_boxes(data: bytes, start: int, end: int) -> Iterator[_Box]:
    """Yield boxes, and those in them that matter here."""
    while start + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, start)
        inner = start + 8
        if size == 1:
            size, inner = int.from_bytes(data[inner : inner + 8]), inner + 8
        stop = start + size if size else end
        if stop < inner or stop > end:
            raise ValueError("A box reaches beyond its end.")
        yield _Box(name, inner, stop)
        if name in _CONTAINERS:
            yield from _list_boxes(data, inner + _CONTAINERS[name], stop)
        start = stop


def _name(data: bytes, box: _Box, items: Items) -> None:
    """Read what kind each item is."""
    start = box.start + (6 if data[box.start] == 0 else 8)
    for name, place, _ in _list_boxes(data, start, box.stop):
        if name != b"infe" or data[place] not in (2, 3):
            raise ValueError("This file names its items in an old way.")
        width = 2 if data[place] == 2 else 4
        item = items.get(int.from_bytes(data[place + 4 : place + 4 + width]))
        item.kind_at = place + 6 + width
        item.kind = data[item.kind_at : item.kind_at + 4]


def _locate(numbers: _Numbers, items: Items, data: memoryview) -> None:
    """Read where each item's bytes are."""
    version = numbers.read(4) >> 24
    widths = numbers.read(2)
    offset, length, base, index = (widths >> shift & 15 for shift in (12, 8, 4, 0))
    for _ in range(numbers.read(2 if version < 2 else 4)):
        item = items.get(numbers.read(2 if version < 2 else 4))
        method = numbers.read(2) & 15 if version else 0
        numbers.read(2)
        origin = numbers.read(base)
        for _ in range(numbers.read(2)):
            numbers.read(index if version else 0)
            start, size = origin + numbers.read(offset), numbers.read(length)
            if method == 0:
                item.pieces.append(data[start : start + size if size else None])


def _associate(numbers: _Numbers, items: Items, sizes: list[tuple[int, int]]) -> None:
    """Read which of the properties, and so which size, each item has."""
    head = numbers.read(4)
    for _ in range(numbers.read(4)):
        item = items.get(numbers.read(4 if head >> 24 else 2))
        for _ in range(numbers.read(1)):
            place = numbers.read(2) & 0x7FFF if head & 1 else numbers.read(1) & 0x7F
            if place < len(sizes) and sizes[place] != (0, 0):
                item.size = sizes[place]


def _list_sources(data: bytes, box: _Box) -> Iterator[int]:
    """Yield the items that others are made of, such as the tiles of a grid."""
    width = 4 if data[box.start] else 2
    for reference in _list_boxes(data, box.start + 4, box.stop):
        numbers = _Numbers(data, reference)
        numbers.read(width)
        count = numbers.read(2)
        if reference.name == b"dimg":
            yield from (numbers.read(width) for _ in range(count))
