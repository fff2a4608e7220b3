"""Images to measure with: photo-like JPEGs of any size, the same on every machine."""

import io
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

RENDERED = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "rendered"
SMALL = (500, 375)
PHONE = (4000, 3000)  # 12 megapixels
_GRAIN = 5.0  # of 255: with it a JPEG has as many bytes as a phone's


@cache
def make_photo(width: int, height: int, seed: int = 0) -> bytes:
    """Return a JPEG of `width` × `height` pixels: a rendered image, enlarged, with grain."""
    paths = sorted(RENDERED.glob("*/*.webp"))
    with Image.open(paths[seed % len(paths)]) as opened:
        image = opened.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
    generator = np.random.default_rng(seed)
    grain = generator.standard_normal((height, width, 1), dtype=np.float32) * _GRAIN
    pixels = np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=88)
    return file.getvalue()


def make_small(count: int) -> list[bytes]:
    """Return different small images."""
    return [make_photo(*SMALL, seed) for seed in range(count)]


def make_large(count: int) -> list[bytes]:
    """Return different images of 12 megapixels, as phones make them."""
    return [make_photo(*PHONE, seed) for seed in range(count)]
