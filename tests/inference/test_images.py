"""Every kind of picture becomes upright RGB pixels; all else is refused in one sentence."""

import io
import os
import re
import struct
import subprocess
import time
import tracemalloc
import warnings
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from inference import images
from inference.decoding.containers.reading import ALLOWED_FORMATS, read_container
from inference.decoding.limits import LimitedFile
from inference.errors import UserInputError
from inference.images import MAX_BYTES, MAX_PIXELS, decode
from tests.inference.costly_files import list_tiff_tags, make_tiff
from tests.inference.picture_files import (
    BLUE,
    CORNERS,
    GREEN,
    RED,
    YELLOW,
    draw_corners,
    make_exif,
    make_greedy_exif,
    make_greedy_tiff,
    make_jpeg_segment,
    make_png,
    make_png_chunk,
    put_after_png_header,
    put_into_gif,
    put_into_jpeg,
    read_corners,
    save,
)

GREY_RAMP = np.tile(np.arange(256, dtype=np.uint8), (4, 1))
# Pillow warns of odd fields beside the pixels; the app's log may show it, the answer is the same.
ALLOW_METADATA_WARNINGS = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def assert_corners(pixels: NDArray[np.uint8], expected: Any, tolerance: int = 40) -> None:
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
    assert pixels.shape[2] == 3
    gap = np.abs(np.array(read_corners(pixels)) - np.array(expected)).max()
    assert gap <= tolerance, read_corners(pixels)


def refuse(data: bytes, min_side: int | None = None) -> str:
    """Return the sentence with which bytes are refused."""
    with pytest.raises(UserInputError) as caught:
        decode(data, min_side)
    message = str(caught.value)
    assert message[0].isupper() or message[0].isdigit()
    assert message.endswith(".")
    assert "\n" not in message
    assert len(message) < 250
    assert not re.search(r"0x[0-9a-f]{4}|<_io|Traceback|Errno", message)
    return message


# Kinds of pixels


