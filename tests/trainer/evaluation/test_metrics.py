import numpy as np
import pytest

from inference.versions.cards import Rate
from trainer.evaluation.metrics import describe_rate, measure, measure_rate


def test_rate_has_wilsons_interval() -> None:
    rate = measure_rate(np.array([True] * 45 + [False] * 5))
    assert (rate.correct, rate.n, rate.value) == (45, 50, 0.9)
    assert rate.low == pytest.approx(0.7864, abs=1e-3)  # worked out by hand
    assert rate.high == pytest.approx(0.9565, abs=1e-3)


def test_no_images_say_nothing() -> None:
    rate = measure_rate(np.array([], dtype=bool))
    assert (rate.n, rate.low, rate.high) == (0, 0.0, 1.0)


def test_groups_are_source_and_class() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
    targets = np.array([0, 0, 1, 1])
    found = measure(probabilities, targets, ["web", "phone", "web", "phone"], ["a", "b"])
    assert found.confusion == ((1, 1), (1, 1))
    assert found.per_group["web / a"].value == 1
    assert found.per_group["phone / a"].value == 0
    assert found.per_source["web"].n == 2
    assert found.per_class["b"].correct == 1


def test_one_source_makes_no_groups() -> None:
    found = measure(np.array([[0.9, 0.1]]), np.array([0]), [""], ["a", "b"])
    assert found.per_group == {}


def test_kinds_are_told_where_there_are_enough() -> None:
    probabilities = np.array([[0.9, 0.1]] * 15 + [[0.1, 0.9]] * 10)
    kinds = ["bun"] * 22 + ["", "taco", "taco"]
    found = measure(probabilities, np.zeros(25, dtype=int), ["web"] * 25, ["a", "b"], kinds)
    assert list(found.per_kind) == ["bun / a"]
    assert (found.per_kind["bun / a"].correct, found.per_kind["bun / a"].n) == (15, 22)


def test_rate_in_words() -> None:
    rate = Rate(correct=1500, n=2000, value=0.75, low=0.73, high=0.77)
    assert describe_rate(rate) == "75.0% (n = 2,000, 95% interval 73.0–77.0%)"
