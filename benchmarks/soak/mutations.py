"""Mutated picture files: the n-th of a seed is the same bytes on every run.

Headers say sizes, counts and places, so half of all mutations hit the first bytes; the checksums of
a PNG are mostly put right again, since no decoder would look at a chunk otherwise.
"""

import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.soak.samples import make_samples

_HEAD = 300  # bytes
_MAX_COPIES = 300_000  # bytes of repeated blocks
# Where decoders mistake signs, overflow or divide by nothing.
_NUMBERS = (
    *(0, 1, 2, 7, 8, 255, 256, 1 << 15, (1 << 15) - 1, (1 << 16) - 1, 10_000, 1 << 16, 1 << 20),
    *(1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, (1 << 32) - 8),
)
_PNG = b"\x89PNG\r\n\x1a\n"

Mutator = Callable[[random.Random, bytearray], None]


@dataclass(frozen=True)
class MutatedFile:
    """A file, and what it was made of: the name of a sample and of each mutation."""

    name: str
    data: bytes


def mutate(seed: int, number: int) -> MutatedFile:
    """Return the mutated file of a seed and a number."""
    chance = random.Random(f"{seed}/{number}")
    samples, weights = make_samples()
    names = list(samples)
    [name] = chance.choices(names, weights)
    changed = bytearray(samples[name])
    words = []
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5, 12))):
        mutator = chance.choice(_MUTATORS)
        mutator(chance, changed)
        words.append(mutator.__name__)
        if not changed:
            break
    if changed.startswith(_PNG) and chance.random() < 0.8:
        changed = mend_png(changed)
    return MutatedFile(f"{name}, {' + '.join(words)}", bytes(changed))


def mend_png(png: bytearray) -> bytearray:
    """Put right the checksum of every chunk, as far as the lengths lead."""
    place = len(_PNG)
    while place + 12 <= len(png):
        (length,) = struct.unpack_from(">I", png, place)
        end = place + 8 + length
        if end + 4 > len(png):
            break
        struct.pack_into(">I", png, end, zlib.crc32(png[place + 4 : end]))
        place = end + 4
    return png


def choose_place(chance: random.Random, size: int) -> int:
    """Return a place in a file of `size` bytes: half of them in its head, some in its tail."""
    part = chance.random()
    if part < 0.5:
        return chance.randrange(min(size, _HEAD))
    if part < 0.65:
        return size - 1 - chance.randrange(min(size, _HEAD))
    return chance.randrange(size)


def flip_bits(chance: random.Random, data: bytearray) -> None:
    """Flip one to eight bits."""
    for _ in range(chance.choice((1, 1, 2, 8))):
        data[choose_place(chance, len(data))] ^= 1 << chance.randrange(8)


def write_number(chance: random.Random, data: bytearray) -> None:
    """Write a number of two or four bytes, at an even place, at which most headers have them."""
    kind = chance.choice(("<H", ">H", "<I", ">I"))
    width = struct.calcsize(kind)
    if len(data) >= width + 2:
        place = min(choose_place(chance, len(data)) & ~1, len(data) - width)
        number = chance.choice(_NUMBERS) & ((1 << (8 * width)) - 1)
        struct.pack_into(kind, data, place, number)


def change_number(chance: random.Random, data: bytearray) -> None:
    """Add a little to a number that is there, or multiply it."""
    kind = chance.choice(("<H", ">H", "<I", ">I"))
    width = struct.calcsize(kind)
    if len(data) >= width:
        place = min(choose_place(chance, len(data)), len(data) - width)
        (number,) = struct.unpack_from(kind, data, place)
        changed = chance.choice((number + 1, number - 1, number * 2, number * 100, number ^ 0x80))
        struct.pack_into(kind, data, place, changed & ((1 << (8 * width)) - 1))


def overwrite(chance: random.Random, data: bytearray) -> None:
    """Write random bytes over a few, or one value over many."""
    place = choose_place(chance, len(data))
    length = min(chance.choice((1, 4, 16, 500)), len(data) - place)
    filler = chance.choice((None, 0, 255))
    value = chance.randbytes(length) if filler is None else bytes([filler]) * length
    data[place : place + length] = value


def delete(chance: random.Random, data: bytearray) -> None:
    """Cut some bytes out."""
    place = choose_place(chance, len(data))
    del data[place : place + chance.choice((1, 2, 4, 64, 1000))]


def insert(chance: random.Random, data: bytearray) -> None:
    """Put random bytes between others."""
    place = choose_place(chance, len(data))
    data[place:place] = chance.randbytes(chance.choice((1, 2, 4, 64)))


def repeat(chance: random.Random, data: bytearray) -> None:
    """Repeat a block, often enough to matter where each costs the decoder something."""
    place = choose_place(chance, len(data))
    block = data[place : place + chance.choice((2, 12, 100, 2000))]
    most = max(1, _MAX_COPIES // max(1, len(block)))
    data[place:place] = block * min(most, chance.choice((1, 3, 50, 5000)))


def swap(chance: random.Random, data: bytearray) -> None:
    """Let two blocks change places."""
    length = min(chance.choice((4, 16, 200)), len(data) // 2)
    first, second = (chance.randrange(len(data) - length + 1) for _ in range(2))
    if abs(first - second) >= length:
        one, other = bytes(data[first : first + length]), bytes(data[second : second + length])
        data[first : first + length], data[second : second + length] = other, one


def truncate(chance: random.Random, data: bytearray) -> None:
    """Cut the end off."""
    del data[choose_place(chance, len(data)) :]


def extend(chance: random.Random, data: bytearray) -> None:
    """Append zeros, random bytes, the file itself or another one."""
    samples, _ = make_samples()
    other = samples[chance.choice(list(samples))]
    size = chance.choice((1, 100, 50_000))
    data += chance.choice((bytes(size), chance.randbytes(min(size, 5000)), bytes(data), other))


def splice(chance: random.Random, data: bytearray) -> None:
    """Let the file end as another one does, often one of its own format."""
    samples, _ = make_samples()
    alike = [name for name, found in samples.items() if found[:3] == data[:3]]
    name = chance.choice(alike if alike and chance.random() < 0.7 else list(samples))
    other = samples[name]
    data[choose_place(chance, len(data)) :] = other[choose_place(chance, len(other)) :]


_MUTATORS: tuple[Mutator, ...] = (
    *(flip_bits, flip_bits, write_number, write_number, write_number, change_number),
    *(overwrite, delete, insert, repeat, swap, truncate, extend, splice, splice),
)
