"""Words that mean nothing, and fonts that come with matplotlib: what drawn screens and papers say.

Stage: lettering → screens, papers, charts → outsiders.
"""

from functools import cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import ImageFont

SANS, BOLD, MONO, SERIF = "DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "DejaVuSerif"
TEXT_FONTS = (SANS, SERIF, "STIXGeneral", "cmr10", "cmss10")
SLANTED_FONTS = ("DejaVuSans-Oblique", "DejaVuSerif-Italic", "STIXGeneralItalic", "cmti10")
_SYLLABLES = (
    "ba",
    "ce",
    "di",
    "fo",
    "gu",
    "la",
    "me",
    "ni",
    "por",
    "qua",
    "ra",
    "sel",
    "ti",
    "zen",
)


@cache
def load_font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """Return a font of matplotlib's by its file's name, `size` in pixels."""
    return ImageFont.truetype(Path(mpl.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf", size)


def make_word(generator: np.random.Generator) -> str:
    """Return a made-up word of one to four syllables."""
    return "".join(generator.choice(_SYLLABLES, generator.integers(1, 5)).tolist())


def make_line(generator: np.random.Generator, words: int) -> str:
    """Return a sentence of made-up words."""
    return " ".join(make_word(generator) for _ in range(words)).capitalize()


def make_number(generator: np.random.Generator) -> str:
    """Return a number as sums and tables show them."""
    value = float(generator.choice([10, 1000, 100_000]) * generator.random())
    return f"{value:,.{generator.integers(0, 3)}f}"


def pick_ink(generator: np.random.Generator, low: int, high: int) -> tuple[int, int, int]:
    """Draw a colour whose parts lie between two values of 0–255."""
    red, green, blue = generator.integers(low, high + 1, 3).tolist()
    return red, green, blue
