import numpy as np

from tests.trainer.clouds import make_cloud
from trainer.head.conflicts import find_conflicts

# Catch-all of three kinds (places 1, 2, 3), another class at 0; the new class shows kind 3.
PLACES = np.repeat([0, 1, 2, 3, 3], [40, 40, 40, 40, 8])
TARGETS = np.repeat([0, 1, 1, 1, 2], [40, 40, 40, 40, 8])


def find(groups: np.ndarray) -> np.ndarray:
    rows = [make_cloud(place, 1, seed)[0] for seed, place in enumerate(PLACES)]
    candidates = TARGETS == 1
    return find_conflicts(np.array(rows), TARGETS, groups, candidates, new_class=2)


def test_remembered_images_of_the_new_class_are_found() -> None:
    found = find(np.arange(len(PLACES)))
    assert found[(PLACES == 3) & (TARGETS == 1)].mean() > 0.9
    assert found[PLACES != 3].mean() < 0.02
    assert not found[TARGETS != 1].any()


def test_one_group_of_images_counts_less_than_many() -> None:
    groups = np.where(TARGETS == 2, -1, np.arange(len(PLACES)))
    assert find(groups).sum() <= find(np.arange(len(PLACES))).sum()


def test_held_out_scores_are_those_of_a_fit_without_the_group() -> None:
    from trainer.head import conflicts

    rng = np.random.default_rng(0)
    rows = rng.normal(size=(12, 5)).astype(np.float32)
    wanted = np.where(np.arange(12) % 3 == 0, 1, -1).astype(np.float32)
    groups = np.array([0, 0, 0, *range(1, 10)])
    weights = np.full(12, 1 / 12, dtype=np.float32)
    gram = (rows * weights[:, None]).T @ rows
    ridge = np.trace(gram) / 5 * np.eye(5)
    scores = conflicts._score_held_out(rows, wanted, groups, weights)
    for group in range(10):
        kept = groups != group
        fewer = (rows[kept] * weights[kept, None]).T
        fit = np.linalg.solve(fewer @ rows[kept] + ridge, fewer @ wanted[kept])
        assert np.allclose(scores[~kept], rows[~kept] @ fit, atol=1e-4)
