"""The part of a picture that the network looks at."""

import pytest

from inference.geometry import Region, find_region
from inference.versions.cards import InputGeometry

CROP, SQUASH, PAD = (InputGeometry(geometry=name) for name in ("crop", "squash", "pad"))


@pytest.mark.parametrize(
    ("height", "width", "geometry", "expected"),
    [
        (224, 224, CROP, Region(14, 14, 196, 196)),
        (256, 512, CROP, Region(16, 144, 224, 224)),
        (512, 256, CROP, Region(144, 16, 224, 224)),
        (8, 8, CROP, Region(0, 0, 7, 7)),
        (9, 9, CROP, Region(0, 0, 8, 8)),
        (1, 1, CROP, Region(0, 0, 1, 1)),
        (1, 5000, CROP, Region(0, 2499, 1, 1)),
        (5000, 1, CROP, Region(2499, 0, 1, 1)),
        (100, 200, SQUASH, Region(0, 0, 100, 200)),
        (1, 5000, SQUASH, Region(0, 0, 1, 5000)),
        (100, 200, PAD, Region(-50, 0, 200, 200)),
        (200, 100, PAD, Region(0, -50, 200, 200)),
        (50, 50, PAD, Region(0, 0, 50, 50)),
    ],
)
def test_region(height: int, width: int, geometry: InputGeometry, expected: Region) -> None:
    assert find_region(height, width, geometry) == expected


@pytest.mark.parametrize("ratio", [0.5, 0.7, 0.875, 0.9, 0.95, 1.0])
def test_crop_is_a_central_square_inside(ratio: float) -> None:
    geometry = InputGeometry(geometry="crop", crop_ratio=ratio)
    for height in (1, 2, 3, 7, 64, 99, 1000, 4001):
        for width in (1, 2, 5, 64, 100, 3999):
            top, left, tall, wide = find_region(height, width, geometry)
            assert tall == wide >= 1
            assert ratio * min(height, width) - 0.01 <= tall < ratio * min(height, width) + 1
            assert top >= 0
            assert left >= 0
            assert abs((height - tall) - 2 * top) <= 1
            assert abs((width - wide) - 2 * left) <= 1


def test_whole_numbers_are_not_rounded_up() -> None:
    """0.7 × 10 is 7.000000000000001 in binary or 6.99…: a side of 7 either way."""
    for ratio, side in ((0.7, 10), (0.1, 30), (0.55, 100), (0.875, 8000)):
        geometry = InputGeometry(geometry="crop", crop_ratio=ratio)
        assert find_region(side, side, geometry).height == round(ratio * side)
