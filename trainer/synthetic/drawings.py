"""Our own drawings of hot dogs, and the strokes that every drawing is made of.

Coordinates are pixels of a 960×640 canvas, drawn at twice
the size it is handed out in, so that edges come out smooth.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from trainer.synthetic.artwork import trim

WIDTH, HEIGHT = 960, 640
STEPS = 160
Colour = tuple[int, int, int]
Point = tuple[float, float]

MUSTARD: Colour = (246, 200, 30)
KETCHUP: Colour = (196, 22, 22)
LETTUCE: Colour = (96, 160, 50)
CREAM: Colour = (250, 226, 178)
CHEESE: Colour = (250, 190, 60)
TRAIN_PATTERNS = ("zigzag", "wave", "line", "zigzag", "wave", "none")
HELDOUT_PATTERNS = ("beads", "double")
TRAIN_BUNS: tuple[Colour, ...] = ((226, 160, 84), (206, 134, 62), (238, 184, 112), (184, 112, 52))
HELDOUT_BUNS: tuple[Colour, ...] = ((216, 148, 96), (244, 198, 100))
TRAIN_SAUSAGES: tuple[Colour, ...] = ((178, 62, 36), (190, 72, 44), (146, 52, 30), (222, 106, 84))
HELDOUT_SAUSAGES: tuple[Colour, ...] = ((190, 74, 60), (160, 70, 36))


@dataclass(frozen=True)
class HotDogStyle:
    """Proportions in canvas pixels and colours of one drawn hot dog."""

    bun: Colour
    sausage: Colour
    sauce: Colour
    pattern: str
    bend: float
    bun_length: float
    bun_radius: float
    sausage_length: float
    sausage_radius: float
    outline: float
    from_side: bool
    lettuce: bool


def start_canvas() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Return an empty RGBA canvas and its pen."""
    canvas = Image.new("RGBA", (WIDTH, HEIGHT))
    return canvas, ImageDraw.Draw(canvas)


