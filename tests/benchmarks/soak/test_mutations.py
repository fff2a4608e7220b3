"""Mutated files are the same on every run, of every format, and no longer what they were."""

import struct
import zlib

import pytest

from benchmarks.soak.mutations import mend_png, mutate
from benchmarks.soak.samples import make_samples
from inference.decoding.containers.reading import ALLOWED_FORMATS
from inference.images import decode

pytestmark = pytest.mark.slow  # to encode the samples takes some seconds
SOME = 400


def list_chunks(png: bytes) -> list[tuple[bytes, bool]]:
    """Return each chunk's name, and whether its checksum is right."""
    found, place = [], 8
    while place < len(png):
        (length,) = struct.unpack_from(">I", png, place)
        end = place + 8 + length
        (check,) = struct.unpack_from(">I", png, end)
        found.append((png[place + 4 : place + 8], check == zlib.crc32(png[place + 4 : end])))
        place = end + 4
    return found


def test_samples_are_good_and_of_every_format() -> None:
    samples, weights = make_samples()
    assert len(samples) == len(weights) > 100
    for name, data in samples.items():
        assert decode(data).size, name
    names = " ".join(samples).upper().replace("HEIC", "HEIF")
    assert not [name for name in ALLOWED_FORMATS if name not in names]


def test_file_is_the_same_on_every_run() -> None:
    files = [mutate(3, number) for number in range(SOME)]
    assert files == [mutate(3, number) for number in range(SOME)]
    assert len({file.data for file in files}) > 0.9 * SOME
    assert files != [mutate(4, number) for number in range(SOME)]


def test_most_samples_and_all_mutations_are_drawn() -> None:
    samples, _ = make_samples()
    files = [mutate(0, number) for number in range(SOME)]
    drawn = {file.name.partition(",")[0] for file in files}
    assert len(drawn) > 0.6 * len(samples)
    kinds = {word for file in files for word in file.name.partition(", ")[2].split(" + ")}
    assert {"splice", "truncate", "extend", "repeat", "flip_bits", "write_number"} <= kinds
    unchanged = [file for file in files if file.data in samples.values()]
    assert len(unchanged) < 0.05 * SOME


def test_checksums_of_a_png_are_mended() -> None:
    samples, _ = make_samples()
    png = bytearray(samples["PNG 33×21"])
    png[20] ^= 1
    assert not all(good for _, good in list_chunks(png))
    chunks = list_chunks(mend_png(png))
    assert chunks[0][0] == b"IHDR"
    assert all(good for _, good in chunks)
