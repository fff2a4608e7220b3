"""Simple random patterns: noise, plain colours, gradients, stripes, matrix codes.

Out-of-distribution images. Sizes are pixels; every image is RGB.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Size = tuple[int, int]


def draw_noise(generator: np.random.Generator, size: Size) -> Image.Image:
    """Draw noise, white to low-frequency: power falls with frequency to the 0th to 4th."""
    grey, slope = generator.random() < 0.4, float(generator.choice([0, 0.5, 1, 1.5, 2]))
    fields = [make_field(generator, size, slope) for _ in range(1 if grey else 3)]
    stacked = np.stack(fields * (3 if grey else 1), axis=-1)
    values = 128 + float(generator.uniform(25, 75)) * stacked
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def draw_plain(generator: np.random.Generator, size: Size) -> Image.Image:
    """Draw one colour, or two or three areas of one colour each."""
    image = Image.new("RGB", size, _pick_colour(generator, 0, 255))
    pen = ImageDraw.Draw(image)
    for _ in range(int(generator.integers(3))):
        left, top = (int(generator.uniform(0, 0.8) * side) for side in size)
        pen.rectangle((left, top, *size), fill=_pick_colour(generator, 0, 255))
    return image


def draw_gradient(generator: np.random.Generator, size: Size) -> Image.Image:
    """Draw a gradient between two or three colours, straight or round."""
    y, x = np.mgrid[-1 : 1 : size[1] * 1j, -1 : 1 : size[0] * 1j]
    angle = generator.uniform(0, 2 * np.pi)
    straight = (x * np.cos(angle) + y * np.sin(angle)) / 2.8 + 0.5
    place = straight if generator.random() < 0.6 else np.hypot(x, y) / 1.4
    colours = generator.integers(0, 256, (int(generator.integers(2, 4)), 3))
    marks = np.linspace(0, 1, len(colours))
    planes = [np.interp(place, marks, colours[:, channel]) for channel in range(3)]
    return Image.fromarray(np.stack(planes, axis=-1).astype(np.uint8))


def draw_stripes(generator: np.random.Generator, size: Size) -> Image.Image:
    """Draw stripes, checks, rings or their crossings, sharp or soft."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]].astype(np.float32)
    waves = []
    for _ in range(int(generator.integers(1, 3))):
        angle, length = generator.uniform(0, np.pi), generator.uniform(6, 70)
        along = x * np.cos(angle) + y * np.sin(angle)
        if generator.random() < 0.3:
            along = np.hypot(x - generator.uniform() * size[0], y - generator.uniform() * size[1])
        waves.append(np.sin(2 * np.pi * along / length))
    wave = np.prod(waves, axis=0)
    share = (wave > 0).astype(np.float32) if generator.random() < 0.6 else (wave + 1) / 2
    first, last = generator.integers(0, 256, (2, 3))
    return Image.fromarray((first + share[..., None] * (last - first)).astype(np.uint8))


def draw_matrix_code(generator: np.random.Generator, size: Size) -> Image.Image:
    """Draw a code of black and white squares with three corner marks, as phones read them."""
    modules = int(generator.choice([21, 25, 29, 33, 41]))
    cells = (generator.random((modules, modules)) < 0.5).astype(np.uint8)
    mark = np.ones((7, 7), np.uint8)
    mark[1:6, 1:6] = 0
    mark[2:5, 2:5] = 1
    for top, left in ((0, 0), (0, modules - 7), (modules - 7, 0)):
        cells[max(0, top - 1) : top + 8, max(0, left - 1) : left + 8] = 0
        cells[top : top + 7, left : left + 7] = mark
    quiet = int(generator.integers(2, 9))
    cells = np.pad(cells, quiet)
    ink, paper = _pick_colour(generator, 0, 70), _pick_colour(generator, 215, 255)
    pixels = np.where(cells[..., None] == 1, ink, paper).astype(np.uint8)
    side = min(size)
    code = Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST)
    image = Image.new("RGB", size, paper)
    image.paste(code, ((size[0] - side) // 2, (size[1] - side) // 2))
    return image


def make_field(generator: np.random.Generator, size: Size, slope: float) -> NDArray[np.float64]:
    """Return (H, W) of Gaussian noise, mean 0 and spread 1, whose amplitude falls as f^-slope."""
    rows = np.fft.fftfreq(size[1])[:, None] * size[1]
    columns = np.fft.rfftfreq(size[0])[None, :] * size[0]
    frequency = np.maximum(np.hypot(rows, columns), 1)
    spectrum = np.fft.rfft2(generator.normal(0, 1, size[::-1])) / frequency**slope
    field = np.fft.irfft2(spectrum, s=size[::-1])
    spread = (field - field.mean()) / max(float(field.std()), 1e-9)
    return np.asarray(spread, dtype=np.float64)


def _pick_colour(generator: np.random.Generator, low: int, high: int) -> tuple[int, int, int]:
    """Return a random colour whose channels lie between two values of 0–255."""
    red, green, blue = generator.integers(low, high + 1, 3).tolist()
    return red, green, blue
