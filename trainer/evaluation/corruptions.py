"""The usual image corruptions, for measuring accuracy on bad images.

Source: after Hendrycks and Dietterich, "Benchmarking neural network robustness to common
corruptions and perturbations" (2019).
"""

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

UNCORRUPTED = "none"  # among the rates by corruption: the images as they are
_QUALITY = 20
_NOISE = 25  # standard deviation, of values 0–255
_BLUR = 0.01  # standard deviation, of the shorter side
_DARK, _BRIGHT = 0.35, 2.0  # times as bright
_SMALL = 56  # pixels, the shorter side
_TURN = 15  # degrees
_GREY = (128, 128, 128)
_LONGEST = 65_500  # pixels of a side in a JPEG; source: libjpeg, JPEG_MAX_DIMENSION

Corrupt = Callable[[Image.Image], Image.Image]  # RGB in, RGB of any size out


def corrupt(image: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """Return an (H, W, 3) uint8 RGB image made worse; the same image in, the same out."""
    return np.asarray(CORRUPTIONS[name](Image.fromarray(image)))


def _compress(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.thumbnail((_LONGEST, _LONGEST))
    image.save(file, "JPEG", quality=_QUALITY)
    return Image.open(file).convert("RGB")


def _blur(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(_BLUR * min(image.size)))


def _add_noise(image: Image.Image) -> Image.Image:
    values = np.asarray(image, dtype=np.float32)
    noise = np.random.default_rng(image.size).normal(0, _NOISE, values.shape)
    return Image.fromarray(np.clip(np.round(values + noise), 0, 255).astype(np.uint8))


def _darken(image: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(_DARK)


def _brighten(image: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(_BRIGHT)


def _turn(image: Image.Image) -> Image.Image:
    return image.rotate(_TURN, Image.Resampling.BILINEAR, fillcolor=_GREY)


def _shrink(image: Image.Image) -> Image.Image:
    scale = min(1.0, _SMALL / min(image.size))
    width, height = (max(1, round(scale * side)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BICUBIC)


def _remove_colour(image: Image.Image) -> Image.Image:
    return image.convert("L").convert("RGB")


CORRUPTIONS: dict[str, Corrupt] = {
    f"JPEG, quality {_QUALITY}": _compress,
    "blurred": _blur,
    "noise": _add_noise,
    "dark": _darken,
    "bright": _brighten,
    f"turned by {_TURN}°": _turn,
    f"{_SMALL} pixels small": _shrink,
    "grey": _remove_colour,
}
