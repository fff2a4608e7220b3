"""Tiny labelled images that a network learns in seconds: warm discs and cold stripes."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

CLASSES = ("discs", "stripes")
BACKBONE = "test_efficientnet"  # timm's own for tests: 0.1 million weights


def draw(label: str, seed: int, size: int = 72) -> Image.Image:
    """Return one image; every seed gives another ground, place and colour."""
    rng = np.random.default_rng([seed, CLASSES.index(label)])
    ground = rng.integers(0, 90, (9, 9, 3)).astype(np.uint8)
    image = Image.fromarray(ground).resize((size, size + seed % 17), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image)
    color = tuple(int(v) for v in rng.integers(120, 256, 3))
    left, top = (int(v) for v in rng.integers(4, size // 2, 2))
    if label == "discs":
        pen.ellipse((left, top, left + size // 2, top + size // 2), fill=color)
    else:
        for x in range(left % 8, size, 8):
            pen.line((x, 0, x + top - 20, image.height), fill=color, width=3)
    return image


def write_classes(folder: Path, count: int, first: int = 0) -> Path:
    """Write `count` images a class into class folders."""
    for label in CLASSES:
        (folder / label).mkdir(parents=True)
        for seed in range(first, first + count):
            draw(label, seed).save(folder / label / f"drawn_{seed:03}.png")
    return folder


def write_splits(folder: Path, train: int = 16, val: int = 6, test: int = 6) -> Path:
    """Write train, val and test folders of other images each."""
    write_classes(folder / "train", train)
    write_classes(folder / "val", val, first=1000)
    write_classes(folder / "test", test, first=2000)
    return folder
