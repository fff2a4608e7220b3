"""What an AVIF or HEIC costs is known where each picture in it is coded once and used once."""

import io
import struct
import time

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from inference.decoding.containers.boxes import read_items
from inference.decoding.containers.heif import read_heif
from inference.decoding.containers.reading import read_container
from inference.images import decode
from tests.inference.costly_files import repeat_coded_picture
from tests.inference.picture_files import RED, draw_corners, make_exif, save

SMALL = draw_corners(640, 480)


@pytest.mark.parametrize(
    ("format_name", "mode", "options"),
    [
        ("HEIF", "RGB", {}),
        ("HEIF", "RGBA", {}),
        ("HEIF", "RGB", {"tile_size": 128}),
        ("HEIF", "RGB", {"thumbnails": [128]}),
        ("HEIF", "RGB", {"exif": make_exif([(0x0112, 3, 1, 6)])}),
        ("HEIF", "RGB", {"save_all": True, "append_images": [SMALL]}),
        ("AVIF", "RGB", {}),
        ("AVIF", "RGB", {"exif": make_exif([(0x0112, 3, 1, 6)])}),
    ],
)
def test_what_phones_write_is_bounded(
    format_name: str, mode: str, options: dict[str, object]
) -> None:
    lean = read_heif(save(SMALL.convert(mode), format_name, **options))
    assert lean.is_bounded
    assert 0 < lean.seconds < 0.1


@pytest.mark.parametrize("format_name", ["HEIF", "AVIF"])
def test_exif_is_hidden(format_name: str) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Somebody's camera"
    data = save(SMALL, format_name, exif=exif)
    kinds = {item.kind for item in read_items(read_heif(data).data).found.values()}
    assert b"none" in kinds
    assert b"Exif" not in kinds


@pytest.mark.parametrize("format_name", ["HEIF", "AVIF"])
def test_more_than_one_coded_picture_is_not_bounded(format_name: str) -> None:
    once = repeat_coded_picture(save(SMALL, format_name), 1)
    twice = repeat_coded_picture(save(SMALL, format_name), 2)
    assert read_heif(once).is_bounded
    assert not read_heif(twice).is_bounded
    np.testing.assert_array_equal(decode(twice, 100), decode(once, 100))


def test_avif_that_lies_about_its_size_is_not_bounded() -> None:
    told, lie = (b"ispe" + struct.pack(">III", 0, *size) for size in ((640, 480), (64, 48)))
    assert not read_heif(save(SMALL, "AVIF").replace(told, lie)).is_bounded


def test_tile_that_is_used_twice_is_not_bounded() -> None:
    data = save(SMALL, "HEIF", tile_size=320)
    items = read_items(data)
    first, second = items.sources[:2]
    place = data.index(b"dimg") + 8  # behind the grid's number and the count
    assert data[place : place + 4] == struct.pack(">HH", first, second)
    assert not read_heif(data[: place + 2] + data[place : place + 2] + data[place + 4 :]).is_bounded


def make_box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content


def make_avif(*boxes: bytes, rest: bytes = b"") -> bytes:
    """Return an AVIF of any boxes in its `meta`."""
    head = make_box(b"ftyp", b"avif\0\0\0\0avifmif1miaf")
    return head + make_box(b"meta", bytes(4) + b"".join(boxes)) + rest


def locate(widths: bytes, *items: bytes) -> bytes:
    return make_box(b"iloc", bytes(4) + widths + struct.pack(">H", len(items)) + b"".join(items))


