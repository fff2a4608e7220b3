"""Rendered out-of-distribution images, of no class that a model here has.

How often a version calls them unfamiliar is measured on them; nothing is trained on them and no
threshold is fitted to them.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainer.synthetic import charts, patterns

Draw = Callable[[np.random.Generator, tuple[int, int]], Image.Image]

KINDS: dict[str, Draw] = {
    "chart": charts.draw_chart,
    "noise": patterns.draw_noise,
    "plain": patterns.draw_plain,
    "gradient": patterns.draw_gradient,
    "stripes": patterns.draw_stripes,
    "matrix code": patterns.draw_matrix_code,
}
_SIDES = (260, 640)  # pixels of the longer side, smallest and largest


def draw_unrelated(count: int, seed: int) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield `count` images, (H, W, 3) uint8 RGB, each with its kind; every kind in turn.

    Each has a generator of its own: the same seed gives the same images, however many, with
    the same versions of Pillow, NumPy and matplotlib.
    """
    names = list(KINDS)
    for number in range(count):
        generator = np.random.default_rng([seed, number])
        kind = names[number % len(names)]
        yield kind, np.asarray(KINDS[kind](generator, _pick_size(generator)).convert("RGB"))


def _pick_size(generator: np.random.Generator) -> tuple[int, int]:
    """Return a random width and height: landscape or portrait, up to 16:9."""
    longer = int(generator.integers(_SIDES[0], _SIDES[1] + 1))
    shorter = round(longer * float(generator.uniform(9 / 16, 1)))
    return (longer, shorter) if generator.random() < 0.6 else (shorter, longer)
