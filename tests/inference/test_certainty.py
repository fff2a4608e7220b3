"""Sure, unsure or unfamiliar."""

import numpy as np
import pytest

from inference.cards import Thresholds
from inference.certainty import Memory, judge, normalise

NAMES = ("a", "b", "c")
CONFORMAL = {"a": 0.4, "b": 0.7, "c": 0.1}


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ((0.8, 0.2, 0.0), "sure"),  # only a: 0.2 <= 0.4, 0.8 > 0.7
        ((0.65, 0.35, 0.0), "unsure"),  # a and b
        ((0.5, 0.2, 0.3), "unsure"),  # none
        ((0.3, 0.4, 0.3), "sure"),  # only b
        ((0.0, 0.25, 0.75), "unsure"),  # none: c needs 0.9
        ((0.0, 0.05, 0.95), "sure"),
    ],
)
def test_conformal_set_of_one_is_sure(probabilities: tuple[float, ...], expected: str) -> None:
    found = judge(np.array(probabilities, np.float32), NAMES, None, Thresholds(CONFORMAL))
    assert found == expected


def test_limit_itself_is_inside() -> None:
    limits = Thresholds({"a": 0.25, "b": 0.25, "c": 0.25})
    assert judge(np.array([0.75, 0.25, 0.0], np.float32), NAMES, None, limits) == "sure"


@pytest.mark.parametrize(("top", "expected"), [(0.79, "unsure"), (0.8, "sure"), (1.0, "sure")])
def test_without_calibration_pictures(top: float, expected: str) -> None:
    found = judge(np.array([top, 1 - top], np.float32), ("a", "b"), None, Thresholds())
    assert found == expected


@pytest.mark.parametrize(
    ("distance", "limit", "expected"),
    [
        (0.51, 0.5, "unfamiliar"),
        (0.5, 0.5, "sure"),
        (2.0, None, "sure"),
        (None, 0.5, "sure"),
        (0.0, 0.0, "sure"),
    ],
)
def test_unfamiliar_goes_before(distance: float | None, limit: float | None, expected: str) -> None:
    found = judge(np.array([0.99, 0.01], np.float32), ("a", "b"), distance, Thresholds({}, limit))
    assert found == expected


def test_order_of_the_thresholds_does_not_matter() -> None:
    turned = Thresholds(dict(reversed(CONFORMAL.items())))
    found = judge(np.array([0.8, 0.2, 0.0], np.float32), NAMES, None, turned)
    assert found == "sure"


def test_normalise() -> None:
    rows = normalise(np.array([[3.0, 4.0], [0.0, 0.0], [1e-3, 0.0]]))
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0.0, 0.0], [1.0, 0.0]], atol=1e-6)
    assert rows.dtype == np.float32


def test_normalise_of_half_precision_does_not_overflow() -> None:
    rows = normalise(np.full((1, 2000), 60_000, dtype=np.float16))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-3)


def test_distances_to_the_nearest() -> None:
    memory = Memory(normalise(np.array([[1.0, 0.0], [0.0, 2.0]])))
    asked = np.array([[5.0, 0.0], [-1.0, -1.0], [1.0, 1.0]], dtype=np.float32)
    expected = [0.0, 1 + np.sqrt(0.5), 1 - np.sqrt(0.5)]
    np.testing.assert_allclose(memory.measure_distances(asked), expected, atol=1e-6)
