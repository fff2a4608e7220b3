from dataclasses import replace

import numpy as np
import pytest

from tests.trainer.clouds import WIDTH, make_cloud
from trainer.head.fitting import REPLAYED, FitData, FittedHead, choose_folds, fit, measure_held_out
from trainer.head.regression import Head

NAMES = ("a", "b", "c")


def make_fit_data(count: int = 12) -> FitData:
    rows = np.concatenate([make_cloud(place, count) for place in range(3)])
    return FitData(
        class_names=NAMES,
        embeddings=rows,
        targets=np.repeat(np.arange(3), count),
        groups=np.arange(3 * count),
        val_embeddings=np.zeros((0, WIDTH), np.float32),
        val_targets=np.zeros(0, dtype=np.int64),
        prior=Head(np.zeros((3, WIDTH), np.float32), np.zeros(3, np.float32)),
    )


Point = tuple[int, float, float, str]


def study(fit_data: FitData) -> tuple[FittedHead, list[Point]]:
    points: list[Point] = []
    fitted = fit(fit_data, lambda done, total: None, lambda *point: points.append(point))
    return fitted, points


def test_new_model_is_measured_out_of_fold() -> None:
    fitted, points = study(make_fit_data())
    assert len(fitted.targets) == 36
    assert (fitted.probabilities.argmax(axis=1) == fitted.targets).mean() > 0.9
    assert fitted.probabilities.sum(axis=1) == pytest.approx(np.ones(36), abs=1e-5)
    assert set(fitted.thresholds.conformal) == set(NAMES)
    assert [point[3] for point in points[:4]] == ["train", "validation"] * 2
    for split in ("train", "validation"):
        losses = [loss for _, loss, _, side in points if side == split]
        assert losses[-1] < losses[0]


def test_unseen_images_are_found() -> None:
    fitted, _ = study(make_fit_data())
    for place in range(3):
        found = fitted.head.score(make_cloud(place, 50, seed=9)).argmax(axis=1)
        assert (found == place).mean() > 0.9


def test_one_image_a_class_is_trained_on_but_not_measured() -> None:
    fitted, points = study(make_fit_data(1))
    assert len(fitted.targets) == 0
    assert fitted.thresholds.conformal == {}
    assert fitted.thresholds.unfamiliar is None
    assert points == []


def test_remembered_validation_images_are_measured_on() -> None:
    val = np.concatenate([make_cloud(place, 40, seed=5) for place in range(3)])
    fit_data = replace(
        make_fit_data(1), val_embeddings=val, val_targets=np.repeat(np.arange(3), 40)
    )
    fitted, _ = study(fit_data)
    assert len(fitted.targets) == 120
    assert fitted.thresholds.unfamiliar is not None


def test_same_data_give_the_same_head() -> None:
    first, second = study(make_fit_data())[0], study(make_fit_data())[0]
    assert (first.head.weight == second.head.weight).all()
    assert first.temperature == second.temperature


def test_groups_stay_together_and_remembered_rows_are_never_held_out() -> None:
    fit_data = replace(make_fit_data(4), groups=np.array([0, 0, 1, 1, 2, 3, 4, 5, *[REPLAYED] * 4]))
    folds = choose_folds(fit_data)
    assert folds[0] == folds[1] != folds[2] == folds[3]
    assert (folds[8:] == -1).all()
    assert len(set(folds[4:8].tolist())) == 3


def test_class_of_one_group_is_never_held_out() -> None:
    groups = np.array([0, 0, 0, 0, *range(1, 9)])
    assert (choose_folds(replace(make_fit_data(4), groups=groups))[:4] == -1).all()


def test_distance_is_to_another_group() -> None:
    fit_data = make_fit_data(2)
    twins = replace(
        fit_data,
        embeddings=np.repeat(fit_data.embeddings[::2], 2, axis=0),
        groups=np.array([0, 0, 1, 1, 2, 3]),
    )
    distances, _ = measure_held_out(twins, np.arange(6))
    assert (distances[:4] > 0.1).all()
    assert distances[4:] == pytest.approx([0, 0], abs=1e-6)


def test_validation_images_come_after_the_rows() -> None:
    fit_data = make_fit_data(20)
    val = np.concatenate([make_cloud(place, 5, seed=7) for place in range(3)])
    whole = replace(fit_data, val_embeddings=val, val_targets=np.repeat(np.arange(3), 5))
    distances, measure = measure_held_out(whole, np.array([0, 59]))
    assert len(distances) == 17
    turned = replace(whole, val_embeddings=val[::-1], val_targets=whole.val_targets[::-1])
    found = measure_held_out(turned, np.array([0, 59]))[0]
    assert found == pytest.approx(np.array([*distances[:2], *distances[:1:-1]]), abs=1e-6)
    assert len(set(distances.round(6).tolist())) == 17
    assert measure.ceiling == pytest.approx(
        np.quantile(np.concatenate([fit_data.embeddings, val]), 0.9)
    )


def test_check_may_end_it() -> None:
    def refuse(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        fit(make_fit_data(), refuse, lambda *point: None)
