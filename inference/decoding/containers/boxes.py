"""The boxes of AVIF and HEIC: which items a file holds, and where their bytes are.

Source: ISO/IEC 14496-12, 8.11, and 23008-12.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

_ALPHA = (b":auxid:1", b":alpha")  # Source: 23008-12, 6.6.2
# Boxes, items, their properties and pieces; a phone's largest picture has 5,000 in all, and a few
# bytes can say that there are billions.
_MAX_ENTRIES, _MAX_DEPTH, _MAX_HEVC = 50_000, 4, 100
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


class _Box(NamedTuple):
    name: bytes
    start: int
    stop: int


@dataclass
class Items:
    """All items by their numbers.

    `sources`: those that others are made of, once a mention. `hevc`: contents of all `hvcC`.
    """

    found: dict[int, Item] = field(default_factory=dict)
    sources: list[int] = field(default_factory=list)
    hevc: list[bytes] = field(default_factory=list)
    has_alpha: bool = False
    entries_left: int = _MAX_ENTRIES
    bytes_left: int = 0

    def get(self, number: int) -> Item:
        """Return an item, new where it was not mentioned yet."""
        return self.found.setdefault(number, Item())

    def add_piece(self, item: Item, piece: memoryview) -> None:
        """Say that some of the file's bytes are an item's.

        Raises: ValueError where items share theirs.
        """
        self.bytes_left -= len(piece)
        if self.bytes_left < 0:
            raise ValueError("Some bytes of this file are part of several items.")
        item.pieces.append(piece)

    def spend(self, entries: int) -> None:
        """Count entries before they are read.

        Raises: ValueError for too many.
        """
        self.entries_left -= entries
        if self.entries_left < 0:
            raise ValueError("This file is cut into too many pieces.")

    def list_boxes(self, data: bytes, start: int, end: int, depth: int = 0) -> Iterator[_Box]:
        """Yield boxes, and those in them that matter here.

        Raises: ValueError for too many, or one that does not fit.
        """
        while start + 8 <= end:
            self.spend(1)
            size, name = struct.unpack_from(">I4s", data, start)
            inner = start + 8
            if size == 1:
                size, inner = int.from_bytes(data[inner : inner + 8]), inner + 8
            stop = start + size if size else end
            if stop < inner or stop > end or depth > _MAX_DEPTH:
                raise ValueError("A box reaches beyond its end.")
            yield _Box(name, inner, stop)
            if name in _CONTAINERS:
                yield from self.list_boxes(data, inner + _CONTAINERS[name], stop, depth + 1)
            start = stop


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
    items, sizes, is_property = Items(bytes_left=len(data)), [(0, 0)], False  # these count from 1
    for box in items.list_boxes(data, 0, len(data)):
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
            if len(items.hevc) > _MAX_HEVC:
                raise ValueError("This file holds too many parameters.")
            items.has_alpha |= box.name == b"auxC" and any(name in content for name in _ALPHA)
        elif box.name == b"ipco":
            is_property = True
        elif box.name == b"iloc":
            _locate(numbers, items, memoryview(data))
        elif box.name == b"iinf":
            _name(data, box, items)
        elif box.name == b"iref":
            items.sources += _list_sources(data, box, items)
    return items


def _count(numbers: _Numbers, items: Items, size: int) -> int:
    """Return how many entries follow, as a number of so many bytes says."""
    count = numbers.read(size)
    items.spend(count)
    return count


def _name(data: bytes, box: _Box, items: Items) -> None:
    """Read what kind each item is."""
    start = box.start + (6 if data[box.start] == 0 else 8)
    for name, place, _ in items.list_boxes(data, start, box.stop):
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
    for _ in range(_count(numbers, items, 2 if version < 2 else 4)):
        item = items.get(numbers.read(2 if version < 2 else 4))
        method = numbers.read(2) & 15 if version else 0
        numbers.read(2)
        origin = numbers.read(base)
        for _ in range(_count(numbers, items, 2)):
            numbers.read(index if version else 0)
            start, size = origin + numbers.read(offset), numbers.read(length)
            if method == 0:
                items.add_piece(item, data[start : start + size if size else None])


def _associate(numbers: _Numbers, items: Items, sizes: list[tuple[int, int]]) -> None:
    """Read which of the properties, and so which size, each item has."""
    head = numbers.read(4)
    for _ in range(_count(numbers, items, 4)):
        item = items.get(numbers.read(4 if head >> 24 else 2))
        for _ in range(_count(numbers, items, 1)):
            place = numbers.read(2) & 0x7FFF if head & 1 else numbers.read(1) & 0x7F
            if place < len(sizes) and sizes[place] != (0, 0):
                item.size = sizes[place]


def _list_sources(data: bytes, box: _Box, items: Items) -> Iterator[int]:
    """Yield the items that others are made of, such as the tiles of a grid."""
    width = 4 if data[box.start] else 2
    for reference in items.list_boxes(data, box.start + 4, box.stop):
        numbers = _Numbers(data, reference)
        numbers.read(width)
        count = _count(numbers, items, 2)
        if reference.name == b"dimg":
            yield from (numbers.read(width) for _ in range(count))
