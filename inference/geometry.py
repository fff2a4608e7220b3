"""Which part of a picture the network looks at, in pixels: the heatmap is drawn over that part."""

import math
from typing import NamedTuple

from inference.versions.cards import InputGeometry

# Keeps float32 in the graph and float64 here from rounding a whole number up to different ones.
ROUNDING = 1e-3


class Region(NamedTuple):
    """A rectangle in picture pixels; with `pad` it reaches beyond the picture's edges."""

    top: int
    left: int
    height: int
    width: int


def find_region(height: int, width: int, geometry: InputGeometry) -> Region:
    """Return the part of an H×W picture that fills the network's input."""
    if geometry.geometry == "squash":
        return Region(0, 0, height, width)
    side = max(height, width)
    if geometry.geometry == "crop":
        side = max(1, math.ceil(geometry.crop_ratio * min(height, width) - ROUNDING))
    return Region((height - side) // 2, (width - side) // 2, side, side)
