"""Drawn road signs: a class of which the shipped model remembers nothing.

`python -m benchmarks.quality.few_shot` adds it to the hot dog model. Every image has its own random
generator; held-out images have backgrounds of their own.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from trainer.synthetic.compositing import develop, pick_size, place
from trainer.synthetic.drawings import Colour
from trainer.synthetic.palettes import HELDOUT, TRAIN

_SIDE = 320  # pixels of the canvas, drawn at twice the size that is returned
_MIDDLE = _SIDE / 2
_RED: Colour = (196, 24, 32)
_BLUE: Colour = (24, 78, 168)
_YELLOW: Colour = (248, 204, 36)
_WHITE: Colour = (246, 246, 244)
_BLACK: Colour = (24, 24, 26)

Draw = Callable[[ImageDraw.ImageDraw, np.random.Generator], None]


def draw_picture(seed: int, *, heldout: bool) -> NDArray[np.uint8]:
    """Return an image of a road sign, (H, W, 3) uint8 RGB, the same for the same seed."""
    generator = np.random.default_rng([seed, heldout])
    palette = HELDOUT if heldout else TRAIN
    ground = palette.grounds[generator.integers(len(palette.grounds))]
    background = ground(generator, pick_size(generator, largest=400))
    scale = float(generator.uniform(0.3, 0.9))
    scene = place(generator, background, draw_sign(generator), scale)
    return np.asarray(develop(generator, scene).convert("RGB"))


def draw_sign(generator: np.random.Generator) -> Image.Image:
    """Draw a random sign, RGBA, sometimes on a pole."""
    pole = bool(generator.random() < 0.5)
    canvas = Image.new("RGBA", (_SIDE, _SIDE + (_SIDE // 2 if pole else 0)))
    pen = ImageDraw.Draw(canvas)
    if pole:
        grey = int(generator.integers(90, 180))
        pen.rectangle((_MIDDLE - 9, _MIDDLE, _MIDDLE + 9, canvas.height), fill=(grey, grey, grey))
    kinds = (_warn, _forbid, _oblige, _stop, _yield, _priority, _inform)
    kinds[generator.integers(len(kinds))](pen, generator)
    return canvas.resize((canvas.width // 2, canvas.height // 2), Image.Resampling.LANCZOS)


def _warn(pen: ImageDraw.ImageDraw, generator: np.random.Generator) -> None:
    fill = _YELLOW if generator.random() < 0.3 else _WHITE
    _polygon(pen, 3, 150, 90, _RED)
    _polygon(pen, 3, 104, 90, fill)
    _arrow(pen, generator, _BLACK, 46) if generator.random() < 0.5 else _write(pen, "!", _BLACK)


def _forbid(pen: ImageDraw.ImageDraw, generator: np.random.Generator) -> None:
    _disc(pen, 144, _RED)
    _disc(pen, 110, _WHITE)
    if generator.random() < 0.7:
        _write(pen, str(10 * generator.integers(2, 13)), _BLACK)
        return
    _arrow(pen, generator, _BLACK, 70)
    pen.line((_MIDDLE - 84, _MIDDLE - 84, _MIDDLE + 84, _MIDDLE + 84), fill=_RED, width=26)


def _oblige(pen: ImageDraw.ImageDraw, generator: np.random.Generator) -> None:
    _disc(pen, 146, _WHITE)
    _disc(pen, 138, _BLUE)
    _arrow(pen, generator, _WHITE, 90)


def _stop(pen: ImageDraw.ImageDraw, generator: np.random.Generator) -> None:
    _polygon(pen, 8, 152, 22.5, _WHITE)
    _polygon(pen, 8, 142, 22.5, _RED)
    _write(pen, "STOP", _WHITE, 84)


def _yield(pen: ImageDraw.ImageDraw, generator: np.random.Generator) -> None:
    _polygon(pen, 3, 150, 270, _RED)
    _polygon(pen, 3, 96, 270, _WHITE)


def _priority(pen: ImageDraw.ImageDraw, generator: np.random.Generator) -> None:
    _polygon(pen, 4, 154, 0, _BLACK)
    _polygon(pen, 4, 148, 0, _WHITE)
    _polygon(pen, 4, 112, 0, _YELLOW)


def _inform(pen: ImageDraw.ImageDraw, generator: np.random.Generator) -> None:
    pen.rounded_rectangle((24, 24, _SIDE - 24, _SIDE - 24), 24, fill=_BLUE, outline=_WHITE, width=8)
    _write(pen, str(generator.choice(["P", "H", "i"])), _WHITE, 200)


def _polygon(
    pen: ImageDraw.ImageDraw, corners: int, radius: float, turn: float, fill: Colour
) -> None:
    """Draw a regular polygon; `turn` in degrees, counter-clockwise from the right."""
    angles = np.radians(turn + 360 / corners * np.arange(corners))
    points = zip(_MIDDLE + radius * np.cos(angles), _MIDDLE - radius * np.sin(angles), strict=True)
    pen.polygon([(float(x), float(y)) for x, y in points], fill=fill)


def _disc(pen: ImageDraw.ImageDraw, radius: float, fill: Colour) -> None:
    box = (_MIDDLE - radius, _MIDDLE - radius, _MIDDLE + radius, _MIDDLE + radius)
    pen.ellipse(box, fill=fill)


def _arrow(
    pen: ImageDraw.ImageDraw, generator: np.random.Generator, fill: Colour, length: float
) -> None:
    """Draw an arrow in one of eight directions, `length` to either side of the middle."""
    angle = np.pi / 4 * generator.integers(8)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    head, tail = _MIDDLE + length * along, _MIDDLE - length * along
    neck = _MIDDLE + 0.3 * length * along
    pen.line([tuple(tail.tolist()), tuple(neck.tolist())], fill=fill, width=round(0.3 * length))
    wings = [neck + 0.5 * length * across, neck - 0.5 * length * across]
    pen.polygon([tuple(point.tolist()) for point in (head, *wings)], fill=fill)


def _write(pen: ImageDraw.ImageDraw, text: str, fill: Colour, size: int = 110) -> None:
    font = ImageFont.load_default(size)
    pen.text((_MIDDLE, _MIDDLE), text, fill=fill, font=font, anchor="mm", stroke_width=3)
