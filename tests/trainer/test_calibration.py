import numpy as np
import pytest
from scipy.special import softmax

from trainer.calibration import (
    fit_conformal,
    fit_temperature,
    fit_thresholds,
    measure_distances,
    measure_ece,
)


def _sample(temperature: float, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (n, 3))
    probabilities = softmax(logits, axis=1)
    targets = np.array([rng.choice(3, p=row) for row in probabilities])
    return logits * temperature, targets


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_temperature_is_found_again(temperature: float) -> None:
    logits, targets = _sample(temperature)
    assert fit_temperature(logits, targets) == pytest.approx(temperature, rel=0.08)


def test_few_right_answers_do_not_become_certain() -> None:
    logits = np.array([[2.0, -2.0]] * 5)
    assert fit_temperature(logits, np.zeros(5, dtype=int)) > 0.3


def test_ece_of_known_answers() -> None:
    probabilities = np.array([[0.9, 0.1]] * 10)
    targets = np.array([0] * 5 + [1] * 5)
    assert measure_ece(probabilities, targets) == pytest.approx(0.4)


def test_conformal_sets_cover_each_class() -> None:
    logits, targets = _sample(1.0)
    probabilities = softmax(logits, axis=1)
    names = ("a", "b", "c")
    limits = fit_conformal(probabilities[:2000], targets[:2000], names)
    for target, name in enumerate(names):
        own = probabilities[2000:][targets[2000:] == target]
        assert (1 - own[:, target] <= limits[name]).mean() == pytest.approx(0.95, abs=0.025)


def test_class_with_few_pictures_borrows_the_others() -> None:
    probabilities = np.array([[0.9, 0.1]] * 30 + [[0.2, 0.8]] * 3)
    targets = np.array([0] * 30 + [1] * 3)
    limits = fit_conformal(probabilities, targets, ("a", "b"))
    assert limits["b"] == pytest.approx(0.2)


def test_too_few_pictures_give_no_limits() -> None:
    assert fit_conformal(np.array([[0.9, 0.1]] * 5), np.zeros(5, dtype=int), ("a", "b")) == {}


def test_picture_is_not_its_own_neighbour() -> None:
    embeddings = np.eye(4, dtype=np.float32)[:3]
    assert measure_distances(embeddings, embeddings) == pytest.approx([1, 1, 1])


def test_one_validation_picture_in_a_hundred_is_beyond_the_threshold() -> None:
    distances = np.linspace(0, 1, 101)
    found = fit_thresholds(np.ones((101, 1)), np.zeros(101, dtype=int), ("a",), distances)
    assert (distances > found.unfamiliar).sum() == 0 or found.unfamiliar == pytest.approx(1.0)
    assert found.unfamiliar >= 0.99


def test_few_pictures_call_nothing_unfamiliar() -> None:
    distances = np.linspace(0, 1, 98)
    found = fit_thresholds(np.ones((98, 1)), np.zeros(98, dtype=int), ("a",), distances)
    assert found.unfamiliar is None
