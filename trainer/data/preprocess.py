"""The preprocessing of the frozen graph, in PyTorch: the reference that parity is proved by."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from inference.geometry import find_region
from inference.versions.cards import InputGeometry


def preprocess(image: NDArray[np.uint8], geometry: InputGeometry) -> Tensor:
    """Turn one (H, W, 3) uint8 RGB image into the model's (3, S, S) float32 input."""
    pixels = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None]
    height, width = image.shape[:2]
    if geometry.geometry == "crop":
        top, left, side, _ = find_region(height, width, geometry)
        pixels = pixels[:, :, top : top + side, left : left + side]
    size = fit_inside(height, width, geometry.size) if geometry.geometry == "pad" else None
    pixels = functional.interpolate(
        pixels,
        size=size or (geometry.size, geometry.size),
        mode="bicubic",
        antialias=True,
        align_corners=False,
    ).clamp(0, 255)
    mean = torch.tensor(geometry.mean)[:, None, None]
    std = torch.tensor(geometry.std)[:, None, None]
    return _pad_to_square((pixels[0] / 255 - mean) / std, geometry.size)


def fit_inside(height: int, width: int, size: int) -> tuple[int, int]:
    """Return height and width, in pixels, of an image scaled to just fit a square."""
    scale = size / max(height, width)
    return max(1, math.floor(height * scale + 0.5)), max(1, math.floor(width * scale + 0.5))


def _pad_to_square(pixels: Tensor, size: int) -> Tensor:
    """Pad with zeros, which after normalisation are the mean colour."""
    rows, columns = size - pixels.shape[1], size - pixels.shape[2]
    return functional.pad(
        pixels, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)
    )