def test_rgb_is_exact() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (23, 31, 3), dtype=np.uint8)
    for format_name, options in (
        ("PNG", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("WEBP", {"lossless": True, "quality": 0}),
    ):
        found = decode(save(Image.fromarray(pixels), format_name, **options))
        np.testing.assert_array_equal(found, pixels, err_msg=format_name)


@pytest.mark.parametrize(
    ("mode", "format_name"),
    [
        (mode, format_name)
        for format_name, modes in {
            "JPEG": ("L", "RGB", "CMYK"),
            "PNG": ("1", "L", "LA", "P", "RGB", "RGBA"),
            "WEBP": ("L", "RGB", "RGBA"),
            "GIF": ("1", "L", "P", "RGB"),
            "BMP": ("1", "L", "P", "RGB", "RGBA"),
            "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "LAB", "I", "F"),
            "AVIF": ("L", "RGB", "RGBA"),
            "HEIF": ("L", "RGB", "RGBA"),
        }.items()
        for mode in modes
    ],
)
def test_modes_keep_light_and_dark(mode: str, format_name: str) -> None:
    picture = Image.new("RGB", (48, 40), (10, 10, 10))
    picture.paste((245, 245, 245), (24, 0, 48, 40))
    if mode == "LAB":
        light, dark = (Image.new("LAB", (24, 40), (v, 128, 128)) for v in (245, 10))
        converted = Image.new("LAB", (48, 40))
        converted.paste(dark, (0, 0))
        converted.paste(light, (24, 0))
    else:
        converted = picture.convert(mode, dither=Image.Dither.NONE)
    found = decode(save(converted, format_name))
    assert found.shape == (40, 48, 3)
    assert found[:, :20].max() < 40
    assert found[:, 28:].min() > 215


@pytest.mark.parametrize(
    ("picture", "format_name"),
    [
        (Image.new("RGBA", (20, 20), (200, 0, 0, 0)), "PNG"),
        (Image.new("LA", (20, 20), (0, 0)), "PNG"),
        (Image.new("RGBA", (20, 20), (200, 0, 0, 0)), "WEBP"),
        (Image.new("RGBA", (20, 20), (200, 0, 0, 0)), "GIF"),
        (Image.new("RGBA", (20, 20), (200, 0, 0, 0)), "TIFF"),
        (Image.new("RGBA", (64, 64), (200, 0, 0, 0)), "AVIF"),
        (Image.new("RGBA", (64, 64), (200, 0, 0, 0)), "HEIF"),
    ],
)
def test_transparent_is_white(picture: Image.Image, format_name: str) -> None:
    assert decode(save(picture, format_name)).min() >= 253


@pytest.mark.parametrize(
    ("mode", "colour", "transparency"),
    [
        ("P", 1, 1),
        ("P", 1, b"\xff\x00\xff"),
        ("L", 77, 77),
        ("1", 0, 0),
        ("RGB", (9, 8, 7), (9, 8, 7)),
    ],
)
def test_transparent_colour_of_png_is_white(mode: str, colour: Any, transparency: Any) -> None:
    picture = Image.new(mode, (8, 8), colour)
    if mode == "P":
        picture.putpalette([0, 0, 0, 0, 200, 0, 0, 0, 200])
    assert decode(save(picture, "PNG", transparency=transparency)).min() == 255
    assert decode(save(picture, "PNG")).min() < 255


def test_half_transparent_is_mixed_with_white() -> None:
    found = decode(save(Image.new("RGBA", (5, 5), (255, 0, 0, 128)), "PNG"))
    np.testing.assert_allclose(found[2, 2], (255, 127, 127), atol=1)


def test_palette_keeps_its_colours() -> None:
    picture = draw_corners().quantize(4)
    assert_corners(decode(save(picture, "PNG")), CORNERS, 12)


def test_adobe_inverted_cmyk() -> None:
    cmyk = Image.new("CMYK", (32, 32), (0, 255, 255, 0))
    plain = save(cmyk, "JPEG", quality=95)  # Pillow writes Adobe's marker and inverts, as Adobe
    assert b"Adobe" in plain
    np.testing.assert_allclose(decode(plain)[16, 16], (255, 0, 0), atol=8)


def test_ycck() -> None:
    """Adobe's marker with transform 2 says YCCK: full ink in Y is black ink's complement."""
    cmyk = save(Image.new("CMYK", (32, 32), (0, 0, 0, 0)), "JPEG", quality=95)
    place = cmyk.index(b"Adobe") + 11
    ycck = cmyk[:place] + b"\x02" + cmyk[place + 1 :]
    with Image.open(io.BytesIO(ycck)) as opened:
        assert opened.info["adobe_transform"] == 2
    plain, found = decode(cmyk)[16, 16], decode(ycck)[16, 16]
    assert plain.min() > 250
    assert np.abs(found.astype(int) - plain).max() > 30  # the transform was applied


@pytest.mark.parametrize("format_name", ["PNG", "TIFF"])
def test_16_bit_grey(format_name: str) -> None:
    values = GREY_RAMP.astype(np.uint16) * 257
    found = decode(save(Image.fromarray(values), format_name))
    np.testing.assert_array_equal(found[..., 0], GREY_RAMP)
    np.testing.assert_array_equal(found[..., 0], found[..., 2])


def test_16_bit_grey_big_endian() -> None:
    tiff = make_exif(
        [
            (256, 3, 1, 2),
            (257, 3, 1, 1),
            (258, 3, 1, 16),
            (259, 3, 1, 1),
            (262, 3, 1, 1),
            (273, 4, 1, 10 + 12 * 8 + 4),
            (278, 3, 1, 1),
            (279, 4, 1, 4),
        ],
        struct.pack(">HH", 257 * 200, 257 * 5),
        ">",
    )
    assert decode(tiff)[0, :, 0].tolist() == [200, 5]


def test_dark_16_bit_grey_stays_dark() -> None:
    assert decode(save(Image.fromarray(np.full((4, 4), 300, np.uint16)), "PNG")).max() == 1


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.0, 255.0], [0, 100, 255]),
        ([0.0, 32768.0, 65535.0], [0, 128, 255]),
        ([-10.0, 0.0, 10.0], [0, 128, 255]),
        ([0.0, 5e8, 1e9], [0, 128, 255]),
        ([0.0, float("nan"), 1.0], [0, 0, 255]),
        ([0.5, float("inf"), 1.0], [128, 255, 255]),
        ([0.5, float("-inf"), 1.0], [128, 0, 255]),
        ([-3e38, 0.0, 3e38], [0, 128, 255]),
        ([7e30, 7e30, 7e30], [0, 0, 0]),
        ([float("nan"), float("inf"), float("-inf")], [0, 255, 0]),
    ],
)
def test_float_tiff(values: list[float], expected: list[int]) -> None:
    row = np.array([values], dtype=np.float32)
    found = decode(save(Image.fromarray(row), "TIFF"))
    assert found[0, :, 0].tolist() == expected


