"""The heatmap as a small image, and where on the visitor's image it belongs."""

import base64
import io
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.classifier import Prediction
from inference.geometry import Region, find_region
from inference.versions.cards import InputGeometry

_SIDE = 224  # pixels; the browser scales it over the image
_MAX_ALPHA = 230
# Nine steps of "inferno", dark to light, even to the eye.
# Source: https://bids.github.io/colormap (Smith and van der Walt, CC0).
COLOURS = (
    (0, 0, 4),
    (31, 12, 72),
    (85, 15, 109),
    (136, 34, 106),
    (186, 54, 85),
    (227, 89, 51),
    (249, 140, 10),
    (249, 201, 50),
    (252, 255, 164),
)


@dataclass(frozen=True)
class Overlay:
    """A heatmap to lay over an image: its place in percent of the image's width and height.

    `blank`: no place in the image spoke for the label, so that there is nothing to see.
    """

    source: str
    left: float
    top: float
    width: float
    height: float
    blank: bool = False


class Part(NamedTuple):
    """The part of a heatmap that is image, in cells from its upper left corner."""

    left: float
    top: float
    right: float
    bottom: float


def make_overlay(
    prediction: Prediction, class_names: tuple[str, ...], size: tuple[int, int], geo: InputGeometry
) -> Overlay:
    """Draw a prediction's heatmap for an image of `size` (height, width) in pixels.

    Bars that `pad` adds are no place of the image: what they said is left out.
    """
    height, width = size
    region = find_region(height, width, geo)
    evidence = find_evidence(prediction, class_names)
    part = find_part(evidence.shape, size, region)
    top, left = max(region.top, 0), max(region.left, 0)
    return Overlay(
        source=encode_image(colour(evidence, part), "PNG"),
        left=100 * left / width,
        top=100 * top / height,
        width=100 * min(region.width, width) / width,
        height=100 * min(region.height, height) / height,
        blank=not cut(evidence, part).any(),
    )


def find_part(cells: tuple[int, ...], size: tuple[int, int], region: Region) -> Part:
    """Return which cells of (h, w) lie over an image of `size` (height, width) in pixels."""
    down, across = cells[0] / region.height, cells[1] / region.width
    top, left = max(-region.top, 0), max(-region.left, 0)
    bottom = top + min(region.height, size[0])
    right = left + min(region.width, size[1])
    return Part(left * across, top * down, right * across, bottom * down)


def cut(evidence: NDArray[np.float32], part: Part) -> NDArray[np.float32]:
    """Return the cells of (h, w) that lie over the image, if only in part."""
    rows = slice(math.floor(part.top), math.ceil(part.bottom))
    return evidence[rows, math.floor(part.left) : math.ceil(part.right)]


def find_evidence(prediction: Prediction, class_names: tuple[str, ...]) -> NDArray[np.float32]:
    """Return what each place spoke for the label rather than the next class: (h, w), 0–1.

    The difference of two class activation maps, with an equal share of the bias for each place, has
    the difference of their logits as its mean: a label that the bias alone decided has places, too.
    """
    shares = prediction.heatmap
    if prediction.logits is not None:
        bias = prediction.logits - shares.mean((1, 2))
        shares = shares + bias[:, None, None]
    maps = dict(zip(class_names, shares, strict=True))
    first, *others = prediction.probabilities
    against = maps[others[0]] if others else np.zeros_like(maps[first])
    evidence = np.clip(maps[first] - against, 0.0, None)
    return np.asarray(evidence / max(float(evidence.max()), 1e-6), dtype=np.float32)


def colour(evidence: NDArray[np.float32], part: Part) -> Image.Image:
    """Colour the part of (h, w) evidence that is image, smoothly enlarged.

    Returns: RGBA, clear where nothing counted, brightest where most did within the part.
    """
    small = Image.fromarray(evidence / max(float(cut(evidence, part).max()), 1e-6))
    enlarged = small.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC, box=part)
    large = np.clip(np.asarray(enlarged), 0.0, 1.0)
    return Image.fromarray(make_lookup()[np.round(large * 255).astype(np.uint8)], "RGBA")


def make_lookup() -> NDArray[np.uint8]:
    """Return the colour of each level of evidence: (256, 4) uint8 RGBA."""
    steps, levels = np.linspace(0, 255, len(COLOURS)), np.arange(256)
    channels = [np.interp(levels, steps, channel) for channel in np.array(COLOURS).T]
    alpha = np.interp(levels, (0, 30, 160), (0, 0, _MAX_ALPHA))
    return np.round(np.stack([*channels, alpha], axis=1)).astype(np.uint8)


def encode_image(image: Image.Image, image_format: str) -> str:
    """Return an image as a `data:` address, so that no file of a visitor's image is kept."""
    buffer = io.BytesIO()
    image.save(buffer, image_format)
    text = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"data:image/{image_format.lower()};base64,{text}"


def encode_preview(image: NDArray[np.uint8], longest: int) -> str:
    """Return an (H, W, 3) uint8 RGB image as a `data:` address of at most `longest` pixels."""
    preview = Image.fromarray(image)
    preview.thumbnail((longest, longest))
    return encode_image(preview, "JPEG")
