"""A decoded image of any mode → upright RGB, band by band, so that nothing is held twice."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.decoding.heif_rows import HeifRows

_BAND = 1 << 19  # pixels converted at a time
_FROM_16_BITS = np.round(np.arange(65536) / 257).astype(np.uint8)
_Range = tuple[float, float]
Decoded = Image.Image | HeifRows


def to_rgb(
    image: Decoded, factor: int, orientation: int, check_time: Callable[[], None]
) -> NDArray[np.uint8]:
    """Convert, reduce by `factor` and turn upright; `check_time` is called for every band.

    `orientation`: as EXIF counts, 1 to 8.

    Returns: (H, W, 3) uint8 RGB, upright, transparency on white.
    """
    width, height = -(-image.width // factor), -(-image.height // factor)
    is_turned = 5 <= orientation <= 8
    found = np.empty((width, height, 3) if is_turned else (height, width, 3), np.uint8)
    lying = _turn_back(found, orientation)
    limits = _find_range(image) if image.mode in ("I", "F") else (0.0, 0.0)
    top = 0
    for band in _cut(image, factor):
        small = _convert(band, limits)
        small = small.reduce(factor) if factor > 1 else small
        lying[top : top + small.height] = np.asarray(small)
        top += small.height
        check_time()
    return found


def _cut(image: Decoded, factor: int) -> Iterator[Image.Image]:
    """Yield bands of whole blocks, so that each is reduced as it would be in the whole."""
    rows = max(1, _BAND // (image.width * factor)) * factor
    if isinstance(image, Image.Image) and rows >= image.height:
        yield image
        return
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


def _turn_back(upright: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Return a view of upright pixels as they lie in the file. Source: Exif 2.32, tag 274."""
    if 5 <= orientation <= 8:
        upright = upright.swapaxes(0, 1)
    if orientation in (3, 4, 6, 7):
        upright = upright[::-1]
    if orientation in (2, 3, 7, 8):
        upright = upright[:, ::-1]
    return upright


def _convert(image: Image.Image, limits: _Range) -> Image.Image:
    if image.mode in ("I", "F"):
        image = _scale(image, *limits)
    elif image.mode.startswith("I;16"):
        image = Image.fromarray(_FROM_16_BITS[np.asarray(image)])
    if image.has_transparency_data:
        rgba = image if image.mode == "RGBA" else image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(rgba, mask=rgba)
        return white
    return image if image.mode == "RGB" else image.convert("RGB")


@np.errstate(invalid="ignore")  # some NaNs signal
def _scale(image: Image.Image, low: float, high: float) -> Image.Image:
    """Scale floats and wide integers by the range of the whole picture."""
    values = np.array(image, dtype=np.float32)
    scale = 255 / (high - low) if high > low else 0.0
    np.clip(values, low, high, out=values)
    values *= scale
    values -= low * scale
    np.nan_to_num(values, copy=False)
    return Image.fromarray(np.round(values, out=values).astype(np.uint8))


@np.errstate(invalid="ignore")
def _find_range(image: Decoded) -> _Range:
    """Return which values are black and white; infinite ones and NaN do not count."""
    low, high = np.inf, -np.inf
    for band in _cut(image, 1):
        values = np.array(band, dtype=np.float32)
        finite = np.isfinite(values)
        low = min(low, float(values.min(where=finite, initial=np.inf)))
        high = max(high, float(values.max(where=finite, initial=-np.inf)))
    if low < 0 or high > 65535:
        return low, high
    return 0.0, next(limit for limit in (1.0, 255.0, 65535.0) if high <= limit)