def test_signalling_nan_in_float_tiff() -> None:
    """Computing with this kind of NaN makes numpy warn, and a warning is an error here."""
    data = save(Image.fromarray(np.array([[0.0, 777.0, 1.0]], dtype=np.float32)), "TIFF")
    signalling = struct.pack("<I", 0x7F800001)
    changed = data.replace(struct.pack("<f", 777), signalling)
    assert signalling in changed
    assert decode(changed)[0, :, 0].tolist() == [0, 0, 255]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 100, 255], [0, 100, 255]),
        ([0, 32768, 65535], [0, 128, 255]),
        ([-1000, 0, 1000], [0, 128, 255]),
        ([0, 2**30, 2**31 - 1], [0, 128, 255]),
    ],
)
def test_32_bit_integer_tiff(values: list[int], expected: list[int]) -> None:
    row = np.array([values], dtype=np.int32)
    assert decode(save(Image.fromarray(row), "TIFF"))[0, :, 0].tolist() == expected


def test_progressive_jpeg() -> None:
    data = save(draw_corners(), "JPEG", progressive=True, quality=95)
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.info["progressive"]
    assert_corners(decode(data), CORNERS)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 2)])
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("min_side", [None, 512])
def test_odd_sizes(size: tuple[int, int], format_name: str, min_side: int | None) -> None:
    found = decode(save(Image.new("RGB", size, RED), format_name), min_side)
    assert found.shape == (size[1], size[0], 3)
    np.testing.assert_allclose(found[0, 0], RED, atol=12)


# Orientation

# What is seen at the corners when a stored picture is shown upright. Source: Exif 2.32, tag 274.
UPRIGHT = {
    1: (RED, GREEN, BLUE, YELLOW),
    2: (GREEN, RED, YELLOW, BLUE),
    3: (YELLOW, BLUE, GREEN, RED),
    4: (BLUE, YELLOW, RED, GREEN),
    5: (RED, BLUE, GREEN, YELLOW),
    6: (BLUE, RED, YELLOW, GREEN),
    7: (YELLOW, GREEN, BLUE, RED),
    8: (GREEN, YELLOW, RED, BLUE),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_orientation(format_name: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Somebody's camera"
    found = decode(save(draw_corners(), format_name, exif=exif.tobytes()))
    assert found.shape == ((64, 96, 3) if orientation < 5 else (96, 64, 3))
    assert_corners(found, UPRIGHT[orientation])


@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_in_either_byte_order(order: str) -> None:
    exif = b"Exif\0\0" + make_exif([(0x0112, 3, 1, 6)], order=order)
    data = put_into_jpeg(save(draw_corners(), "JPEG"), make_jpeg_segment(0xE1, exif))
    assert_corners(decode(data), UPRIGHT[6])


def test_orientation_is_kept_when_scaled() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    found = decode(save(draw_corners(960, 640), "JPEG", exif=exif), 100)
    assert found.shape[0] > found.shape[1]
    assert found.shape[0] < 400
    assert_corners(found, UPRIGHT[6])


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"II",
        b"garbage that is no TIFF",
        b"II*\0\xff\xff\xff\xff",
        b"MM\0*" + bytes(3),
        make_exif([(0x0112, 3, 1, 0)]),
        make_exif([(0x0112, 3, 1, 9)]),
        make_exif([(0x0112, 3, 1, 65535)]),
        make_exif([(0x0112, 2, 4_000_000_000, 8)]),
        make_exif([(0x0112, 3, 1, 6)])[:15],
        b"II*\0\x08\0\0\0\xff\xff" + b"\0" * 20,
    ],
)
@ALLOW_METADATA_WARNINGS
def test_broken_exif_does_not_spoil_a_good_picture(exif: bytes) -> None:
    jpeg = save(draw_corners(), "JPEG")
    in_jpeg = put_into_jpeg(jpeg, make_jpeg_segment(0xE1, b"Exif\0\0" + exif))
    in_png = put_after_png_header(save(draw_corners(), "PNG"), make_png_chunk(b"eXIf", exif))
    assert_corners(decode(in_jpeg), CORNERS)
    assert_corners(decode(in_png), CORNERS)


