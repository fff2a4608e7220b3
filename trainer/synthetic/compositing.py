"""Lay cut-outs on a ground: scale, rotate, mirror, shear, shadow; then light and grain.

Sizes and positions are pixels, scales shares of the image.
"""

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

# How far the mean colours of a cut-out and the ground under it must lie apart, of 255 each channel.
LEAST_CONTRAST = 60.0
TRIES = 8
# Serving may look at a middle square alone, so a main cut-out's middle stays in half of one.
MIDDLE = 0.5


def pick_size(generator: np.random.Generator, *, largest: int) -> tuple[int, int]:
    """Return a random width and height: 200 to `largest` pixels, between 3:4 and 4:3."""
    width = int(generator.integers(200, largest + 1))
    height = round(width * generator.uniform(0.75, 4 / 3))
    return width, int(np.clip(height, 200, largest))


def lay(
    generator: np.random.Generator, ground: Image.Image, cutout: Image.Image, scale: float
) -> Image.Image:
    """Lay a cut-out anywhere, as clutter; it may reach over the edge."""
    piece = fit(vary_pose(generator, cutout), ground.size, scale)
    x = int(generator.uniform(-0.3 * piece.width, ground.width - 0.7 * piece.width))
    y = int(generator.uniform(-0.3 * piece.height, ground.height - 0.7 * piece.height))
    return paste(ground, piece, (x, y))


def place(
    generator: np.random.Generator, ground: Image.Image, cutout: Image.Image, scale: float
) -> Image.Image:
    """Lay a main cut-out wholly inside, its middle near the image's, where it stands out."""
    best, most = ground, -1.0
    for _ in range(TRIES):
        piece = fit(vary_pose(generator, cutout), ground.size, scale)
        position = (
            pick_offset(generator, ground.width, piece.width, min(ground.size)),
            pick_offset(generator, ground.height, piece.height, min(ground.size)),
        )
        contrast = measure_contrast(ground, piece, position)
        if contrast > most:
            shadow = generator.random() < 0.4
            best, most = paste(ground, piece, position, shadow=shadow), contrast
        if most >= LEAST_CONTRAST:
            break
    return best


def pick_offset(generator: np.random.Generator, room: int, length: int, shorter: int) -> int:
    """Draw where a piece begins along one side, its middle near the middle of that side."""
    reach = min((room - length) / 2, MIDDLE * shorter / 2)
    return round((room - length) / 2 + generator.uniform(-reach, reach))


def measure_contrast(ground: Image.Image, piece: Image.Image, position: tuple[int, int]) -> float:
    """Return how far the mean colours of a piece and the ground under it lie apart, 0–442."""
    x, y = position
    under = np.asarray(ground.crop((x, y, x + piece.width, y + piece.height)), dtype=float)
    pixels = np.asarray(piece, dtype=float)
    seen = pixels[..., 3] > 128
    return float(np.linalg.norm(pixels[seen][:, :3].mean(0) - under[seen].mean(0)))


def fit(cutout: Image.Image, size: tuple[int, int], scale: float) -> Image.Image:
    """Scale a cut-out so that it fills `scale` of the side that it meets first."""
    factor = scale * min(size[0] / cutout.width, size[1] / cutout.height)
    width, height = (max(1, int(side * factor)) for side in cutout.size)
    return cutout.resize((width, height), Image.Resampling.LANCZOS)


def vary_pose(generator: np.random.Generator, cutout: Image.Image) -> Image.Image:
    """Mirror, shear and rotate a cut-out at random; upright and slightly turned are more common."""
    if generator.random() < 0.5:
        cutout = cutout.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if generator.random() < 0.4:
        cutout = lean(generator, cutout)
    spread = float(generator.choice([0, 15, 45, 180]))
    turned = cutout.rotate(
        float(generator.uniform(-spread, spread)), Image.Resampling.BICUBIC, expand=True
    )
    return turned.crop(turned.getchannel("A").getbbox())


def lean(generator: np.random.Generator, cutout: Image.Image) -> Image.Image:
    """See a cut-out from aslant: move its corners inwards by up to 15% of its sides."""
    width, height = cutout.size
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=float)
    moves = generator.uniform(0, 0.15, (4, 2)) * (width, height)
    moved = corners + moves * np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)])
    return cutout.transform(
        cutout.size,
        Image.Transform.PERSPECTIVE,
        solve_perspective(moved, corners),
        Image.Resampling.BICUBIC,
    )


def solve_perspective(target: np.ndarray, source: np.ndarray) -> list[float]:
    """Return Pillow's eight coefficients that take four target corners (4, 2) to source ones.

    Source: Pillow's Image.Transform.PERSPECTIVE, (ax + by + c) / (gx + hy + 1) and so for y.
    """
    rows, values = [], []
    for (x, y), (u, v) in zip(target, source, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return [float(value) for value in np.linalg.solve(np.array(rows), np.array(values))]


def paste(
    ground: Image.Image, piece: Image.Image, position: tuple[int, int], *, shadow: bool = False
) -> Image.Image:
    """Return the ground with a piece on it, over its own soft shadow if `shadow`."""
    result = ground.copy()
    if shadow:
        shape = Image.new("L", ground.size)
        shift = max(2, piece.width // 30)
        below = (position[0] + shift, position[1] + shift)
        shape.paste(piece.getchannel("A").point(lambda alpha: alpha // 2), below)
        result.paste((20, 16, 12), (0, 0), shape.filter(ImageFilter.GaussianBlur(shift)))
    result.paste(piece, position, piece)
    return result


def develop(generator: np.random.Generator, image: Image.Image) -> Image.Image:
    """Vary brightness, contrast and colour, and at times blur or grain, as cameras do."""
    for enhancer in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = enhancer(image).enhance(float(generator.uniform(0.75, 1.2)))
    if generator.random() < 0.2:
        image = image.filter(ImageFilter.GaussianBlur(float(generator.uniform(0.4, 1.4))))
    if generator.random() < 0.25:
        grain = generator.normal(0, generator.uniform(3, 10), (*image.size[::-1], 3))
        pixels = np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8)
        image = Image.fromarray(pixels)
    return image
