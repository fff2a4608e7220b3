"""Pictures as instruments and surveyors make them: X-rays, ultrasound, slices, maps.

Stage: patterns → scans → outsiders. None shows a real body or place. Sizes are pixels; every
picture is RGB.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from trainer.synthetic.lettering import SANS, load_font, make_word, pick_ink
from trainer.synthetic.patterns import make_field

Size = tuple[int, int]


def draw_xray(generator: np.random.Generator, size: Size) -> Image.Image:
    """Draw a chest-like X-ray: a pale middle, two dark fields, ribs, a spine, grain."""
    width, height = size
    plate = Image.new("L", size, int(generator.integers(8, 50)))
    pen, middle = ImageDraw.Draw(plate), width / 2
    pen.ellipse((0.06 * width, 0.02 * height, 0.94 * width, 1.2 * height), fill=165)
    for side in (-1, 1):
        x, reach = middle + side * 0.21 * width, generator.uniform(0.13, 0.18) * width
        pen.ellipse((x - reach, 0.14 * height, x + reach, 0.86 * height), fill=62)
    plate = plate.filter(ImageFilter.GaussianBlur(width / 30))
    pen = ImageDraw.Draw(plate)
    for y in np.linspace(0.1, 0.85, int(generator.integers(6, 11))).tolist():
        for side in (-1, 1):
            left = min(middle, middle + side * 0.4 * width)
            box = (left, y * height, left + 0.4 * width, (y + 0.22) * height)
            start = 180 if side < 0 else 270
            pen.arc(box, start, start + 90, fill=150, width=max(2, width // 45))
    spine = (middle - 0.035 * width, 0, middle + 0.035 * width, height)
    pen.rectangle(spine, fill=205)
    soft = plate.filter(ImageFilter.GaussianBlur(width / 110))
    return _expose(generator, np.asarray(soft, dtype=np.float64), grain=7)


def draw_ultrasound(generator: np.random.Generator, size: Size) -> Image.Image:
    """Draw a speckled fan on black with dark hollows and a scale at its side."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    across, down = x - width / 2, y + 0.12 * height
    radius, angle = np.hypot(across, down), np.arctan2(across, down)
    fan = (np.abs(angle) < generator.uniform(0.5, 0.85)) & (radius < 1.05 * height)
    fan &= radius > 0.2 * height
    tissue = 80 + 45 * make_field(generator, size, 1.3)
    for _ in range(int(generator.integers(1, 4))):
        left, top = generator.uniform(0.3, 0.7) * width, generator.uniform(0.35, 0.8) * height
        wide, tall = generator.uniform(0.05, 0.2, 2) * (width, height)
        tissue[((x - left) / wide) ** 2 + ((y - top) / tall) ** 2 < 1] *= 0.15
    speckled = tissue * generator.rayleigh(0.8, tissue.shape) * fan
    smooth = Image.fromarray(np.clip(speckled, 0, 255).astype(np.uint8))
    picture = smooth.filter(ImageFilter.GaussianBlur(1)).convert("RGB")
    pen = ImageDraw.Draw(picture)
    for mark in range(10, height, max(12, height // 12)):
        pen.line((width - 12, mark, width - 4, mark), fill=(200, 200, 200))
    pen.text((6, 4), make_word(generator).upper(), (220, 220, 160), load_font(SANS, 12))
    return picture


def draw_slice(generator: np.random.Generator, size: Size) -> Image.Image:
    """Draw a round slice as of a tomograph: a bright rim, folded grey matter, dark hollows."""
    width, height = size
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    radius = np.hypot(x / generator.uniform(0.6, 0.85), y / generator.uniform(0.7, 0.9))
    folds = make_field(generator, size, 1.6)
    matter = 105 + 40 * np.tanh(3 * folds)
    hollow = np.hypot((np.abs(x) - 0.12) / 0.09, y / 0.28) < 1
    values = np.where(hollow, 25, matter) * (radius < 0.93)
    values += 215 * ((radius > 0.93) & (radius < 1))
    soft = Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).filter(
        ImageFilter.GaussianBlur(width / 250)
    )
    return _expose(generator, np.asarray(soft, dtype=np.float64), grain=5)


def draw_map(generator: np.random.Generator, size: Size) -> Image.Image:
    """Draw a street map: blocks, parks, water, roads of three widths, names."""
    ground = Image.new("RGB", size, pick_ink(generator, 225, 245))
    pen, (width, height) = ImageDraw.Draw(ground), size
    for colour in ((200, 230, 190), (170, 205, 235), (232, 226, 212)):
        for _ in range(int(generator.integers(1, 5))):
            middle, around = generator.uniform(0, 1, 2) * size, np.linspace(0, 6.28, 9)[:-1]
            reach = generator.uniform(0.05, 0.22, 8) * width
            ring = np.stack([np.cos(around), np.sin(around)], 1) * reach[:, None] + middle
            pen.polygon([tuple(point) for point in ring.tolist()], fill=colour)
    for wide, count in ((2, 26), (5, 9), (10, 3)):
        tint = (255, 255, 255) if wide < 10 else (250, 214, 120)
        for _ in range(count):
            points = _draw_road(generator, size)
            pen.line(points, fill=(190, 186, 178), width=wide + 2)
            pen.line(points, fill=tint, width=wide)
    for _ in range(int(generator.integers(4, 16))):
        place = (int(generator.uniform(0, width)), int(generator.uniform(0, height)))
        pen.text(place, make_word(generator).title(), (70, 70, 80), load_font(SANS, 11))
    return ground


def _draw_road(generator: np.random.Generator, size: Size) -> list[tuple[float, float]]:
    """Return points of a road that bends a little, from edge to edge."""
    heading = generator.choice([0.2, 0.2 + np.pi / 2]) + generator.normal(0, 0.08)
    start = generator.uniform(0, 1, 2) * size
    along = np.linspace(-1.5, 1.5, 12) * max(size)
    bend = generator.normal(0, 6, 12).cumsum()
    x = start[0] + along * np.cos(heading) - bend * np.sin(heading)
    y = start[1] + along * np.sin(heading) + bend * np.cos(heading)
    return list(zip(x.tolist(), y.tolist(), strict=True))


def _expose(
    generator: np.random.Generator, values: NDArray[np.float64], grain: float
) -> Image.Image:
    """Return grey values (H, W) with grain and a contrast of their own."""
    noisy = values + generator.normal(0, grain, values.shape)
    scaled = np.clip(noisy / 255, 0, 1) ** generator.uniform(0.7, 1.4)
    return Image.fromarray((255 * scaled).astype(np.uint8)).convert("RGB")
