"""PNG: the chunks that make its pixels, without texts, profiles and further frames."""

import struct
from collections.abc import Iterator

from inference.decoding.containers.lean import LeanFile
from inference.exif import read_orientation

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MAX_CHUNKS = 200_000
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
# Measured with zlib-ng and Pillow 12.3, rows that are all filtered by Paeth's rule.
_SECONDS_PER_BYTE, _SECONDS_PER_ALPHA = 6e-9, 6e-9


def read_png(data: bytes) -> LeanFile:
    """Keep header, palette, transparency and pixels; the pixels' chunks become one."""
    first: dict[bytes, memoryview] = {}
    pixels: list[memoryview] = []
    for name, chunk in _list_chunks(data):
        if name == b"IDAT":
            pixels.append(chunk[8:-4])
        first.setdefault(name, chunk)
        if name == b"IEND":
            break
    if b"IHDR" not in first:
        return LeanFile(data)
    size = sum(map(len, pixels))
    lean = b"".join(
        (
            SIGNATURE,
            *(first[name] for name in (b"IHDR", b"PLTE", b"tRNS") if name in first),
            struct.pack(">I4s", size, b"IDAT"),
            *pixels,
            bytes(4),  # Pillow checks no sum of pixels; their own format has one
            first.get(b"IEND", b""),
        )
    )
    exif = bytes(first[b"eXIf"][8:-4]) if b"eXIf" in first else b""
    return LeanFile(lean, read_orientation(exif), seconds=_find_seconds(bytes(first[b"IHDR"])))


def _list_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield names and whole chunks; the last one may be cut off, and lacks its sum then."""
    place, view = len(SIGNATURE), memoryview(data)
    for _ in range(_MAX_CHUNKS):
        if place + 8 > len(data):
            return
        (length,) = struct.unpack_from(">I", data, place)
        end = place + 12 + length
        chunk = view[place:end]
        yield bytes(chunk[4:8]), chunk
        place = end


def _find_seconds(header: bytes) -> float:
    try:
        width, height, depth, colour = struct.unpack_from(">IIBB", header, 8)
    except struct.error:
        return 0.0
    pixel = depth * _CHANNELS.get(colour, 1) / 8 * _SECONDS_PER_BYTE
    alpha = _SECONDS_PER_ALPHA if colour in (4, 6) else 0.0
    return float(width * height * (pixel + alpha))