# Several frames


@pytest.mark.parametrize("format_name", ["GIF", "WEBP", "PNG", "TIFF", "AVIF", "HEIF", "MPO"])
def test_first_of_many_frames(format_name: str) -> None:
    frames = [Image.new("RGB", (64, 64), colour) for colour in (RED, GREEN, BLUE)]
    data = save(frames[0], format_name, save_all=True, append_images=frames[1:])
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.n_frames == 3  # type: ignore[attr-defined]
    assert_corners(decode(data), [RED] * 4)


def test_gif_frame_beyond_its_screen() -> None:
    gif = save(Image.new("P", (10, 10)), "GIF")
    place = gif.index(b",")
    wider = gif[: place + 5] + struct.pack("<HH", 30, 20) + gif[place + 9 :]
    try:
        assert decode(wider).shape == (20, 30, 3)
    except UserInputError as error:
        assert "30 × 20" in str(error)


def test_gif_frame_beyond_all_bounds() -> None:
    gif = save(Image.new("P", (10, 10)), "GIF")
    place = gif.index(b",")
    assert "megapixels" in refuse(gif[: place + 5] + b"\xff\xff\xff\xff" + gif[place + 9 :])


# Scaled decoding


@pytest.mark.parametrize("size", [(3000, 2000), (2000, 3001), (1025, 1024), (1023, 4000)])
@pytest.mark.parametrize("format_name", ["JPEG", "PNG"])
def test_scaled_decoding_keeps_the_shorter_side(size: tuple[int, int], format_name: str) -> None:
    data = save(Image.new("L", size, 128), format_name)
    for min_side in (1, 64, 512):
        height, width, _ = decode(data, min_side).shape
        assert min_side <= min(height, width) < 2 * min_side + 2
        assert abs(width / height - size[0] / size[1]) < 0.02 * size[0] / size[1] + 2 / min_side


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP"])
def test_small_pictures_are_never_enlarged_or_scaled(format_name: str) -> None:
    data = save(draw_corners(400, 300), format_name)
    np.testing.assert_array_equal(decode(data, 301), decode(data))
    np.testing.assert_array_equal(decode(data, 300), decode(data))


@pytest.mark.parametrize("format_name", ["JPEG", "PNG"])
def test_scaled_decoding_is_close_to_the_whole(format_name: str) -> None:
    rows, columns = np.mgrid[0:1200, 0:1600]
    waves = np.stack([np.sin(rows / 40), np.cos(columns / 60), np.sin((rows + columns) / 90)], -1)
    picture = Image.fromarray((127 + 120 * waves).astype(np.uint8))
    data = save(picture, format_name)
    whole, scaled = Image.fromarray(decode(data)), Image.fromarray(decode(data, 300))
    assert scaled.size == (400, 300)
    gap = np.abs(
        np.asarray(whole.resize((224, 224), Image.Resampling.BICUBIC), dtype=float)
        - np.asarray(scaled.resize((224, 224), Image.Resampling.BICUBIC), dtype=float)
    )
    assert gap.mean() < 1.5
    assert gap.max() < 12


def test_heic_thumbnail_of_another_shape_is_not_taken_for_the_picture() -> None:
    data = save(draw_corners(640, 480), "HEIF", thumbnails=[128])
    found = decode(data, 64)
    assert min(found.shape[:2]) >= 64
    assert_corners(found, CORNERS)


# Refusals


