"""Makes picture files, good, odd and hostile, for the tests of decoding."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.images import register_formats

RED, GREEN, BLUE, YELLOW = (220, 30, 30), (30, 200, 30), (30, 30, 220), (230, 230, 20)
CORNERS = (RED, GREEN, BLUE, YELLOW)


def draw_corners(width: int = 96, height: int = 64) -> Image.Image:
    """Draw red top left, green top right, blue bottom left, yellow bottom right."""
    picture = Image.new("RGB", (width, height))
    half = (width // 2, height // 2)
    for colour, x, y in zip(CORNERS, (0, half[0]) * 2, (0, 0, half[1], half[1]), strict=True):
        picture.paste(colour, (x, y, x + width - half[0], y + height - half[1]))
    return picture


def save(picture: Image.Image, format_name: str, **options: Any) -> bytes:
    """Return the picture as a file of a format that Pillow or pillow-heif writes."""
    register_formats()
    file = io.BytesIO()
    picture.save(file, format_name, **options)
    return file.getvalue()


def read_corners(pixels: NDArray[np.uint8]) -> list[tuple[int, ...]]:
    """Return the colours at the four corners, a few pixels in, in reading order."""
    y, x = min(4, len(pixels) - 1), min(4, pixels.shape[1] - 1)
    places = ((y, x), (y, -1 - x), (-1 - y, x), (-1 - y, -1 - x))
    return [tuple(int(v) for v in pixels[place]) for place in places]


def make_exif(
    fields: list[tuple[int, int, int, int]], body: bytes = b"", order: str = "<"
) -> bytes:
    """Return an EXIF block of fields (tag, type, count, value or place), `body` behind them."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(fields))
    rows = [
        struct.pack(order + "HHIHH", *field, 0)
        if field[1] == 3 and field[2] == 1
        else struct.pack(order + "HHII", *field)
        for field in fields
    ]
    return head + b"".join(rows) + struct.pack(order + "I", 0) + body


def make_greedy_exif(fields: int, size: int, kind: int = 7) -> bytes:
    """Return an EXIF block whose many fields all point to the same `size` bytes."""
    unit = {7: 1, 3: 2}[kind]
    place = 10 + 12 * (fields + 1) + 4
    greedy = [(40_000 + i, kind, size // unit, place) for i in range(fields)]
    return make_exif([(0x0112, 3, 1, 6), *greedy], b"\x55" * size)


def make_greedy_tiff(fields: int, size: int) -> bytes:
    """Return a TIFF of 64 × 64 grey pixels whose many tags all point to the same bytes."""
    place = 10 + 12 * (fields + 9) + 4
    needed = [
        (256, 3, 1, 64),
        (257, 3, 1, 64),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, place),
        (277, 3, 1, 1),
        (278, 3, 1, 64),
        (279, 4, 1, 4096),
    ]
    greedy = [(40_000 + i, 7, size, place) for i in range(fields)]
    return make_exif([*needed, *greedy], b"\x55" * max(size, 4096))


def make_png_chunk(name: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + check


def make_png(width: int, height: int, *chunks: bytes, rows: bytes | None = None) -> bytes:
    """Return a 1-bit PNG that declares a size, with its black rows or those given."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    content = zlib.compress(bytes((width + 7) // 8 + 1) * height if rows is None else rows, 9)
    parts = [make_png_chunk(b"IHDR", header), *chunks, make_png_chunk(b"IDAT", content)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + make_png_chunk(b"IEND", b"")


def put_after_png_header(png: bytes, *chunks: bytes) -> bytes:
    return png[:33] + b"".join(chunks) + png[33:]


def make_jpeg_segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def put_into_jpeg(jpeg: bytes, *segments: bytes) -> bytes:
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def put_into_gif(gif: bytes, extension: bytes) -> bytes:
    """Put an extension between a GIF's global palette and its first frame."""
    start = 13 + 3 * (2 << (gif[10] & 7) if gif[10] & 128 else 0)
    return gif[:start] + extension + gif[start:]
