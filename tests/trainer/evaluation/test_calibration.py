import numpy as np
import pytest
from scipy.special import softmax

from inference.certainty import remember
from inference.versions.cards import Thresholds
from trainer.evaluation import calibration
from trainer.evaluation.calibration import (
    ALONE,
    Known,
    find_rank,
    fit_calibration,
    fit_conformal,
    fit_temperature,
    fit_thresholds,
    measure_ece,
    measure_unseen,
    weigh_classes,
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


def test_bias_is_found_again() -> None:
    logits, targets = _sample(2.0)
    bias, temperature = fit_calibration(logits - np.array([1.5, 0.0, 0.0]), targets)
    assert bias == pytest.approx([1.0, -0.5, -0.5], abs=0.15)
    assert temperature == pytest.approx(2.0, rel=0.08)


def test_bias_does_not_depend_on_how_many_images_a_class_has() -> None:
    logits, targets = _sample(2.0)
    kept = np.flatnonzero((targets != 0) | (np.arange(len(targets)) % 4 == 0))
    weights = weigh_classes(targets[kept])
    assert np.bincount(targets[kept], weights) == pytest.approx([len(kept) / 3] * 3)
    bias, _ = fit_calibration(logits, targets)
    fewer, _ = fit_calibration(logits[kept], targets[kept])
    assert fewer == pytest.approx(bias, abs=0.15)


def test_few_images_do_not_move_the_bias_far() -> None:
    logits = np.array([[2.0, -2.0]] * 3 + [[-2.0, 2.0]])
    bias, _ = fit_calibration(logits, np.array([0, 0, 0, 0]))
    assert abs(bias).max() < 3


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


def test_class_with_few_images_borrows_the_others() -> None:
    probabilities = np.array([[0.9, 0.1]] * 30 + [[0.2, 0.8]] * 3)
    targets = np.array([0] * 30 + [1] * 3)
    limits = fit_conformal(probabilities, targets, ("a", "b"))
    assert limits["b"] == pytest.approx(0.2)


def test_too_few_images_give_no_limits() -> None:
    assert fit_conformal(np.array([[0.9, 0.1]] * 5), np.zeros(5, dtype=int), ("a", "b")) == {}


def test_image_is_not_its_own_neighbour() -> None:
    rows = np.array([[1.0, 0.0, 0.4], [0.0, 1.0, 0.4], [0.7, 0.7, 0.4]])
    known = Known(rows, np.zeros(3, dtype=int), np.full(3, ALONE))
    assert (measure_unseen(known, np.arange(3), ("a",))[0] > 0.05).all()


def test_one_validation_image_in_a_hundred_is_beyond_the_threshold() -> None:
    distances = np.linspace(0, 1, 101)
    found = fit_thresholds(np.ones((101, 1)), np.zeros(101, dtype=int), ("a",), distances)
    assert (distances > found.unfamiliar).sum() == 0 or found.unfamiliar == pytest.approx(1.0)
    assert found.unfamiliar >= 0.99


def test_few_images_call_nothing_unfamiliar() -> None:
    distances = np.linspace(0, 1, 98)
    found = fit_thresholds(np.ones((98, 1)), np.zeros(98, dtype=int), ("a",), distances)
    assert found.unfamiliar is None


def test_limits_say_how_the_distances_were_measured() -> None:
    how = Thresholds(neighbour=7, ceiling=0.5, spreads={"a": 2.0})
    found = fit_thresholds(
        np.ones((120, 1)), np.zeros(120, dtype=int), ("a",), np.linspace(0, 1, 120), how
    )
    assert (found.neighbour, found.ceiling, found.spreads) == (7, 0.5, {"a": 2.0})
    assert found.unfamiliar is not None
    assert set(found.conformal) == {"a"}


@pytest.mark.parametrize(("count", "rank"), [(19, 19), (20, 20), (39, 38), (99, 95), (5, 5)])
def test_rank_of_the_limit(count: int, rank: int) -> None:
    assert find_rank(count) == rank


NAMES = ("a", "b", "c")


def make_known(counts: tuple[int, ...], noise: tuple[float, ...], seed: int = 0) -> Known:
    """Return a cloud a class around activations of its own, 40 features wide."""
    rng = np.random.default_rng(seed)
    rows = [
        np.abs(rng.gamma(1, 1, 40) + rng.normal(0, loose, (count, 40)))
        for count, loose in zip(counts, noise, strict=True)
    ]
    targets = np.repeat(np.arange(len(counts)), counts)
    return Known(np.concatenate(rows), targets, np.full(len(targets), ALONE))


def test_unseen_distances_are_those_of_a_memory_without_the_image() -> None:
    known = make_known((30, 30, 30), (0.3, 0.3, 0.9))
    found, how = measure_unseen(known, np.arange(90), NAMES)
    assert set(how.spreads) == {"c"}
    assert how.unfamiliar is None
    for row in (0, 40, 89):
        rest = np.arange(90) != row
        memory = remember(known.embeddings[rest], known.targets[rest], NAMES, how)
        # One image less in its class: the neighbour that counts is the second, not the third.
        assert memory.measure_distances(known.embeddings[[row]])[0] <= found[row]
        whole = remember(known.embeddings, known.targets, NAMES, how)
        assert whole.measure_distances(known.embeddings[[row]])[0] < found[row]


def test_near_duplicates_are_no_neighbours() -> None:
    known = make_known((12, 12, 12), (0.3, 0.3, 0.3))
    rows = np.repeat(known.embeddings[::2], 2, axis=0)
    alone = Known(rows, known.targets, known.groups)
    twins = Known(rows, known.targets, np.arange(36) // 2)
    asked = np.arange(36)
    assert measure_unseen(alone, asked, NAMES)[0] == pytest.approx(np.zeros(36), abs=1e-6)
    assert (measure_unseen(twins, asked, NAMES)[0] > 0.001).all()


def test_loose_class_is_given_room_and_a_tight_one_loses_none() -> None:
    spreads = measure_unseen(make_known((200, 200, 40), (0.4, 0.1, 1.5)), np.arange(440), NAMES)[
        1
    ].spreads
    assert spreads["c"] > 1.3
    assert "b" not in spreads
    few = measure_unseen(make_known((200, 200, 3), (0.4, 0.1, 1.5)), np.arange(403), NAMES)[1]
    assert 1 < few.spreads["c"] < spreads["c"]


def test_class_without_another_image_says_nothing_of_its_spread() -> None:
    known = make_known((50, 50, 4), (0.3, 0.3, 0.3))
    one = Known(known.embeddings, known.targets, np.where(known.targets == 2, 5, ALONE))
    found, how = measure_unseen(one, np.arange(104), NAMES)
    assert "c" not in how.spreads
    assert np.isfinite(found).all()


def test_doubtful_rows_are_familiar_but_have_no_spread() -> None:
    known = make_known((50, 50, 30), (0.3, 0.3, 0.9))
    targets = np.where(known.targets == 2, -1, known.targets)
    asked = np.flatnonzero(targets >= 0)
    doubtful = Known(known.embeddings, targets, known.groups)
    assert set(measure_unseen(doubtful, asked, NAMES)[1].spreads) <= {"a", "b"}


def test_many_images_are_compared_a_block_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    known = make_known((30, 30, 30), (0.3, 0.3, 0.9))
    asked = np.arange(90)[::-1]
    whole = measure_unseen(known, asked, NAMES)[0]
    monkeypatch.setattr(calibration, "_BLOCK", 7)
    assert measure_unseen(known, asked, NAMES)[0] == pytest.approx(whole, abs=1e-6)


def test_nobody_asked_nothing_measured() -> None:
    found, how = measure_unseen(make_known((3, 3), (0.3, 0.3)), np.zeros(0, int), ("a", "b"))
    assert (found.shape, how.spreads) == ((0,), {})


def test_activations_that_are_nearly_all_nought_have_no_ceiling() -> None:
    rows = np.zeros((40, 40))
    rows[np.arange(40), np.arange(40) // 10] = 1.0
    rows[np.arange(40), 20 + np.arange(40) % 10] = 0.1
    known = Known(rows, np.arange(40) // 20, np.full(40, ALONE))
    found, how = measure_unseen(known, np.arange(40), ("a", "b"))
    assert how.ceiling is None
    assert (found < 0.1).all()  # with a ceiling of 0 every one would be 1 away
