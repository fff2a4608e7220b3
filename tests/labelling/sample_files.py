"""Pictures made in the tests: coloured noise, of which no two look alike."""

import io
from pathlib import Path

import numpy as np
from PIL import Image


def make_image(seed: int, side: int = 96) -> Image.Image:
    """Return noise in 12 × 12 patches, so that saving it again hardly changes its look."""
    patches = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return Image.fromarray(patches).resize((side, side), Image.Resampling.BICUBIC)


def encode(image: Image.Image, suffix: str = "JPEG", **options: int | bytes) -> bytes:
    """Return the bytes of a picture file."""
    buffer = io.BytesIO()
    image.save(buffer, suffix, **options)
    return buffer.getvalue()


def write_images(folder: Path, seeds: range) -> list[Path]:
    """Write a JPEG a seed into a folder, made if need be, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"picture-{seed}.jpg" for seed in seeds]
    for seed, path in zip(seeds, paths, strict=True):
        path.write_bytes(encode(make_image(seed)))
    return paths
