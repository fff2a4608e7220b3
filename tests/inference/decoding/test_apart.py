"""What cannot be bounded is decoded by a process that ends when its time or memory is used up."""

import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest
from PIL import Image

from inference.decoding import apart
from inference.decoding.apart import decode_apart
from inference.decoding.limits import MAX_SECONDS
from inference.errors import OverloadedError, UserInputError
from inference.images import decode
from tests.inference.costly_files import repeat_coded_picture
from tests.inference.picture_files import draw_corners, save

pytestmark = pytest.mark.slow  # each starts a process
ON_UNIX = pytest.mark.skipif(sys.platform == "win32", reason="no limits of processes")


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "HEIF", "AVIF", "WEBP"])
@pytest.mark.parametrize("min_side", [None, 30])
def test_it_answers_the_same(format_name: str, min_side: int | None) -> None:
    data = save(draw_corners(), format_name)
    np.testing.assert_array_equal(decode_apart(data, min_side), decode(data, min_side))


def test_its_sentences_are_the_same() -> None:
    with pytest.raises(UserInputError) as here:
        decode(b"no picture")
    with pytest.raises(UserInputError) as refused:
        decode_apart(b"no picture", None)
    assert str(refused.value) == str(here.value)


def test_what_decoders_print_is_no_part_of_a_sentence() -> None:
    """Pillow warns of the truncated EXIF; libtiff writes to the error stream itself."""
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12"
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    whole = save(draw_corners(), "JPEG")
    with pytest.raises(UserInputError) as refused:
        decode_apart(whole[:2] + segment + whole[2:-50], None)
    assert str(refused.value).startswith("This file says it is a JPEG")


@ON_UNIX
def test_time_is_limited() -> None:
    frames = repeat_coded_picture(save(Image.new("RGB", (3_000, 3_000)), "AVIF", speed=10), 3_000)
    start = time.monotonic()
    with pytest.raises(UserInputError, match="took too much time or memory"):
        decode(frames, 358)
    assert time.monotonic() - start < 10 * MAX_SECONDS


def test_two_processes_run_at_once_and_others_wait() -> None:
    frames = repeat_coded_picture(save(Image.new("RGB", (2_000, 2_000)), "AVIF", speed=10), 4)
    this = psutil.Process()
    others, most = len(this.children()), 0  # such as a page of other tests
    with ThreadPoolExecutor(5) as pool:
        decoding = [pool.submit(decode, frames, 358) for _ in range(5)]
        while not all(found.done() for found in decoding):
            most = max(most, len(this.children()) - others)
    assert most == 2
    assert {found.result().shape for found in decoding} == {(400, 400, 3)}


def test_who_waits_too_long_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_PATIENCE", 0.01)
    data = save(draw_corners(), "PNG")
    refused = pytest.raises(OverloadedError, match="Too many pictures at once")
    with apart.taking_place(), apart.taking_place(), refused:
        decode_apart(data, None)
    assert decode_apart(data, None).shape == decode(data).shape


_OF_LITTLE_MEMORY = """
import sys
from inference.decoding import limits
limits.MAX_MEMORY = 60_000_000
from inference import decoding_child
decoding_child.main()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is limited on Linux alone")
@pytest.mark.parametrize("side", [100, 8_000])
def test_memory_is_limited(side: int) -> None:
    """An AVIF that says it has a few pixels and has 64 megapixels is refused the memory."""
    data = save(Image.new("RGB", (side, side)), "AVIF", speed=10)
    told, lie = (b"ispe" + struct.pack(">III", 0, n, n) for n in (side, 64))
    command = [sys.executable, "-c", _OF_LITTLE_MEMORY, "0"]
    found = subprocess.run(command, input=data.replace(told, lie), capture_output=True, check=False)
    assert found.returncode == (0 if side == 100 else 3)
    pixels = struct.pack("<II", 64, 64)
    assert found.stdout.startswith(pixels if side == 100 else b"This file says")