def test_empty() -> None:
    assert "empty" in refuse(b"")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"just some words\n" * 50, "not a picture"),
        (b"\0" * 500, "not a picture"),
        (b"x", "not a picture"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "looks like a PDF"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "looks like an SVG"),
        (b'<?xml version="1.0"?><svg/>', "looks like an XML or SVG"),
        (b"<!DOCTYPE html><html></html>", "looks like a web page"),
        (b"<html><body>404</body></html>", "looks like a web page"),
        (b"PK\x03\x04" + bytes(40), "looks like a zip"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "looks like a PostScript"),
        (b"\x1aE\xdf\xa3" + bytes(40), "looks like a video"),
    ],
)
def test_other_files_are_named(data: bytes, words: str) -> None:
    message = refuse(data)
    assert words in message
    assert "JPEG, PNG, WebP" in message


@pytest.mark.parametrize(
    "format_name", ["ICO", "PPM", "TGA", "PCX", "SGI", "ICNS", "JPEG2000", "DDS"]
)
def test_formats_not_allowed(format_name: str) -> None:
    data = save(draw_corners(64, 64), format_name)
    assert "not a picture that can be read" in refuse(data)


def test_psd_is_refused() -> None:
    assert "not a picture" in refuse(
        b"8BPS\0\x01" + bytes(6) + struct.pack(">HIIHH", 3, 9, 9, 8, 3)
    )


def test_eps_never_starts_another_program(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object, **__: object) -> None:
        raise AssertionError("a program was started")

    for place in ("Popen", "run", "call", "check_call", "check_output"):
        monkeypatch.setattr(subprocess, place, start)
    monkeypatch.setattr(os, "system", start)
    refuse(save(draw_corners(), "EPS"))
    assert "EPS" not in ALLOWED_FORMATS


def test_only_allowed_formats_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def spy(*_: Any, formats: Any = None, **__: Any) -> None:
        asked.append(formats)
        raise OSError

    monkeypatch.setattr(images.Image, "open", spy)
    refuse(b"anything")
    refuse(b"BM")
    assert asked == [(), ("BMP",)]
    dangerous = {"EPS", "PSD", "WMF", "FITS", "ICNS", "SVG", "IPTC", "PDF"}
    assert not dangerous & ALLOWED_FORMATS


def test_what_pillow_warns_of_is_neither_shown_nor_kept() -> None:
    tags = [*list_tiff_tags((8, 8), 1)[1:], (273, 4, [0]), (278, 4, [8]), (279, 4, [64])]
    data = make_tiff([(256, 4, [8, 8]), *tags], bytes(64))  # two widths
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("default")
        images.register_formats.cache_clear()
        decode(data)
    assert not warned


def test_too_many_bytes() -> None:
    png = save(draw_corners(), "PNG")
    assert_corners(decode(png + bytes(MAX_BYTES - len(png))), CORNERS)
    message = refuse(png + bytes(MAX_BYTES - len(png) + 1))
    assert "20 MB" in message


@pytest.mark.parametrize(
    "size", [(20_000, 20_000), (10_001, 11_000), (16_000, 14_000), (13_000, 9_000)]
)
@pytest.mark.parametrize("strict", [True, False])
def test_too_many_pixels(size: tuple[int, int], strict: bool) -> None:
    """Pillow refuses above its limit times two and only warns between: both are one refusal."""
    data = make_png(*size, rows=b"")
    with warnings.catch_warnings():
        warnings.simplefilter("error" if strict else "default")
        if not strict:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        message = refuse(data)
    assert "megapixels are too many; at most 110 are taken" in message


def test_bomb_of_few_bytes_is_refused_at_once() -> None:
    data = make_png(20_000, 19_000)
    assert len(data) < 60_000
    start = time.process_time()
    assert "megapixels" in refuse(data)
    assert time.process_time() - start < 1


def test_largest_size_is_taken_without_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """95 megapixels are within our limit though over Pillow's default; the rows are missing."""
    assert Image.MAX_IMAGE_PIXELS == MAX_PIXELS
    assert "10000 × 9500" in refuse(make_png(10_000, 9_500, rows=b""), min_side=300)


