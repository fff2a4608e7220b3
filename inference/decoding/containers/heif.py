"""AVIF and HEIC: is each picture in the file coded once, and used once?

Their decoders work in one go, and a file can hold many hidden pictures, or use one many times:
20 MB can ask for half an hour. What phones write does not; all else is decoded apart.
"""

import re
import struct
from collections.abc import Iterator

from inference.decoding.containers.boxes import Item, Items, read_items
from inference.decoding.containers.hevc import is_one_picture, read_samples
from inference.decoding.containers.lean import LeanFile

# How the item that holds EXIF is named; these formats turn pictures by boxes of their own.
# Source: ISO/IEC 14496-12, ItemInfoEntry of version 2 or 3.
_EXIF_ITEM = re.compile(rb"(infe.{8}(?:..)?)Exif", re.DOTALL)
_AV1, _HEVC, _GRID = b"av01", b"hvc1", b"grid"
_OTHERS = frozenset((_GRID, b"Exif", b"mime", b"uri ", b"tmap"))  # tmap: HDR by a second picture
_MAX_OBUS = 100  # of one item
_TILE_PIXELS = 4_000_000  # that tiles may reach beyond their grid
_SEQUENCE_HEADER, _FRAME, _HARMLESS = 1, 6, frozenset((2, 15))  # Source: AV1, 6.2.2
# Measured with libheif (libde265) and libavif (dav1d), noise and plain colour.
_SECONDS = {_HEVC: (17e-9, 0.1e-6), _AV1: (15e-9, 0.075e-6)}  # for a pixel and for a byte


def read_heif(data: bytes) -> LeanFile:
    """Hide EXIF, which says nothing of the pixels, and find out whether decoding is bounded."""
    try:
        items = read_items(data)
        is_plain = all(map(_is_plain, items.found.values())) and _are_used_once(items)
        each = _count_bytes(items)
    except (ValueError, IndexError, struct.error):
        return LeanFile(_EXIF_ITEM.sub(rb"\1none", data), is_bounded=False)
    coded = [item for item in items.found.values() if item.kind in _SECONDS]
    return LeanFile(
        _hide_exif(data, items),
        bytes_per_pixel=each,
        seconds=sum(map(_find_seconds, coded)),
        is_bounded=is_plain and bool(coded),
    )


def _count_bytes(items: Items) -> float:
    """Return what libheif holds for a pixel: its samples twice, those of alpha too, and RGBA."""
    samples = [found for box in items.hevc for found in read_samples(box)]
    if not samples:
        return 0.0
    alpha = 2.0 * items.has_alpha
    most = max(found.bytes for found in samples)
    return (2 * most + alpha * (1 if most < 2 else 2)) + 3 + items.has_alpha


def _hide_exif(data: bytes, items: Items) -> bytes:
    places = [item.kind_at for item in items.found.values() if item.kind == b"Exif"]
    if not places:
        return data
    changed = bytearray(data)
    for place in places:
        changed[place : place + 4] = b"none"
    return bytes(changed)


def _count_pixels(item: Item) -> int:
    return item.size[0] * item.size[1]


def _find_seconds(item: Item) -> float:
    for_pixel, for_byte = _SECONDS[item.kind]
    return _count_pixels(item) * for_pixel + sum(map(len, item.pieces)) * for_byte


def _are_used_once(items: Items) -> bool:
    """Return whether no picture is part of others twice, and grids are as large as their tiles."""
    sources = [items.get(number) for number in items.sources]
    tiles = sum(_count_pixels(item) for item in sources if item.kind in _SECONDS)
    grids = sum(_count_pixels(item) for item in items.found.values() if item.kind == _GRID)
    return len(set(items.sources)) == len(items.sources) and tiles <= 1.5 * grids + _TILE_PIXELS


def _is_plain(item: Item) -> bool:
    """Return whether an item is no picture, or exactly one that is as large as it says."""
    data = item.pieces[0] if len(item.pieces) == 1 else memoryview(b"".join(item.pieces))
    if item.kind == _HEVC:
        return is_one_picture(data)
    if item.kind == _AV1:
        return _is_one_av1_frame(data, item.size)
    return item.kind in _OTHERS


def _is_one_av1_frame(data: memoryview, size: tuple[int, int]) -> bool:
    frames, sizes = 0, []
    for kind, content in _list_obus(data):
        if kind == _SEQUENCE_HEADER:
            sizes.append(_read_still_size(content))
        elif kind == _FRAME:
            frames += 1
        elif kind not in _HARMLESS:
            return False
    return frames == 1 and sizes == [size]


def _list_obus(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield types and contents of what an AV1 item is made of. Source: AV1, 5.3.

    Raises: ValueError for too many.
    """
    place, found = 0, 0
    while place < len(data):
        found += 1
        if found > _MAX_OBUS:
            raise ValueError("This AV1 is made of too many units.")
        head = data[place]
        place += 2 if head & 4 else 1
        size = len(data) - place
        if head & 2:
            size, shift, more = 0, 0, True
            while more:
                byte = data[place]
                size, shift, more = size | (byte & 127) << shift, shift + 7, byte > 127
                place += 1
        yield head >> 3 & 15, data[place : place + size]
        place += size


def _read_still_size(header: memoryview) -> tuple[int, int] | None:
    """Return width and height of a sequence of one frame. Source: AV1, 5.5.1."""
    bits = f"{int.from_bytes(bytes(header[:8]).ljust(8, bytes(1))):064b}"
    if bits[3:5] != "11":  # a still picture, by a reduced header
        return None
    widths = int(bits[10:14], 2) + 1, int(bits[14:18], 2) + 1
    middle = 18 + widths[0]
    return int(bits[18:middle], 2) + 1, int(bits[middle : middle + widths[1]], 2) + 1
