"""A GIF's comments before its first frame are skipped."""

import numpy as np
import pytest
from PIL import Image

from inference.decoding.containers.gif import read_gif
from inference.images import decode
from tests.inference.picture_files import draw_corners, put_into_gif, save

PLAIN = save(draw_corners(), "GIF")


@pytest.mark.parametrize(
    "extension",
    [
        b"!\xfe" + (b"\xff" + b"a" * 255) * 50_000 + b"\0",
        b"!\xff\x0bXMP DataXMP" + (b"\xff" + b"a" * 255) * 20_000 + b"\0",
        (b"!\xfe\1a\0") * 20_000,
    ],
)
def test_good_picture_is_not_refused_for_its_comments(extension: bytes) -> None:
    data = put_into_gif(PLAIN, extension)
    assert read_gif(data).data == PLAIN
    np.testing.assert_array_equal(decode(data), decode(PLAIN))


def test_transparency_before_and_after_a_comment_is_kept() -> None:
    clear = save(Image.new("P", (8, 8)), "GIF", transparency=0)
    assert decode(put_into_gif(clear, b"!\xfe\1a\0")).min() == 255


@pytest.mark.parametrize("cut", [6, 10, 13, 20, 800])
def test_what_is_cut_off_is_handed_on(cut: int) -> None:
    data = put_into_gif(PLAIN, b"!\xfe" + b"\xffabc")[:cut]
    assert read_gif(data).data == data
