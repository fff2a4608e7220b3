from dataclasses import replace

import numpy as np
import pytest

from tests.trainer.lessons import WIDTH, make_cloud
from trainer.head.fitting import REPLAYED, Learned, Lesson, choose_folds, learn, measure_judged
from trainer.head.regression import Head

NAMES = ("a", "b", "c")


def make_lesson(count: int = 12) -> Lesson:
    rows = np.concatenate([make_cloud(place, count) for place in range(3)])
    return Lesson(
        class_names=NAMES,
        embeddings=rows,
        targets=np.repeat(np.arange(3), count),
        groups=np.arange(3 * count),
        val_embeddings=np.zeros((0, WIDTH), np.float32),
        val_targets=np.zeros(0, dtype=np.int64),
        prior=Head(np.zeros((3, WIDTH), np.float32), np.zeros(3, np.float32)),
    )


Point = tuple[int, float, float, str]


def study(lesson: Lesson) -> tuple[Learned, list[Point]]:
    points: list[Point] = []
    learned = learn(lesson, lambda done, total: None, lambda *point: points.append(point))
    return learned, points


def test_new_network_is_judged_out_of_fold() -> None:
    learned, points = study(make_lesson())
    assert len(learned.targets) == 36
    assert (learned.probabilities.argmax(axis=1) == learned.targets).mean() > 0.9
    assert learned.probabilities.sum(axis=1) == pytest.approx(np.ones(36), abs=1e-5)
    assert set(learned.thresholds.conformal) == set(NAMES)
    assert [point[3] for point in points[:4]] == ["train", "validation"] * 2
    for split in ("train", "validation"):
        losses = [loss for _, loss, _, side in points if side == split]
        assert losses[-1] < losses[0]


def test_unseen_images_are_found() -> None:
    learned, _ = study(make_lesson())
    for place in range(3):
        found = learned.head.score(make_cloud(place, 50, seed=9)).argmax(axis=1)
        assert (found == place).mean() > 0.9


def test_one_image_a_class_can_be_learnt_from_but_not_judged() -> None:
    learned, points = study(make_lesson(1))
    assert len(learned.targets) == 0
    assert learned.thresholds.conformal == {}
    assert learned.thresholds.unfamiliar is None
    assert points == []


def test_remembered_validation_images_are_judged_with() -> None:
    val = np.concatenate([make_cloud(place, 40, seed=5) for place in range(3)])
    lesson = replace(make_lesson(1), val_embeddings=val, val_targets=np.repeat(np.arange(3), 40))
    learned, _ = study(lesson)
    assert len(learned.targets) == 120
    assert learned.thresholds.unfamiliar is not None


def test_same_lesson_gives_the_same_head() -> None:
    first, second = study(make_lesson())[0], study(make_lesson())[0]
    assert (first.head.weight == second.head.weight).all()
    assert first.temperature == second.temperature


def test_groups_stay_together_and_memories_are_never_held_out() -> None:
    lesson = replace(make_lesson(4), groups=np.array([0, 0, 1, 1, 2, 3, 4, 5, *[REPLAYED] * 4]))
    folds = choose_folds(lesson)
    assert folds[0] == folds[1] != folds[2] == folds[3]
    assert (folds[8:] == -1).all()
    assert len(set(folds[4:8].tolist())) == 3


def test_class_of_one_group_is_never_held_out() -> None:
    groups = np.array([0, 0, 0, 0, *range(1, 9)])
    assert (choose_folds(replace(make_lesson(4), groups=groups))[:4] == -1).all()


def test_distance_is_to_another_group() -> None:
    lesson = make_lesson(2)
    twins = replace(
        lesson,
        embeddings=np.repeat(lesson.embeddings[::2], 2, axis=0),
        groups=np.array([0, 0, 1, 1, 2, 3]),
    )
    distances, _ = measure_judged(twins, np.arange(6))
    assert (distances[:4] > 0.1).all()
    assert distances[4:] == pytest.approx([0, 0], abs=1e-6)


def test_validation_images_are_asked_after_the_rows() -> None:
    lesson = make_lesson(20)
    val = np.concatenate([make_cloud(place, 5, seed=7) for place in range(3)])
    whole = replace(lesson, val_embeddings=val, val_targets=np.repeat(np.arange(3), 5))
    distances, measure = measure_judged(whole, np.array([0, 59]))
    assert len(distances) == 17
    turned = replace(whole, val_embeddings=val[::-1], val_targets=whole.val_targets[::-1])
    found = measure_judged(turned, np.array([0, 59]))[0]
    assert found == pytest.approx(np.array([*distances[:2], *distances[:1:-1]]), abs=1e-6)
    assert len(set(distances.round(6).tolist())) == 17
    assert measure.ceiling == pytest.approx(
        np.quantile(np.concatenate([lesson.embeddings, val]), 0.9)
    )


def test_check_may_end_it() -> None:
    def refuse(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        learn(make_lesson(), refuse, lambda *point: None)
