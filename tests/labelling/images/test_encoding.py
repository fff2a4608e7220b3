import io

import numpy as np
import pytest
from PIL import Image

from inference.errors import UserInputError
from inference.images import decode
from labelling.images.encoding import check_stored, prepare, prepare_image
from labelling.images.near_duplicates import MAX_BITS
from tests.inference.picture_files import (
    draw_corners,
    make_exif,
    make_jpeg_segment,
    read_corners,
    save,
)
from tests.labelling.sample_files import encode, make_image


def count_differing_bits(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one) ^ int.from_bytes(other)).bit_count()


@pytest.mark.parametrize(
    ("size", "stored"),
    [
        ((96, 64), (96, 64)),
        ((1024, 700), (1024, 700)),
        ((3000, 2000), (1024, 683)),
        ((1, 1), (1, 1)),
        ((5000, 1), (1024, 1)),
    ],
)
def test_images_become_small_enough(size: tuple[int, int], stored: tuple[int, int]) -> None:
    prepared = prepare(save(Image.new("RGB", size, "orange"), "PNG"))
    assert (prepared.width, prepared.height) == stored
    assert decode(prepared.data).shape == (stored[1], stored[0], 3)


def test_images_stand_upright_and_say_nothing_of_themselves() -> None:
    exif = make_exif([(0x0112, 3, 1, 6)])
    corners = draw_corners(960, 640)
    turned = corners.transpose(Image.Transpose.ROTATE_90)
    prepared = prepare(encode(turned, exif=b"Exif\0\0" + exif, comment=b"secret", quality=95))
    with Image.open(io.BytesIO(prepared.data)) as picture:
        assert picture.format == "JPEG"
        assert not picture.getexif()
        assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi"}
    wanted = read_corners(np.asarray(corners))
    found = read_corners(decode(prepared.data))
    assert np.abs(np.array(found) - np.array(wanted)).max() < 12
    assert b"secret" not in prepared.data


def test_colours_hardly_change() -> None:
    picture = make_image(1, side=240)
    off = np.asarray(picture, dtype=int) - decode(prepare(save(picture, "PNG")).data)
    assert np.abs(off).mean() < 4


@pytest.mark.parametrize("format_name", ["PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF"])
def test_another_format_or_quality_looks_alike(format_name: str) -> None:
    picture = make_image(2, side=200)
    one = prepare(encode(picture, quality=95))
    other = prepare(save(picture, format_name))
    assert one.sha256 != other.sha256
    assert count_differing_bits(one.dhash, other.dhash) <= MAX_BITS
    stranger = prepare(encode(make_image(3)))
    assert count_differing_bits(one.dhash, stranger.dhash) > MAX_BITS


def test_a_decoded_image_is_stored_as_its_file_is() -> None:
    data = encode(make_image(4))
    assert prepare_image(decode(data), prepare(data).origin_sha256) == prepare(data)
    alone = prepare_image(decode(data))
    assert alone.origin_sha256 == alone.sha256


def test_metadata_of_what_claims_to_be_stored_is_never_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Pillow joins all EXIF blocks of a JPEG and reads each field, however long they are."""
    read: list[int] = []
    monkeypatch.setattr(Image.Exif, "load", lambda _, data: read.append(len(data)))
    block = make_jpeg_segment(0xE1, b"Exif\0\0" + make_exif([(0x0112, 3, 1, 1)]))
    data = encode(make_image(5))
    with pytest.raises(UserInputError, match="not as a store keeps it"):
        check_stored(data[:2] + block * 3 + data[20:], "")  # without JFIF, which tells a resolution
    assert not read


def test_a_stored_image_is_taken_over_byte_for_byte() -> None:
    prepared = prepare(encode(make_image(5), quality=80))
    assert check_stored(prepared.data, prepared.origin_sha256) == prepared


@pytest.mark.parametrize(
    "data",
    [
        encode(make_image(6), "PNG"),
        encode(make_image(6).convert("L")),
        encode(make_image(6, side=1025)),
        encode(make_image(6), comment=b"hello"),
        encode(make_image(6))[:-400],
        b"<html>",
        b"",
    ],
    ids=["png", "grey", "large", "comment", "truncated", "page", "empty"],
)
def test_what_no_store_made_is_not_taken_over(data: bytes) -> None:
    with pytest.raises(UserInputError):
        check_stored(data, "")
