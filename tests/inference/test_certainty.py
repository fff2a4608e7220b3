"""Sure, unsure or unfamiliar."""

import numpy as np
import pytest

from inference.certainty import judge, normalise, remember
from inference.versions.cards import Thresholds

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
    found = judge(np.array(probabilities, np.float32), NAMES, None, Thresholds(conformal=CONFORMAL))
    assert found == expected


def test_limit_itself_is_inside() -> None:
    limits = Thresholds(conformal={"a": 0.25, "b": 0.25, "c": 0.25})
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
    found = judge(
        np.array([0.99, 0.01], np.float32), ("a", "b"), distance, Thresholds(unfamiliar=limit)
    )
    assert found == expected


def test_order_of_the_thresholds_does_not_matter() -> None:
    turned = Thresholds(conformal=dict(reversed(CONFORMAL.items())))
    found = judge(np.array([0.8, 0.2, 0.0], np.float32), NAMES, None, turned)
    assert found == "sure"


def test_normalise() -> None:
    rows = normalise(np.array([[3.0, 4.0], [0.0, 0.0], [1e-3, 0.0]]))
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0.0, 0.0], [1.0, 0.0]], atol=1e-6)
    assert rows.dtype == np.float32


def test_normalise_of_half_precision_does_not_overflow() -> None:
    rows = normalise(np.full((1, 2000), 60_000, dtype=np.float16))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-3)


def test_distances_of_the_first_release_are_to_the_nearest() -> None:
    rows = np.array([[1.0, 0.0], [0.0, 2.0]])
    memory = remember(rows, np.array([1, 0]), ("a", "b"), Thresholds(unfamiliar=0.5))
    asked = np.array([[5.0, 0.0], [-1.0, -1.0], [1.0, 1.0]], dtype=np.float32)
    expected = [0.0, 1 + np.sqrt(0.5), 1 - np.sqrt(0.5)]
    np.testing.assert_allclose(memory.measure_distances(asked), expected, atol=1e-6)


def make_fan(count: int, start: float = 0.0) -> np.ndarray:
    """Return rows (count, 2) a degree apart, the first at `start` degrees."""
    angles = np.radians(start + np.arange(count))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def measure_angle(rows: np.ndarray, targets: np.ndarray, thresholds: Thresholds) -> float:
    """Return how many degrees a row at 0 degrees is found to be from what is remembered."""
    memory = remember(rows, targets, NAMES, thresholds)
    distance = memory.measure_distances(np.array([[3.0, 0.0]], np.float32))[0]
    return float(np.degrees(np.arccos(1 - distance)))


@pytest.mark.parametrize(
    ("count", "nearest"), [(1, 0), (9, 0), (19, 0), (20, 1), (39, 2), (50, 4), (80, 4)]
)
def test_neighbour_that_counts_grows_with_the_class(count: int, nearest: int) -> None:
    found = measure_angle(make_fan(count), np.zeros(count, int), Thresholds(neighbour=5))
    assert found == pytest.approx(nearest, abs=0.05)


def test_few_odd_ones_among_many_make_nothing_familiar_but_a_class_of_few_does() -> None:
    rows = np.concatenate([make_fan(3), make_fan(50, start=40.0)])
    one, two = np.zeros(53, int), np.repeat([1, 0], [3, 50])
    thresholds = Thresholds(neighbour=5)
    assert measure_angle(rows, one, thresholds) == pytest.approx(41, abs=0.05)
    assert measure_angle(rows, two, thresholds) == pytest.approx(0, abs=0.05)
    assert measure_angle(rows[::-1], two[::-1], thresholds) == pytest.approx(0, abs=0.05)


def test_loose_class_has_more_room() -> None:
    rows = make_fan(1, start=60.0)
    tight = remember(rows, np.array([2]), NAMES, Thresholds(spreads={"a": 9.0}))
    loose = remember(rows, np.array([2]), NAMES, Thresholds(spreads={"c": 2.0}))
    doubtful = remember(rows, np.array([-1]), NAMES, Thresholds(spreads={"c": 2.0}))
    asked = np.array([[1.0, 0.0]], np.float32)
    found = [float(memory.measure_distances(asked)[0]) for memory in (tight, loose, doubtful)]
    assert found == pytest.approx([0.5, 0.25, 0.5])


def test_what_is_above_the_ceiling_does_not_count() -> None:
    rows = np.array([[90.0, 0.5]])
    asked = np.array([[1.0, 0.5]], np.float32)
    far = remember(rows, np.array([0]), NAMES, Thresholds()).measure_distances(asked)
    near = remember(rows, np.array([0]), NAMES, Thresholds(ceiling=1.0)).measure_distances(asked)
    assert far[0] > 0.1
    assert near[0] == pytest.approx(0, abs=1e-6)
