"""Inputs made by formula, with which a provider proves that it computes what the CPU does."""

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 0.02
SHAPES = ((224, 224), (300, 200), (97, 331))


def make_probe(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """Return smooth coloured waves, the same on every machine: (H, W, 3) uint8 RGB.

    Integers only, so that no library's rounding enters.
    """
    rows = np.arange(height, dtype=np.int64)[:, None, None]
    columns = np.arange(width, dtype=np.int64)[None, :, None]
    channels = np.arange(3, dtype=np.int64)[None, None, :]
    wave = (
        rows * (3 + seed) + columns * (5 + 2 * seed) + channels * 67 + rows * columns // 37
    ) % 510
    return np.where(wave > 255, 510 - wave, wave).clip(0, 255).astype(np.uint8)


def list_probes() -> list[tuple[int, int, int]]:
    """Return the height, width and seed of each probe."""
    return [(height, width, seed) for seed, (height, width) in enumerate(SHAPES)]