_ENTRY = make_box(b"infe", b"\2\0\0\0\0\1\0\0av01\0")
ENDLESS = {
    "boxes": lambda: make_avif(rest=make_box(b"free", b"") * 2_000_000),
    "boxes in boxes": lambda: make_avif(
        *(struct.pack(">I4s4x", 12 * (3_000 - i), b"meta") for i in range(3_000))
    ),
    "pieces without a length": lambda: make_avif(
        *[locate(b"\0\0", *[struct.pack(">HHH", 1, 0, 65_535)] * 1_000)] * 9
    ),
    "pieces that are the whole file": lambda: make_avif(
        make_box(b"iinf", bytes(4) + b"\0\1" + _ENTRY),
        locate(b"\x44\0", struct.pack(">HHH", 1, 0, 2_000) + bytes(16_000)),
        rest=make_box(b"mdat", bytes(10_000_000)),
    ),
    "properties of one item": lambda: make_avif(
        make_box(b"ipma", bytes(4) + struct.pack(">I", 2_000_000) + b"\0\1\5" * 2_000_000)
    ),
    "sources": lambda: make_avif(
        make_box(b"iref", bytes(4) + make_box(b"dimg", b"\0\1\xff\xff" + bytes(131_070)) * 90)
    ),
    "units": lambda: make_item(b"av01", b"\x12\0" * 9_000_000),
    "slices": lambda: make_item(b"hvc1", b"\0\0\0\2\x40\1" * 3_000_000),
    "parameters": lambda: make_avif(
        make_box(b"iprp", make_box(b"ipco", make_box(b"hvcC", make_endless_parameters()) * 2_000))
    ),
}


def make_endless_parameters() -> bytes:
    """Return the parameters of a good HEIC, and 65,535 empty ones of another kind."""
    [good, *_] = read_items(save(SMALL, "HEIF")).hevc
    return good[:22] + bytes([good[22] + 1]) + good[23:] + b"\x20\xff\xff"


def make_item(kind: bytes, content: bytes) -> bytes:
    """Return a file of one item."""
    named = make_box(b"iinf", bytes(4) + b"\0\1" + _ENTRY.replace(b"av01", kind))
    place = len(make_avif(named, locate(b"\x44\0", bytes(14))))
    told = struct.pack(">HHHII", 1, 0, 1, place + 8, len(content))
    return make_avif(named, locate(b"\x44\0", told), rest=make_box(b"mdat", content))


@pytest.mark.parametrize("name", ENDLESS)
def test_endless_lists_are_not_followed(name: str) -> None:
    data = ENDLESS[name]()
    assert len(data) < 20_000_000
    start = time.process_time()
    assert not read_heif(data).is_bounded
    assert time.process_time() - start < 1


def test_animation_is_decoded_apart() -> None:
    frames = [Image.new("RGB", (64, 64), colour) for colour in (RED, "blue")]
    data = save(frames[0], "AVIF", save_all=True, append_images=frames[1:])
    assert not read_container(data).is_bounded
    np.testing.assert_allclose(decode(data)[8, 8], RED, atol=12)


@pytest.mark.parametrize("cut", [8, 12, 40, 100, 200, 300, 400])
@pytest.mark.parametrize("format_name", ["HEIF", "AVIF"])
def test_cut_off_boxes_are_not_bounded(format_name: str, cut: int) -> None:
    assert not read_heif(save(SMALL, format_name)[:cut]).is_bounded


@pytest.mark.parametrize(
    ("mode", "chroma", "expected"),
    [("RGB", 420, 6), ("RGB", 444, 9), ("RGBA", 420, 9), ("RGB;16", 420, 9), ("RGB;16", 444, 15)],
)
def test_memory_is_told_by_samples(mode: str, chroma: int, expected: float) -> None:
    size, channels = (64, 48), len(mode.removesuffix(";16"))
    pixels = bytes(64 * 48 * channels * (2 if mode.endswith("16") else 1))
    file = io.BytesIO()
    pillow_heif.from_bytes(mode, size, pixels).save(file, chroma=chroma)
    assert read_heif(file.getvalue()).bytes_per_pixel == expected


def test_large_heic_is_read_by_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    waves = np.sin(np.mgrid[0:600, 0:900].sum(0) / 30)[..., None] * [120, 60, 90] + 127
    data = save(Image.fromarray(waves.astype(np.uint8)), "HEIF")
    whole = decode(data, 150)
    monkeypatch.setattr("inference.decoding.heif_rows._LARGE", 1000)
    monkeypatch.setattr("inference.decoding.pixels._BAND", 5000)
    np.testing.assert_array_equal(decode(data, 150), whole)
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(decode(data), np.asarray(image))
