"""Grounds to lay cut-outs on: plain, graded, noisy, woven, wooden, blurred.

Every function takes a generator and a size in pixels and returns RGB.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from trainer.synthetic.drawings import Colour

Size = tuple[int, int]
Ground = Callable[[np.random.Generator, Size], Image.Image]


def pick_colour(generator: np.random.Generator) -> Colour:
    """Return a random colour, pale ones more often, as tables and walls are."""
    low = int(generator.choice([0, 90, 170]))
    red, green, blue = (int(part) for part in generator.integers(low, 256, 3))
    return red, green, blue


def draw_plain(generator: np.random.Generator, size: Size) -> Image.Image:
    """Return one colour, white in a third of cases."""
    white = generator.random() < 0.33
    return Image.new("RGB", size, (255, 255, 255) if white else pick_colour(generator))


def draw_gradient(generator: np.random.Generator, size: Size) -> Image.Image:
    """Return a ramp between two colours."""
    ramp = Image.linear_gradient("L").rotate(float(generator.choice([0, 90, 180, 270])))
    first, last = (Image.new("RGB", size, pick_colour(generator)) for _ in range(2))
    return Image.composite(first, last, ramp.resize(size))


def draw_noise(generator: np.random.Generator, size: Size) -> Image.Image:
    """Return grain of one coarseness around one colour: stone, sand, cloth."""
    grain = int(generator.choice([1, 2, 4, 12]))
    shape = (size[1] // grain + 1, size[0] // grain + 1, 1)
    noise = generator.normal(0, generator.uniform(8, 40), shape)
    pixels = np.clip(noise + np.array(pick_colour(generator)), 0, 255).astype(np.uint8)
    return Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)


def draw_tablecloth(generator: np.random.Generator, size: Size) -> Image.Image:
    """Return checks of two colours whose crossings mix."""
    ground, pen = _start(size, pick_colour(generator))
    colour, step = pick_colour(generator), int(generator.integers(16, 60))
    for x in range(0, size[0], 2 * step):
        pen.rectangle((x, 0, x + step, size[1]), fill=(*colour, 120))
    for y in range(0, size[1], 2 * step):
        pen.rectangle((0, y, size[0], y + step), fill=(*colour, 120))
    return ground


def draw_wood(generator: np.random.Generator, size: Size) -> Image.Image:
    """Return boards with a grain along them."""
    base = np.array([generator.uniform(90, 220)]) * np.array([1.0, 0.76, 0.54])
    rows = generator.normal(0, 9, (size[1], 1, 1)) + generator.normal(0, 2, (*size[::-1], 1))
    board = int(generator.integers(40, 110))
    rows[::board] -= 60
    steps = generator.normal(0, 12, size[1] // board + 1).repeat(board)[: size[1], None, None]
    pixels = np.clip(base + rows + steps, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels).filter(ImageFilter.BoxBlur(1))


def draw_blobs(generator: np.random.Generator, size: Size) -> Image.Image:
    """Return large blurred spots, like a room out of focus."""
    ground, pen = _start(size, pick_colour(generator))
    for _ in range(int(generator.integers(5, 16))):
        x, y, radius = generator.uniform(0, 1, 3) * (*size, 0.4 * max(size))
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=pick_colour(generator))
    return ground.filter(ImageFilter.GaussianBlur(float(generator.uniform(6, 24))))


def draw_plate(generator: np.random.Generator, size: Size) -> Image.Image:
    """Return a round plate on a table of another kind."""
    table = (draw_plain, draw_noise, draw_wood, draw_tablecloth)[generator.integers(4)]
    ground = table(generator, size).convert("RGB")
    pen = ImageDraw.Draw(ground)
    colour = pick_colour(generator) if generator.random() < 0.4 else (244, 244, 240)
    for share, factor in ((0.48, 0.82), (0.47, 1.0), (0.36, 0.9), (0.35, 0.97)):
        x, y = size[0] / 2, size[1] / 2
        fill = tuple(round(part * factor) for part in colour)
        box = (x - share * size[0], y - share * size[1], x + share * size[0], y + share * size[1])
        pen.ellipse(box, fill=fill)
    return ground


def draw_dots(generator: np.random.Generator, size: Size) -> Image.Image:
    """Return a grid of dots."""
    ground, pen = _start(size, pick_colour(generator))
    colour, step = pick_colour(generator), int(generator.integers(24, 60))
    for x in range(0, size[0] + step, step):
        for y in range(0, size[1] + step, step):
            pen.ellipse((x, y, x + step // 2, y + step // 2), fill=colour)
    return ground


def draw_tiles(generator: np.random.Generator, size: Size) -> Image.Image:
    """Return a tiled wall, every tile a little different."""
    base, step = np.array(pick_colour(generator)), int(generator.integers(36, 80))
    ground, pen = _start(size, (200, 200, 196))
    for x in range(0, size[0], step):
        for y in range(0, size[1], step):
            fill = np.clip(base + generator.normal(0, 10), 0, 255).astype(int).tolist()
            pen.rectangle((x, y, x + step - 4, y + step - 4), fill=tuple(fill))
    return ground


def draw_spotlight(generator: np.random.Generator, size: Size) -> Image.Image:
    """Return a ramp from the middle outwards."""
    first, last = (Image.new("RGB", size, pick_colour(generator)) for _ in range(2))
    return Image.composite(last, first, Image.radial_gradient("L").resize(size))


def _start(size: Size, colour: Colour) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Return a filled image and a pen that mixes translucent colours in."""
    ground = Image.new("RGB", size, colour)
    return ground, ImageDraw.Draw(ground, "RGBA")


TRAIN_GROUNDS: tuple[Ground, ...] = (
    draw_plain,
    draw_gradient,
    draw_noise,
    draw_tablecloth,
    draw_wood,
    draw_blobs,
    draw_plate,
)
HELDOUT_GROUNDS: tuple[Ground, ...] = (draw_dots, draw_tiles, draw_spotlight)