@pytest.mark.parametrize(
    "format_name", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF"]
)
@ALLOW_METADATA_WARNINGS
def test_truncated(format_name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = save(Image.fromarray(noise), format_name)
    lengths = {0, 1, 2, 3, 4, 8, 12, 16, 30, 60, *range(100, len(data), len(data) // 12)}
    for length in sorted(lengths):
        if length < len(data) * 0.95:
            refuse(data[:length])


@pytest.mark.parametrize("size", [(640, 64), (3000, 3000)])
def test_header_that_lies_about_size(size: tuple[int, int]) -> None:
    message = refuse(make_png(*size, rows=bytes(9 * 64)))
    assert f"{size[0]} × {size[1]} pixels but cannot be read to its end" in message


def test_heic_that_lies_about_size() -> None:
    data = save(draw_corners(), "HEIF")
    told = struct.pack(">II", 96, 64)
    for width, height in ((16, 16), (9000, 9000), (97, 64)):
        lie = data.replace(
            b"ispe\0\0\0\0" + told, b"ispe\0\0\0\0" + struct.pack(">II", width, height)
        )
        assert lie != data
        refuse(lie)


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (256, 0),
        (257, 0),
        (256, 4_000_000_000),
        (258, 77),
        (259, 9_999),
        (262, 99),
        (273, 4_000_000_000),
        (277, 60_000),
    ],
)
@ALLOW_METADATA_WARNINGS
def test_tiff_of_absurd_tags(tag: int, value: int) -> None:
    tiff = make_greedy_tiff(0, 0)
    place = next(
        p for p in range(10, 10 + 12 * 9, 12) if struct.unpack_from("<H", tiff, p)[0] == tag
    )
    refuse(tiff[: place + 2] + struct.pack("<HII", 4, 1, value) + tiff[place + 12 :])
    assert decode(tiff).shape == (64, 64, 3)


# Small files that ask for much


def _make_bombs() -> dict[str, Callable[[], bytes]]:
    jpeg, png = save(draw_corners(), "JPEG"), save(draw_corners(), "PNG")
    gif = save(draw_corners(), "GIF")
    return {
        "JPEG of many EXIF blocks": lambda: put_into_jpeg(
            jpeg, make_jpeg_segment(0xE1, b"Exif\0\0x") * 300_000
        ),
        "JPEG of many segments": lambda: put_into_jpeg(
            jpeg, make_jpeg_segment(0xE5, b"") * 500_000
        ),
        "JPEG of one greedy EXIF": lambda: put_into_jpeg(
            jpeg, make_jpeg_segment(0xE1, b"Exif\0\0" + make_greedy_exif(2_400, 30_000))
        ),
        "PNG of greedy EXIF": lambda: put_after_png_header(
            png, make_png_chunk(b"eXIf", make_greedy_exif(5_000, 2_000_000, 3))
        ),
        "PNG of many chunks": lambda: put_after_png_header(
            png, make_png_chunk(b"teSt", b"") * 500_000
        ),
        "PNG of swollen texts": lambda: put_after_png_header(
            png,
            make_png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(50_000_000), 9)) * 20,
        ),
        "PNG of a swollen profile": lambda: put_after_png_header(
            png, make_png_chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(50_000_000), 9))
        ),
        "GIF of a long comment": lambda: put_into_gif(
            gif, b"!\xfe" + (b"\xff" + b"a" * 255) * 70_000 + b"\0"
        ),
        "TIFF of greedy tags": lambda: make_greedy_tiff(3_000, 4_000_000),
    }


BOMBS = _make_bombs()


@pytest.mark.parametrize("name", BOMBS)
@ALLOW_METADATA_WARNINGS
def test_small_file_takes_little_time_and_memory(name: str) -> None:
    data = BOMBS[name]()
    assert len(data) < MAX_BYTES
    tracemalloc.start()
    start = time.process_time()
    try:
        found = decode(data)
        assert found.shape in ((64, 96, 3), (96, 64, 3), (64, 64, 3))
    except UserInputError as error:
        assert "cannot be read" in str(error) or "can be read" in str(error)
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert time.process_time() - start < 15  # a second or two; without limits it was minutes
    assert peak < 400_000_000