def finish(canvas: Image.Image) -> Image.Image:
    """Halve and trim a canvas; antialiasing comes from the halving."""
    return trim(canvas.resize((WIDTH // 2, HEIGHT // 2), Image.Resampling.LANCZOS))


def shade(colour: Colour, factor: float) -> Colour:
    """Darken (factor under 1) or lighten (over 1) a colour."""
    red, green, blue = (min(255, max(0, round(part * factor))) for part in colour)
    return red, green, blue


def vary(colour: Colour, generator: np.random.Generator, amount: int = 18) -> Colour:
    """Move each part of a colour by up to `amount` of 255."""
    red, green, blue = (
        int(np.clip(part + generator.integers(-amount, amount + 1), 0, 255)) for part in colour
    )
    return red, green, blue


def trace(  # noqa: PLR0913 - six numbers of one formula
    length: float,
    *,
    bend: float = 0,
    shift: float = 0,
    wave: float = 0,
    waves: float = 0,
    pointed: bool = False,
) -> list[Point]:
    """Return points of a bent, perhaps wavy line across the canvas, `length` to either side."""
    t = np.linspace(-1, 1, STEPS)
    swing = np.sin(2 * np.pi * waves * t)
    if pointed:
        swing = 2 / np.pi * np.arcsin(swing)
    y = HEIGHT / 2 + shift + bend * (0.5 - t * t) + wave * swing
    return list(zip((WIDTH / 2 + length * t).tolist(), y.tolist(), strict=True))


def stroke(draw: ImageDraw.ImageDraw, points: list[Point], radius: float, colour: Colour) -> None:
    """Draw a thick line with round ends."""
    for x, y in points:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def draw_roll(
    draw: ImageDraw.ImageDraw,
    points: list[Point],
    radius: float,
    colour: Colour,
    outline: float = 0,
) -> None:
    """Draw a rounded bar with a darker underside, a highlight and, if any, a dark outline."""
    if outline:
        stroke(draw, points, radius + outline, shade(colour, 0.3))
    stroke(draw, points, radius, shade(colour, 0.82))
    stroke(draw, [(x, y - 0.12 * radius) for x, y in points], 0.86 * radius, colour)
    shine = [(x, y - 0.5 * radius) for x, y in points[STEPS // 8 : -STEPS // 8]]
    stroke(draw, shine, 0.16 * radius, shade(colour, 1.18))


def choose_hot_dog(generator: np.random.Generator, *, heldout: bool) -> HotDogStyle:
    """Return a random style; held-out images have colours and sauce patterns of their own."""
    buns, sausages, patterns = (
        (HELDOUT_BUNS, HELDOUT_SAUSAGES, HELDOUT_PATTERNS)
        if heldout
        else (TRAIN_BUNS, TRAIN_SAUSAGES, TRAIN_PATTERNS)
    )
    bun_length = generator.uniform(230, 340)
    sausage_radius = generator.uniform(42, 84)
    return HotDogStyle(
        bun=vary(buns[generator.integers(len(buns))], generator),
        sausage=vary(sausages[generator.integers(len(sausages))], generator),
        sauce=MUSTARD if generator.random() < 0.65 else KETCHUP,
        pattern=patterns[generator.integers(len(patterns))],
        bend=generator.uniform(-60, 90),
        bun_length=bun_length,
        bun_radius=sausage_radius * generator.uniform(1.1, 1.5),
        sausage_length=bun_length * generator.uniform(1.02, 1.22),
        sausage_radius=sausage_radius,
        outline=generator.choice([0, 0, 5, 9]),
        from_side=bool(generator.random() < 0.5),
        lettuce=bool(generator.random() < 0.25),
    )


def draw_hot_dog(generator: np.random.Generator, *, heldout: bool = False) -> Image.Image:
    """Draw a hot dog, RGBA, at most 480×320 pixels: two halves of a bun and a sausage between."""
    style = choose_hot_dog(generator, heldout=heldout)
    canvas, draw = start_canvas()
    apart = style.sausage_radius * (0.95 if style.from_side else 0.85)
    shift = -0.55 * style.sausage_radius if style.from_side else 0
    back, front = (trace(style.bun_length, bend=style.bend, shift=sign * apart) for sign in (-1, 1))
    draw_roll(draw, back, style.bun_radius, style.bun, style.outline)
    if not style.from_side:
        draw_roll(draw, front, style.bun_radius, style.bun, style.outline)
    stroke(draw, trace(style.bun_length, bend=style.bend), 0.9 * style.bun_radius, CREAM)
    if style.lettuce:
        frill = trace(style.bun_length, bend=style.bend, shift=-0.7 * apart, wave=14, waves=9)
        stroke(draw, frill, 0.6 * style.sausage_radius, LETTUCE)
    sausage = trace(style.sausage_length, bend=style.bend, shift=shift)
    draw_roll(draw, sausage, style.sausage_radius, style.sausage, style.outline)
    draw_sauce(draw, style, shift - (0.35 * style.sausage_radius if style.from_side else 0))
    if style.from_side:
        draw_roll(draw, front, style.bun_radius, style.bun, style.outline)
    return finish(canvas)


def draw_sauce(draw: ImageDraw.ImageDraw, style: HotDogStyle, shift: float) -> None:
    """Draw mustard or ketchup along the sausage."""
    length, swing = 0.88 * style.sausage_length, 0.5 * style.sausage_radius
    along = trace(length, bend=style.bend, shift=shift)
    wavy = trace(length, bend=style.bend, shift=shift, wave=swing, waves=3.5)
    sharp = trace(length, bend=style.bend, shift=shift, wave=swing, waves=5, pointed=True)
    mirrored = trace(length, bend=style.bend, shift=shift, wave=-swing, waves=3.5)
    lines: dict[str, list[tuple[list[Point], Colour]]] = {
        "none": [],
        "line": [(along, style.sauce)],
        "wave": [(wavy, style.sauce)],
        "zigzag": [(sharp, style.sauce)],
        "beads": [(along[::12], style.sauce)],
        "double": [(wavy, KETCHUP), (mirrored, MUSTARD)],
    }
    radius = 0.3 if style.pattern == "beads" else 0.17
    for points, colour in lines[style.pattern]:
        stroke(draw, points, radius * style.sausage_radius + 3, shade(colour, 0.75))
        stroke(draw, points, radius * style.sausage_radius, colour)
