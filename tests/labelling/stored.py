"""Stores filled in the tests, and pictures whose look and name are chosen by hand."""

import hashlib
from pathlib import Path

import numpy as np

from labelling.images.encoding import PreparedImage
from labelling.images.files import is_sha256
from labelling.images.near_duplicates import hash_to_fraction
from labelling.store.adding import Annotation
from labelling.store.entries import Added, Entry
from labelling.store.placement import LOCKED_FRACTION
from labelling.store.store import Store
from tests.labelling.sample_files import encode, make_image


def add_images(store: Store, label: str, seeds: range, model: str = "") -> list[Added]:
    """Add a picture of noise a seed."""
    return [store.add(encode(make_image(seed)), label, model=model) for seed in seeds]


def make_sha256(number: int, *, locked: bool = False) -> str:
    """Return a SHA-256 whose group of its own would, or would not, be locked."""
    tries = (hashlib.sha256(f"{number} {i}".encode()).hexdigest() for i in range(1000))
    wanted = (s for s in tries if (hash_to_fraction(s, "locked") < LOCKED_FRACTION) == locked)
    sha256 = next(wanted)
    assert is_sha256(sha256)
    return sha256


def make_dhash(seed: int, flipped: range = range(0)) -> bytes:
    """Return the hash of some look; those of two seeds are far apart."""
    bits = np.random.default_rng(seed).integers(0, 2, 256).astype(np.uint8)
    bits[list(flipped)] ^= 1
    return np.packbits(bits).tobytes()


def enter(store: Store, sha256: str, dhash: bytes, label: str = "cat", model: str = "") -> Entry:
    """Add a picture of a chosen name and look, whose file is nothing."""
    prepared = PreparedImage(b"picture", sha256, dhash, 64, 64, sha256)
    return store.enter(prepared, Annotation(label, model=model)).entry


def list_image_files(data: Path) -> set[str]:
    return {path.stem for path in (data / "pictures").rglob("*.jpg")}
