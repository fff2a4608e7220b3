"""HEVC in a HEIC: what its parameter sets say of size and samples, and how many pictures there are.

Source: ISO/IEC 23008-2, 7.3.
"""

from collections.abc import Iterator
from typing import NamedTuple

_SPS = 33
_INTRA = range(16, 24)  # pictures that need no other; table 7-1
_NO_PICTURES = range(32, 64)
_PLANES = (1.0, 1.5, 2.0, 3.0)  # samples of a pixel, by the chroma format
_MAX_UNITS, _MAX_SETS = 1_000, 100  # of one picture, and of the parameters of one
_PROFILE = 96  # bits of profile and level, for one layer


class Samples(NamedTuple):
    """How large a coded picture is, in pixels, and how many bytes its samples take for each."""

    width: int
    height: int
    bytes: float


def is_one_picture(data: memoryview) -> bool:
    """Return whether these are the slices of one picture, each behind its length."""
    place, pictures, units = 0, 0, 0
    while place < len(data) and units < _MAX_UNITS:
        units += 1
        size = int.from_bytes(data[place : place + 4])
        kind = data[place + 4] >> 1 & 63
        if kind in _INTRA:
            pictures += data[place + 6] >> 7  # begins a picture
        elif kind not in _NO_PICTURES or kind == _SPS:
            return False
        place += 4 + size
    return pictures == 1 and place == len(data)


def read_samples(configuration: bytes) -> list[Samples]:
    """Return what all parameter sets of an `hvcC` box say.

    Raises: ValueError or IndexError for sets of several layers, or what is cut off.
    """
    found = [_read_set(unit) for kind, unit in _list_units(configuration) if kind == _SPS]
    if not found:
        raise ValueError("This HEVC has no parameters.")
    return found


def _list_units(configuration: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield types and contents of the units that every picture needs. Source: 14496-15, 8.3.3.

    Raises: ValueError or IndexError for too many, or what is cut off.
    """
    place, left = 23, _MAX_SETS
    for _ in range(configuration[22]):
        kind, count = configuration[place] & 63, configuration[place + 1 : place + 3]
        place, left = place + 3, left - int.from_bytes(count)
        if left < 0:
            raise ValueError("This HEVC has too many parameters.")
        for _ in range(int.from_bytes(count)):
            size = int.from_bytes(configuration[place : place + 2])
            yield kind, configuration[place + 2 : place + 2 + size]
            place += 2 + size


def _read_set(unit: bytes) -> Samples:
    content = unit.replace(b"\0\0\3", b"\0\0")  # as it was before it was made free of markers
    bits = f"{int.from_bytes(content):0{8 * len(content)}b}"[16:]
    if bits[4:7] != "000":
        raise ValueError("This HEVC has several layers.")
    numbers = _Golomb(bits, 8 + _PROFILE)
    numbers.read()
    chroma = numbers.read()
    if chroma == 3:
        numbers.place += 1
    width, height = numbers.read(), numbers.read()
    if numbers.read_bit():
        for _ in range(4):
            numbers.read()
    depth = 8 + max(numbers.read(), numbers.read())
    return Samples(width, height, _PLANES[chroma] * (1 if depth == 8 else 2))


class _Golomb:
    """Reads numbers in Exp-Golomb code; 9.2."""

    def __init__(self, bits: str, place: int) -> None:
        self.bits, self.place = bits, place

    def read_bit(self) -> bool:
        self.place += 1
        return self.bits[self.place - 1] == "1"

    def read(self) -> int:
        start = self.bits.index("1", self.place)
        self.place = 2 * start - self.place + 1
        return int(self.bits[start : self.place], 2) - 1
