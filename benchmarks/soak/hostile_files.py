"""Picture files that were made to cost much, by name: those of the tests, and others."""

import zlib
from collections.abc import Callable

from PIL import Image

from benchmarks.soak.samples import draw, save
from inference.images import MAX_BYTES
from tests.inference import picture_files
from tests.inference.costly_files import COSTLY_FILES


def list_hostile_files() -> dict[str, Callable[[], bytes]]:
    """Return name → what makes the file, about 20 MB at most."""
    small = draw(96, 64)
    jpeg, png, gif = (save(small, name) for name in ("JPEG", "PNG", "GIF"))
    swollen = zlib.compress(bytes(50_000_000), 9)
    return COSTLY_FILES | {
        "PNG of 380 megapixels": lambda: picture_files.make_png(20_000, 19_000),
        "PNG of 95 megapixels": lambda: picture_files.make_png(10_000, 9_500),
        "PNG of a row of 90 megapixels": lambda: picture_files.make_png(90_000_000, 1),
        "JPEG of many EXIF blocks": lambda: picture_files.put_into_jpeg(
            jpeg, picture_files.make_jpeg_segment(0xE1, b"Exif\0\0x") * 300_000
        ),
        "JPEG of many segments": lambda: picture_files.put_into_jpeg(
            jpeg, picture_files.make_jpeg_segment(0xE5, b"") * 500_000
        ),
        "JPEG of one greedy EXIF": lambda: picture_files.put_into_jpeg(
            jpeg,
            picture_files.make_jpeg_segment(
                0xE1, b"Exif\0\0" + picture_files.make_greedy_exif(2_400, 30_000)
            ),
        ),
        "JPEG of 400 scans": lambda: make_jpeg_of_scans(400, (6_000, 4_000)),
        "JPEG of scans up to 20 MB": lambda: make_jpeg_of_scans(None, (600, 400)),
        "PNG of greedy EXIF": lambda: picture_files.put_after_png_header(
            png,
            picture_files.make_png_chunk(
                b"eXIf", picture_files.make_greedy_exif(5_000, 2_000_000, 3)
            ),
        ),
        "PNG of many chunks": lambda: picture_files.put_after_png_header(
            png, picture_files.make_png_chunk(b"teSt", b"") * 500_000
        ),
        "PNG of swollen texts": lambda: picture_files.put_after_png_header(
            png, picture_files.make_png_chunk(b"zTXt", b"a\0\0" + swollen) * 20
        ),
        "PNG of a swollen profile": lambda: picture_files.put_after_png_header(
            png, picture_files.make_png_chunk(b"iCCP", b"a\0\0" + swollen)
        ),
        "GIF of a long comment": lambda: picture_files.put_into_gif(
            gif, b"!\xfe" + (b"\xff" + b"a" * 255) * 70_000 + b"\0"
        ),
        "TIFF of greedy tags": lambda: picture_files.make_greedy_tiff(3_000, 4_000_000),
        "TIFF of many strips": lambda: make_tiff_of_strips(2000),
        "float TIFF of 45 megapixels": lambda: save(
            Image.new("F", (9_000, 5_000), 0.5), "TIFF", compression="tiff_deflate"
        ),
        "BMP of 20 MB": lambda: save(small.resize((2_600, 2_560)), "BMP"),
        "lossless WebP of 90 megapixels": lambda: save(
            draw(8, 8).resize((10_000, 9_000), 0), "WEBP", lossless=True, quality=0, method=0
        ),
    }


def make_jpeg_of_scans(scans: int | None, size: tuple[int, int]) -> bytes:
    """Return a progressive JPEG whose last scan comes again and again; None up to the limit."""
    jpeg = save(Image.new("RGB", size, (200, 90, 40)), "JPEG", progressive=True)
    place = jpeg.rindex(b"\xff\xda")
    scan, head = jpeg[place:-2], jpeg[:place]
    if scans is None:
        scans = (MAX_BYTES - len(head) - 2) // len(scan)
    return (head + scan * scans)[: MAX_BYTES - 2] + b"\xff\xd9"


def make_tiff_of_strips(rows: int) -> bytes:
    """Return a TIFF of 2,500 pixels a row in which every row is a strip of its own."""
    return save(draw(250, 200).resize((2_500, rows)), "TIFF", tiffinfo={278: 1})
