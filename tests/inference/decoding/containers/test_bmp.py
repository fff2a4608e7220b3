"""A BMP of run lengths shows what it should, and is decoded where it can be stopped."""

import numpy as np
import pytest

from inference.decoding.containers.reading import read_container
from inference.images import decode
from tests.inference.costly_files import make_rle_bmp
from tests.inference.picture_files import draw_corners, save


def test_plain_one_is_bounded() -> None:
    assert read_container(save(draw_corners(), "BMP")).is_bounded


@pytest.mark.slow  # starts a process
def test_run_lengths_are_decoded_apart() -> None:
    data = make_rle_bmp(4, 2, b"\4\0\0\0\4\0\0\1")
    assert not read_container(data).is_bounded
    np.testing.assert_array_equal(decode(data), np.zeros((2, 4, 3), np.uint8))
