"""Makes picture files that cost a decoder far more than their bytes suggest.

>>> for name, make in COSTLY_FILES.items():
...     data = make()
"""

import struct
import zlib
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from PIL import Image

from tests.inference.picture_files import (
    draw_corners,
    make_jpeg_segment,
    make_png_chunk,
    put_after_png_header,
    save,
)

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a PNG, by colour type
_PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
_STRIPS = (273, 324)
_Tag = tuple[int, int, Sequence[int]]


def make_progressive_jpeg(width: int, height: int, scans: int) -> bytes:
    """Return a grey JPEG whose scans say nothing but visit every coefficient."""
    blocks = -(-width // 8) * -(-height // 8)
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0"
    tables = (b"\0" + b"\1" + bytes(16), b"\x10" + b"\1" + bytes(15) + b"\xe0")
    head = (
        b"\xff\xd8" + make_jpeg_segment(0xDB, b"\0" + b"\1" * 64) + make_jpeg_segment(0xC2, frame)
    )
    head += b"".join(make_jpeg_segment(0xC4, table) for table in tables)
    first = make_jpeg_segment(0xDA, b"\1\1\0\0\0\0") + _pack_bits("0" * blocks)
    runs = _pack_bits(("0" + "1" * 14) * -(-blocks // 32767))
    coarse = make_jpeg_segment(0xDA, b"\1\1\0\1\x3f\1") + runs
    refined = make_jpeg_segment(0xDA, b"\1\1\0\1\x3f\x10") + runs
    return head + first + coarse + refined * (scans - 2) + b"\xff\xd9"


def make_sequential_jpeg(width: int, height: int, scans: int) -> bytes:
    """Return a JPEG in colour whose components come in scans of their own, again and again."""
    plain = save(Image.new("RGB", (64, 64)), "JPEG", subsampling=0)
    head = plain[: plain.index(b"\xff\xda")]
    frame = head.index(b"\xff\xc0")
    size = struct.pack(">HH", height, width)
    head = head[: frame + 5] + size + head[frame + 9 :]
    return head + make_jpeg_segment(0xDA, b"\1\1\0\0\x3f\0") * scans + b"\xff\xd9"


def make_lossless_jpeg(side: int) -> bytes:
    """Return a grey lossless JPEG, which decoders do not scale."""
    frame = struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0"
    table = make_jpeg_segment(0xC4, b"\0\1" + bytes(16))
    scan = make_jpeg_segment(0xDA, b"\1\1\0\1\0\0") + bytes(side * side // 8 + 1)
    return b"\xff\xd8" + make_jpeg_segment(0xC3, frame) + table + scan + b"\xff\xd9"


def make_large_png(
    width: int, height: int, depth: int, colour: int, *, laced: bool = False
) -> bytes:
    """Return a PNG of any kind of pixels, nearly all of them 0, filtered by Paeth's rule."""
    packer, parts = zlib.compressobj(6), []
    for x, y, dx, dy in _PASSES if laced else ((0, 0, 1, 1),):
        columns, rows = (width - x + dx - 1) // dx, (height - y + dy - 1) // dy
        row = b"\4\3" + bytes((columns * depth * _CHANNELS[colour] + 7) // 8 - 1)
        parts += [packer.compress(row * min(64, rows - i)) for i in range(0, rows, 64)]
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(laced))
    chunks = [make_png_chunk(b"IHDR", header)]
    chunks += [make_png_chunk(b"PLTE", bytes(768))] if colour == 3 else []
    chunks.append(make_png_chunk(b"IDAT", b"".join(parts) + packer.flush()))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + make_png_chunk(b"IEND", b"")


def make_tiff(tags: Sequence[_Tag], body: bytes, *, next_directory: int = 0) -> bytes:
    """Return a TIFF of tags (number, type, values); strips and tiles count from the body."""
    forms = {3: "<u2", 4: "<u4", 9: "<i4"}
    place = 8 + 2 + 12 * len(tags) + 4
    raws = [
        np.array(values, forms[kind]).tobytes() if kind in forms else bytes(values)
        for _, kind, values in sorted(tags)
    ]
    start = place + sum(len(raw) for raw in raws if len(raw) > 4)
    rows, behind = b"", b""
    for (tag, kind, values), found in zip(sorted(tags), raws, strict=True):
        raw = (np.array(values, "<u4") + start).astype("<u4").tobytes() if tag in _STRIPS else found
        inline = raw.ljust(4, b"\0") if len(raw) <= 4 else struct.pack("<I", place + len(behind))
        behind += raw if len(raw) > 4 else b""
        rows += struct.pack("<HHI", tag, kind, len(values)) + inline
    head = b"II*\0" + struct.pack("<IH", 8, len(tags))
    return head + rows + struct.pack("<I", next_directory) + behind + body


def list_tiff_tags(
    size: tuple[int, int], compression: int, depth: int = 8, samples: int = 1, kind: int = 1
) -> list[_Tag]:
    """Return the tags that say how pixels look. `kind`: 1 whole numbers, 2 signed, 3 floats."""
    photometric = {1: 1, 3: 2, 4: 5}[samples]
    return [
        (256, 4, [size[0]]),
        (257, 4, [size[1]]),
        (258, 3, [depth] * samples),
        (259, 3, [compression]),
        (262, 3, [photometric]),
        (277, 3, [samples]),
        (339, 3, [kind] * samples),
    ]


def make_deflated_tiff(
    side: int, depth: int, samples: int, kind: int, rows: int, *more: _Tag
) -> bytes:
    """Return a square TIFF of empty strips."""
    strip = zlib.compress(bytes(rows * side * samples * depth // 8), 9)
    count = -(-side // rows)
    tags = [*list_tiff_tags((side, side), 8, depth, samples, kind), (278, 4, [rows]), *more]
    return make_tiff([*tags, *list_pieces([len(strip)] * count)], strip * count)


def list_pieces(sizes: Sequence[int], *, of_tiles: bool = False) -> list[_Tag]:
    """Return the tags of strips or tiles that lie one behind the other."""
    offsets, counts = (324, 325) if of_tiles else (273, 279)
    return [(offsets, 4, np.cumsum([0, *sizes[:-1]]).tolist()), (counts, 4, sizes)]


def make_tiled_tiff(side: int, tile_side: int, compression: int, tile: bytes) -> bytes:
    count = (-(-side // tile_side)) ** 2
    tiles: list[_Tag] = [(322, 4, [tile_side]), (323, 4, [tile_side])]
    tiles += list_pieces([len(tile)] * count, of_tiles=True)
    return make_tiff([*list_tiff_tags((side, side), compression), *tiles], tile * count)


def make_strips_of_one_row(width: int, height: int) -> bytes:
    """Return an uncompressed TIFF whose rows are strips, all of the same bytes."""
    strips = [(273, 4, [0] * height), (278, 4, [1]), (279, 4, [width] * height)]
    return make_tiff([*list_tiff_tags((width, height), 1), *strips], bytes(width + 70_000))


def make_rle_bmp(width: int, height: int, body: bytes) -> bytes:
    """Return an 8-bit BMP of run lengths."""
    place = 54 + 1024
    sizes = struct.pack("<IHHI", place + len(body), 0, 0, place)
    form = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(body), 0, 0, 256, 0)
    return b"BM" + sizes + form + bytes(1024) + body


def repeat_coded_picture(data: bytes, times: int) -> bytes:
    """Return an AVIF or HEIC whose one item holds its coded picture so many times."""
    start = data.index(b"mdat") + 4
    picture = data[start:]
    # AV1 begins with a delimiter of two bytes, which must not come again.
    content = picture + (picture[2:] if picture[:2] == b"\x12\0" else picture) * (times - 1)
    told, longer = (struct.pack(">I", size) for size in (len(picture), len(content)))
    assert data[: start - 8].count(told) == 1
    head = data[: start - 8].replace(told, longer)
    return head + struct.pack(">I", len(content) + 8) + b"mdat" + content


def _pack_bits(bits: str) -> bytes:
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")


def _make_noise(width: int, height: int) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def _make_gif_of_a_wide_screen() -> bytes:
    gif = save(Image.new("P", (10, 10)), "GIF", transparency=0)
    return gif[:6] + struct.pack("<HH", 10_000, 10_000) + gif[10:]


def _make_jpeg_strip(scans: int) -> bytes:
    jpeg = make_progressive_jpeg(10_000, 10_000, scans)
    strips = [(273, 4, [0]), (278, 4, [10_000]), (279, 4, [len(jpeg)])]
    return make_tiff([*list_tiff_tags((10_000, 10_000), 7), *strips], jpeg)


def _make_plain(format_name: str, side: int, **options: object) -> Callable[[], bytes]:
    return lambda: save(Image.new("RGB", (side, side), (9, 8, 7)), format_name, **options)


def _enlarge(data: bytes, told: bytes, changed: bytes) -> bytes:
    """Let a small picture's header tell another size: what is refused for it is not decoded."""
    assert data.count(told) == 1
    return data.replace(told, changed)


def _make_wide_jpeg() -> bytes:
    small = save(Image.new("RGB", (8, 8)), "JPEG", progressive=True, subsampling=0)
    sizes = (struct.pack(">BHHB", 8, side, side, 3) for side in (8, 10_000))
    return _enlarge(small, *sizes)


def _make_wide_webp() -> bytes:
    return _enlarge(
        save(Image.new("RGB", (8, 8)), "WEBP", lossless=True),
        *(b"\x2f" + struct.pack("<I", side - 1 | side - 1 << 14) for side in (8, 10_000)),
    )


def _make_wide_avif() -> bytes:
    small = save(Image.new("RGB", (64, 64)), "AVIF")
    return _enlarge(small, *(b"ispe" + struct.pack(">III", 0, side, side) for side in (64, 10_000)))


def _make_overlapping_tiff(kind: int) -> bytes:
    """Return a TIFF of noise each of whose strips comes twice. `kind`: of their sizes."""
    side, rows, count = 10_000, 100, 100
    strip = zlib.compress(np.random.default_rng(0).integers(0, 4, rows * side, np.uint8).tobytes())
    offsets = (273, 4, [len(strip) * (i // 2) for i in range(count)])
    tags: list[_Tag] = [offsets, (278, 4, [rows]), (279, kind, [len(strip)] * count)]
    return make_tiff([*list_tiff_tags((side, side), 8), *tags], strip * (count // 2))


def _make_tiff_of_scans() -> bytes:
    """Return a TIFF of JPEGs whose colours come in 99 scans of their own."""
    return _make_tiff_of_jpegs(6_000, 1024, make_sequential_jpeg(1024, 1024, 99), 3)


def _make_tiff_of_jpegs(side: int, tile_side: int, tile: bytes, samples: int) -> bytes:
    count = (-(-side // tile_side)) ** 2
    sides = [(322, 4, [tile_side]), (323, 4, [tile_side])]
    tiles = [*sides, *list_pieces([len(tile)] * count, of_tiles=True)]
    return make_tiff([*list_tiff_tags((side, side), 7, 8, samples), *tiles], tile * count)


# Refused by what the header says.
def hide_frame(before: bytes) -> bytes:
    """Return a JPEG of 400 scans with something before its frame that decoders skip."""
    return make_progressive_jpeg(10_000, 10_000, 400).replace(b"\xff\xc2", before + b"\xff\xc2", 1)


REFUSED_FILES: dict[str, Callable[[], bytes]] = {
    "JPEG of 400 scans": lambda: make_progressive_jpeg(10_000, 10_000, 400),
    "JPEG of 100,000 scans": lambda: make_progressive_jpeg(3_000, 3_000, 100_000),
    "JPEG of 6,000 sequential scans": lambda: make_sequential_jpeg(7_000, 5_600, 6_000),
    **{
        f"JPEG of 400 scans with {words} before its frame": partial(hide_frame, hidden)
        for words, hidden in (
            ("a byte", b"\0"),
            ("no marker", b"\xff\0"),
            ("a restart", b"\xff\xd0"),
            ("a thousand bytes", b"a" * 1000),
        )
    },
    "progressive JPEG of full colour": _make_wide_jpeg,
    "PNG of 100 megapixels in RGB": lambda: make_large_png(10_000, 10_000, 8, 2),
    "PNG of 45 megapixels in 16-bit RGBA": lambda: make_large_png(6_700, 6_700, 16, 6),
    "PNG of one row": lambda: make_large_png(100_000_000, 1, 8, 0),
    "TIFF of two million strips": lambda: make_strips_of_one_row(1, 2_000_000),
    "TIFF of tiny tiles": lambda: make_tiled_tiff(10_000, 16, 8, zlib.compress(bytes(256))),
    "TIFF of 100 megapixels in floats": lambda: make_deflated_tiff(10_000, 32, 1, 3, 100),
    "TIFF of one strip of floats": lambda: make_deflated_tiff(8_000, 32, 1, 3, 8_000),
    "TIFF of a JPEG of 400 scans": lambda: _make_jpeg_strip(400),
    "TIFF of strips that overlap": lambda: _make_overlapping_tiff(4),
    "TIFF of lossless JPEGs": lambda: _make_tiff_of_jpegs(1_000, 256, make_lossless_jpeg(256), 1),
    "TIFF of strips of signed sizes": lambda: _make_overlapping_tiff(9),
    "BMP of one row of runs": lambda: make_rle_bmp(100_000_000, 1, b"\0\2\xff\xff" + b"\0\1"),
    "WebP of 100 megapixels": _make_wide_webp,
    "AVIF of 100 megapixels": _make_wide_avif,
}
# Stopped while they are decoded.
STOPPED_FILES: dict[str, Callable[[], bytes]] = {
    "AVIF of 3,000 hidden frames": lambda: repeat_coded_picture(
        save(Image.new("RGB", (3_000, 3_000)), "AVIF", speed=10), 3_000
    ),
    "BMP of a run that skips rows": lambda: make_rle_bmp(12_000_000, 1, b"\0\2\xff\xff" + b"\0\1"),
    "BMP of runs of one": lambda: make_rle_bmp(3_000, 3_000, (b"\1\1" * 3_000 + b"\0\0") * 3_000),
}
# Decoded: the dearest of each format that is let through.
ACCEPTED_FILES: dict[str, Callable[[], bytes]] = {
    "JPEG of 108 megapixels": lambda: save(Image.new("RGB", (12_000, 9_000)), "JPEG"),
    "progressive JPEG of 108 megapixels": lambda: save(
        Image.new("RGB", (12_000, 9_000)), "JPEG", progressive=True
    ),
    "JPEG of 28 scans": lambda: make_progressive_jpeg(10_000, 10_000, 28),
    "JPEG of noise": lambda: save(_make_noise(4_000, 3_300), "JPEG", quality=92, progressive=True),
    "PNG of 93 megapixels in RGB": lambda: make_large_png(9_650, 9_650, 8, 2),
    "PNG of 36 megapixels in 16-bit RGBA, interlaced": lambda: make_large_png(
        6_000, 6_000, 16, 6, laced=True
    ),
    "PNG of 110 megapixels in 16-bit grey": lambda: make_large_png(10_480, 10_480, 16, 0),
    "PNG of many texts": lambda: put_after_png_header(
        save(draw_corners(), "PNG"),
        make_png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(50_000_000), 9)) * 100,
    ),
    "GIF of 100 megapixels": lambda: save(Image.new("P", (10_000, 10_000)), "GIF", interlace=1),
    "GIF of a wide screen": _make_gif_of_a_wide_screen,
    "BMP of 100 megapixels": lambda: save(Image.new("1", (10_000, 10_000)), "BMP"),
    "BMP of long runs": lambda: make_rle_bmp(
        10_000, 10_000, (b"\xff\1" * 39 + b"\x37\1\0\0") * 10_000
    ),
    "TIFF of 90 megapixels in floats": lambda: make_deflated_tiff(9_500, 32, 1, 3, 100),
    "TIFF of 60 megapixels in 16-bit RGB": lambda: make_deflated_tiff(7_700, 16, 3, 1, 100),
    "TIFF of 49,000 strips": lambda: make_strips_of_one_row(300, 49_000),
    "TIFF of fax": lambda: save(Image.new("1", (10_000, 10_000)), "TIFF", compression="group4"),
    "WebP of 24 megapixels": _make_plain("WEBP", 4_890, quality=10, method=0),
    "AVIF of 24 megapixels": _make_plain("AVIF", 4_900, speed=10, quality=30),
    "HEIC of 45 megapixels": _make_plain("HEIF", 6_700, quality=30),
    "TIFF of scans in its tiles": _make_tiff_of_scans,
    "AVIF of ten frames": lambda: repeat_coded_picture(
        save(Image.new("RGB", (3_000, 3_000)), "AVIF", speed=10), 10
    ),
}
COSTLY_FILES = REFUSED_FILES | STOPPED_FILES | ACCEPTED_FILES
