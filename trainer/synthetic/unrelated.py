"""Pictures of nothing that was taught, rendered, to measure by whether they are told as such.

Stage: screens, papers, patterns, scans, charts → outsiders → familiarity. Nothing is trained on
them and no limit is set by them.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainer.synthetic import charts, papers, patterns, scans, screens

Draw = Callable[[np.random.Generator, tuple[int, int]], Image.Image]

KINDS: dict[str, Draw] = {
    "window": screens.draw_window,
    "phone": screens.draw_phone,
    "code": screens.draw_code,
    "spreadsheet": screens.draw_spreadsheet,
    "page": papers.draw_page,
    "receipt": papers.draw_receipt,
    "form": papers.draw_form,
    "handwriting": papers.draw_handwriting,
    "chart": charts.draw_chart,
    "map": scans.draw_map,
    "X-ray": scans.draw_xray,
    "ultrasound": scans.draw_ultrasound,
    "slice": scans.draw_slice,
    "noise": patterns.draw_noise,
    "plain": patterns.draw_plain,
    "ramp": patterns.draw_ramp,
    "stripes": patterns.draw_stripes,
    "squares": patterns.draw_squares,
}
_SIDES = (260, 640)  # pixels of the longer side, smallest and largest


def draw_outsiders(count: int, seed: int) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield `count` pictures, (H, W, 3) uint8 RGB, each with its kind; every kind in turn.

    Each has a generator of its own: the same seed gives the same pictures, however many, with
    the same versions of Pillow, NumPy and matplotlib.
    """
    names = list(KINDS)
    for number in range(count):
        generator = np.random.default_rng([seed, number])
        kind = names[number % len(names)]
        yield kind, np.asarray(KINDS[kind](generator, _pick_size(generator)).convert("RGB"))


def _pick_size(generator: np.random.Generator) -> tuple[int, int]:
    """Draw width and height by lot: lying or upright, up to 16:9."""
    longer = int(generator.integers(_SIDES[0], _SIDES[1] + 1))
    shorter = round(longer * float(generator.uniform(9 / 16, 1)))
    return (longer, shorter) if generator.random() < 0.6 else (shorter, longer)
