"""A JPEG is read without its metadata, however much there is of it."""

import io

import numpy as np
import pytest
from PIL import Image

from inference.decoding.containers.jpeg import read_jpeg
from inference.errors import UserInputError
from inference.images import decode
from tests.inference.costly_files import make_lossless_jpeg
from tests.inference.picture_files import (
    CORNERS,
    draw_corners,
    make_exif,
    make_jpeg_segment,
    put_into_jpeg,
    read_corners,
    save,
)

PLAIN = save(draw_corners(), "JPEG", quality=95)


@pytest.mark.parametrize(
    "segments",
    [
        [make_jpeg_segment(0xFE, b"words" * 10_000)] * 200,
        [make_jpeg_segment(0xE2, b"ICC_PROFILE\0\1\xff" + bytes(60_000))] * 200,
        [make_jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + bytes(60_000))] * 200,
        [make_jpeg_segment(0xED, b"Photoshop 3.0\0" + b"8BIM" * 10_000)] * 200,
        [make_jpeg_segment(0xE5, b"")] * 50_000,
        [make_jpeg_segment(0xE0, b"JFXX\0" + bytes(60_000))] * 100,
        [b"\xff\xff\xff" + make_jpeg_segment(0xFE, b"after filling")],
    ],
)
def test_metadata_is_left_out(segments: list[bytes]) -> None:
    data = put_into_jpeg(PLAIN, *segments)
    assert len(read_jpeg(data).data) <= len(PLAIN) + 3
    np.testing.assert_array_equal(decode(data), decode(PLAIN))


def test_a_file_without_metadata_is_not_copied() -> None:
    assert read_jpeg(PLAIN).data is PLAIN


def test_orientation_is_the_first_one_told() -> None:
    blocks = [b"Exif\0\0" + make_exif([(0x0112, 3, 1, turn)]) for turn in (6, 3)]
    data = put_into_jpeg(PLAIN, *(make_jpeg_segment(0xE1, block) for block in blocks))
    assert read_jpeg(data).orientation == 6


@pytest.mark.parametrize("mode", ["CMYK", "RGB", "L"])
def test_what_says_how_colours_are_meant_is_kept(mode: str) -> None:
    plain = save(draw_corners().convert(mode), "JPEG", quality=95)
    lean = read_jpeg(put_into_jpeg(plain, make_jpeg_segment(0xFE, b"words"))).data
    np.testing.assert_array_equal(
        Image.open(io.BytesIO(lean)).convert("RGB"), Image.open(io.BytesIO(plain)).convert("RGB")
    )


def test_only_what_comes_in_scans_is_dear() -> None:
    plain = read_jpeg(save(Image.new("RGB", (800, 800)), "JPEG"))
    progressive = read_jpeg(save(Image.new("RGB", (800, 800)), "JPEG", progressive=True))
    assert plain.memory == plain.seconds == 0
    assert progressive.memory == 800 * 800 * 2 * 1.5
    assert 0 < progressive.seconds < 0.01


@pytest.mark.parametrize("cut", [2, 3, 4, 20, 180])
def test_what_is_cut_off_is_handed_on(cut: int) -> None:
    assert read_jpeg(PLAIN[:cut]).data == PLAIN[:cut]


def test_preview_in_exif_is_not_the_picture() -> None:
    preview = save(Image.new("RGB", (40, 40)), "JPEG", progressive=True)
    exif = make_jpeg_segment(0xE1, b"Exif\0\0" + make_exif([]) + preview)
    found = [tuple(map(int, c)) for c in read_corners(decode(put_into_jpeg(PLAIN, exif)))]
    assert np.abs(np.array(found) - np.array(CORNERS)).max() < 40


@pytest.mark.parametrize("between", [b"\0", b"junk", b"\xff\0", b"\xff\xd3", b"\xff\x01"])
def test_what_decoders_skip_hides_no_price(between: bytes) -> None:
    data = save(Image.new("RGB", (800, 800)), "JPEG", progressive=True)
    hidden = data.replace(b"\xff\xc2", between + b"\xff\xc2", 1)
    assert read_jpeg(hidden).seconds == read_jpeg(data).seconds > 0
    assert read_jpeg(hidden).data == read_jpeg(data).data


@pytest.mark.parametrize("lost", [b"\xff\xc0", b"\xff\xda"])
def test_an_unknown_price_is_none(lost: bytes) -> None:
    plain = save(draw_corners(), "JPEG")
    assert read_jpeg(plain).is_bounded
    assert not read_jpeg(plain.replace(lost, b"\xff\xef", 1)).is_bounded


@pytest.mark.parametrize(
    "before", [b"", make_jpeg_segment(0xFE, b"") + b"\0", make_jpeg_segment(0xE5, b"") * 100_001]
)
def test_lossless_one_never_reaches_a_decoder(before: bytes) -> None:
    """Pillow scales it down by writing beyond its memory, which ends the process."""
    data = make_lossless_jpeg(800)
    hidden = data[:2] + before + data[2:]
    with pytest.raises(UserInputError, match="lossless JPEG"):
        read_jpeg(hidden)
    with pytest.raises(UserInputError, match="lossless JPEG"):
        decode(hidden, 358)
