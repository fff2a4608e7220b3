"""Of a TIFF only the tags that make the pixels of its first directory are read."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from inference.decoding.containers.tiff import MAX_STRIPS, read_tiff
from inference.errors import UserInputError
from inference.images import decode
from tests.inference.costly_files import list_tiff_tags, make_strips_of_one_row, make_tiff
from tests.inference.picture_files import CORNERS, draw_corners, read_corners, save

STRIP = [(273, 4, [0]), (278, 4, [8]), (279, 4, [64])]


@pytest.mark.parametrize(
    "tag",
    [
        (34675, 7, bytes(4_000_000)),  # a colour profile
        (700, 1, bytes(4_000_000)),  # XMP
        (34377, 1, bytes(4_000_000)),  # Photoshop
        (37724, 7, bytes(4_000_000)),
        (40_000, 4, range(500_000)),
        (330, 4, [8]),  # a directory below that is this one
        (34665, 4, [8]),  # EXIF likewise
    ],
)
def test_good_picture_is_not_refused_for_its_tags(tag: tuple[int, int, bytes]) -> None:
    data = make_tiff([*list_tiff_tags((8, 8), 1), *STRIP, tag], bytes(range(64)))
    np.testing.assert_array_equal(decode(data)[..., 0].ravel(), np.arange(64))
    with Image.open(io.BytesIO(read_tiff(data).data)) as image:
        assert isinstance(image, TiffImagePlugin.TiffImageFile)
        assert tag[0] not in image.tag_v2


def test_further_directories_are_not_followed() -> None:
    data = make_tiff([*list_tiff_tags((8, 8), 1), *STRIP], bytes(64), next_directory=8)
    with Image.open(io.BytesIO(read_tiff(data).data)) as image:
        assert not image.is_animated  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "options",
    [
        {"compression": name}
        for name in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
    ]
    + [
        {"big_tiff": True},
        {"tiffinfo": {274: 6}},
        {"compression": "tiff_lzw", "tiffinfo": {317: 2}},
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_pixels_stay_the_same(mode: str, options: dict[str, object]) -> None:
    data = save(draw_corners().convert(mode), "TIFF", **options)
    with Image.open(io.BytesIO(data)) as image:
        image.load()  # Pillow turns it itself
        np.testing.assert_array_equal(decode(data), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("mode", ["1", "P"])
def test_palette_and_fax_stay_the_same(mode: str) -> None:
    options = {"compression": "group4"} if mode == "1" else {}
    picture = draw_corners().quantize(4) if mode == "P" else draw_corners().convert("1")
    expected = np.asarray(picture.convert("RGB"))
    np.testing.assert_array_equal(decode(save(picture, "TIFF", **options)), expected)


def test_big_endian() -> None:
    info = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"MM")
    data = save(draw_corners(), "TIFF", tiffinfo=info)
    assert read_corners(decode(data)) == list(CORNERS)


def test_strips_are_counted() -> None:
    assert decode(make_strips_of_one_row(4, 20_000)).shape == (20_000, 4, 3)
    with pytest.raises(UserInputError, match=r"cut into 50,001 pieces; at most 50,000"):
        decode(make_strips_of_one_row(4, MAX_STRIPS + 1))


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("place", [0, 8, 9, 4_000_000_000])
def test_directory_that_is_not_there(place: int) -> None:
    data = b"II*\0" + struct.pack("<I", place) + b"\xff" * 40
    with pytest.raises(UserInputError):
        decode(data)


def test_a_directory_that_is_cut_off_tells_no_price() -> None:
    """Decoders read what is there of it: its picture is decoded apart."""
    tags = [*list_tiff_tags((8, 8), 1), *STRIP]
    whole = make_tiff(tags, bytes(range(64)))
    directory = whole[10 : 10 + 12 * len(tags)]
    told = struct.pack("<H", len(tags) + 5)
    data = whole[:4] + struct.pack("<I", len(whole)) + whole[8:] + told + directory
    assert not read_tiff(data).is_bounded


def test_a_place_that_no_file_has_is_no_defect_of_ours() -> None:
    entry = struct.pack("<HHQQ", 273, 16, 100, 2**64 - 1)
    data = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 1) + entry + bytes(8)
    with pytest.raises(UserInputError):
        decode(data)


@pytest.mark.parametrize("magic", [b"II\0*", b"MM*\0"])
def test_a_magic_that_only_decoders_know_is_none(magic: bytes) -> None:
    """Its price would be looked at by nobody."""
    data = make_tiff([*list_tiff_tags((8, 8), 1), *STRIP], bytes(64))
    with pytest.raises(UserInputError, match="not a picture"):
        decode(magic + data[4:])
    assert decode(data).shape == (8, 8, 3)
