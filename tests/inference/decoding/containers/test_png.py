"""A PNG is read for its header, palette, transparency and pixels alone."""

import zlib

import numpy as np
import pytest
from PIL import Image

from inference.decoding.containers.png import read_png
from inference.images import decode
from tests.inference.picture_files import (
    draw_corners,
    make_exif,
    make_png_chunk,
    put_after_png_header,
    save,
)

PLAIN = save(draw_corners(), "PNG")
LONG = zlib.compress(bytes(3_000_000), 9)  # Pillow takes at most 1 MB of a text


@pytest.mark.parametrize(
    "chunk",
    [
        make_png_chunk(b"zTXt", b"workflow\0\0" + LONG),
        make_png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + LONG),
        make_png_chunk(b"iCCP", b"profile\0\0" + LONG),
        make_png_chunk(b"tEXt", b"prompt\0" + b"a cat, " * 500_000),
        make_png_chunk(b"eXIf", bytes(3_000_000)),
        make_png_chunk(b"caBX", bytes(3_000_000)),
        make_png_chunk(b"tEXt", b"a\0b") * 30_000,
        make_png_chunk(b"zTXt", b"a\0\7unknown way to compress"),
    ],
)
@pytest.mark.parametrize("at_end", [False, True])
def test_good_picture_is_not_refused_for_its_metadata(chunk: bytes, at_end: bool) -> None:
    data = PLAIN[:-12] + chunk + PLAIN[-12:] if at_end else put_after_png_header(PLAIN, chunk)
    assert len(read_png(data).data) <= len(PLAIN)
    np.testing.assert_array_equal(decode(data), decode(PLAIN))


def test_pixels_in_many_chunks() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    png = save(Image.fromarray(noise), "PNG")
    start = png.index(b"IDAT") - 4
    pixels = png[start + 8 : start + 8 + int.from_bytes(png[start : start + 4])]
    pieces = [make_png_chunk(b"IDAT", bytes([byte])) for byte in pixels]
    np.testing.assert_array_equal(decode(png[:start] + b"".join(pieces) + png[-12:]), noise)


@pytest.mark.parametrize("mode", ["P", "1", "L", "RGB"])
def test_transparency_is_kept(mode: str) -> None:
    colour: object = (9, 8, 7) if mode == "RGB" else 0
    png = save(Image.new(mode, (8, 8), colour), "PNG", transparency=colour)  # type: ignore[arg-type]
    chunk = make_png_chunk(b"tEXt", b"a\0b")
    assert decode(put_after_png_header(png, chunk)).min() == 255


@pytest.mark.parametrize("at_end", [False, True])
def test_orientation_is_read_wherever_it_stands(at_end: bool) -> None:
    chunk = make_png_chunk(b"eXIf", make_exif([(0x0112, 3, 1, 6)]))
    data = PLAIN[:-12] + chunk + PLAIN[-12:] if at_end else put_after_png_header(PLAIN, chunk)
    assert read_png(data).orientation == 6
    assert decode(data).shape == (96, 64, 3)


def test_price_grows_with_bytes_of_a_pixel() -> None:
    grey, rgb = (read_png(save(Image.new(mode, (64, 64)), "PNG")).seconds for mode in ("L", "RGB"))
    assert rgb == pytest.approx(3 * grey)