def test_animation_of_many_frames_costs_one_frame() -> None:
    frames = [Image.new("P", (200, 200), i % 250) for i in range(400)]
    data = save(frames[0], "GIF", save_all=True, append_images=frames[1:])
    single = save(frames[0], "GIF")
    reads: dict[bytes, int] = {}
    for sent in (data, single):
        lean = read_container(sent)
        file = LimitedFile(lean.data)
        images._open(file, sent, lean.formats).load()
        reads[sent] = file.calls_left
    assert reads[data] == reads[single]


# Damaged files: whatever a stranger sends is pixels or a sentence


def _make_samples() -> dict[str, bytes]:
    small = draw_corners(33, 21)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "camera"
    frames = {"save_all": True, "append_images": [small.rotate(180)]}
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[270] = "words"
    return {
        "JPEG": save(small, "JPEG", exif=exif),
        "progressive JPEG": save(small, "JPEG", progressive=True),
        "CMYK JPEG": save(small.convert("CMYK"), "JPEG"),
        "MPO": save(small, "MPO", **frames),
        "PNG": save(small, "PNG", exif=exif),
        "palette PNG": save(small.quantize(4), "PNG", transparency=1),
        "APNG": save(small, "PNG", **frames),
        "WebP": save(small, "WEBP", exif=exif),
        "animated WebP": save(small, "WEBP", **frames),
        "GIF": save(small, "GIF", **frames),
        "BMP": save(small, "BMP"),
        "TIFF": save(small, "TIFF", tiffinfo=tags),
        "LZW TIFF": save(small, "TIFF", compression="tiff_lzw"),
        "JPEG TIFF": save(small, "TIFF", compression="jpeg"),
        "float TIFF": save(small.convert("F"), "TIFF"),
        "AVIF": save(small, "AVIF", exif=exif),
        "HEIC": save(small, "HEIF", exif=exif),
    }


SAMPLES = _make_samples()

DAMAGE = st.lists(
    st.tuples(
        st.sampled_from(["flip", "delete", "insert", "overwrite"]),
        st.floats(0, 1, exclude_max=True),
        st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=6,
)

FUZZ_EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "40"))  # `make soak` asks for more


def damage(data: bytes, changes: list[tuple[str, float, bytes]]) -> bytes:
    """Change a file at a few places, half of them in its first 200 bytes, where headers are."""
    changed = bytearray(data)
    for number, (kind, where, content) in enumerate(changes):
        span = min(200, len(changed)) if number % 2 == 0 else len(changed)
        place = int(where * span)
        if kind == "flip":
            changed[place] ^= content[0] or 1
        elif kind == "delete":
            del changed[place : place + len(content)]
        elif kind == "insert":
            changed[place:place] = content
        else:
            changed[place : place + len(content)] = content
        if not changed:
            break
    return bytes(changed)


@pytest.mark.parametrize("name", SAMPLES)
@settings(
    max_examples=FUZZ_EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=FUZZ_EXAMPLES == 40,
)
@given(changes=DAMAGE, min_side=st.sampled_from([None, 8]))
@ALLOW_METADATA_WARNINGS
def test_damaged_file_is_pixels_or_a_sentence(
    name: str, changes: list[tuple[str, float, bytes]], min_side: int | None
) -> None:
    data = damage(SAMPLES[name], changes)
    try:
        found = decode(data, min_side)
    except UserInputError as error:
        assert str(error).endswith(".")
        return
    assert found.dtype == np.uint8
    assert found.ndim == 3
    assert found.shape[2] == 3
    assert found.size
    assert found.size <= 3 * MAX_PIXELS


def test_samples_are_good_before_they_are_damaged() -> None:
    for name, data in SAMPLES.items():
        assert decode(data).shape in ((21, 33, 3), (33, 21, 3)), name


def test_defects_of_ours_are_not_taken_for_broken_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """What no decoder raises must surface."""

    class DefectError(Exception):
        pass

    def fail(*_: object) -> None:
        raise DefectError

    monkeypatch.setattr(images, "to_rgb", fail)
    with pytest.raises(DefectError):
        decode(save(draw_corners(), "PNG"))
