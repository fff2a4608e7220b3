"""Out-of-distribution images: the same every time, of every kind, none like another."""

import numpy as np
import pytest

from trainer.synthetic.patterns import make_field
from trainer.synthetic.unrelated import KINDS, draw_unrelated

COUNT = len(KINDS)


def test_same_seed_gives_the_same_images_however_many() -> None:
    few = list(draw_unrelated(3, 5))
    more = list(draw_unrelated(5, 5))
    for (kind, image), (again, same) in zip(few, more, strict=False):
        assert kind == again
        assert np.array_equal(image, same)


def test_another_seed_gives_others() -> None:
    pairs = zip(draw_unrelated(COUNT, 0), draw_unrelated(COUNT, 1), strict=True)
    assert all(not np.array_equal(first, second) for (_, first), (_, second) in pairs)


def test_every_kind_is_drawn_in_many_sizes() -> None:
    drawn = list(draw_unrelated(2 * COUNT, 0))
    assert {kind for kind, _ in drawn} == set(KINDS)
    assert all(image.dtype == np.uint8 and image.shape[2] == 3 for _, image in drawn)
    sides = np.array([image.shape[:2] for _, image in drawn])
    assert sides.min() >= 120
    assert sides.max() <= 900
    assert len({tuple(pair) for pair in sides.tolist()}) > COUNT
    assert 0.2 < (sides[:, 0] > sides[:, 1]).mean() < 0.8


@pytest.mark.parametrize("kind", KINDS)
def test_images_of_a_kind_differ_and_show_something(kind: str) -> None:
    place = list(KINDS).index(kind)
    drawn = [image for _, image in draw_unrelated(3 * COUNT, 2)][place::COUNT]
    assert len({image.tobytes() for image in drawn}) == 3
    assert max(float(image.std()) for image in drawn) > 4


@pytest.mark.parametrize("slope", [0.0, 2.0])
def test_noise_is_smoother_where_power_falls(slope: float) -> None:
    field = make_field(np.random.default_rng(0), (64, 48), slope)
    assert field.shape == (48, 64)
    assert field.std() == pytest.approx(1)
    step = float(np.abs(np.diff(field, axis=1)).mean())
    assert (step > 1) if slope == 0 else (step < 0.3)
