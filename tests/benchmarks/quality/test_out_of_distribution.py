from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality import out_of_distribution as benchmark
from benchmarks.quality.out_of_distribution import (
    NEAREST,
    USED,
    Samples,
    make_known,
    measure_memory,
    measure_nearest,
)
from inference.versions.catalog import Catalog
from trainer.data.replay_memory import make_rows
from trainer.evaluation.calibration import ALONE
from trainer.head.start import open_start
from trainer.progress import Progress


def make_memory() -> tuple[np.ndarray, list[int]]:
    rng = np.random.default_rng(0)
    middle = np.repeat(rng.gamma(1, 1, (2, 30)), 150, axis=0)
    return np.abs(middle + rng.normal(0, 0.2, (300, 30))), np.repeat([0, 1], 150).tolist()


def test_nearest_neighbour_is_another_image() -> None:
    rows = np.eye(3, dtype=np.float32)
    assert measure_nearest(rows, rows) == pytest.approx([1, 1, 1])


def test_rows_without_a_group_stand_alone() -> None:
    rows = make_rows(np.eye(4), [0, 0, 1, 1], [False] * 4, [""] * 4, ["x", "", "x", "y"])
    groups = make_known(rows).groups
    assert groups[1] == ALONE
    assert groups[0] == groups[2] != groups[3] != ALONE


def test_unrelated_images_are_separated_from_remembered_validation_images() -> None:
    rows, targets = make_memory()
    remembered = make_rows(rows, targets, [True] * 300, [""] * 300, [""] * 300)
    unrelated = np.random.default_rng(1).gamma(1, 1, (20, 30)).astype(np.float32)
    found = measure_memory(remembered, ("a", "b"), Samples(["noise"] * 20, unrelated, None, []))
    for name in (NEAREST, USED):
        assert found[name].auroc > 0.95
        assert found[name].false_alarms.correct <= 3
    samples = Samples(["noise"] * 20, unrelated, unrelated[:9], ["a"] * 9)
    found = measure_memory(remembered, ("a", "b"), samples)
    assert found[USED].false_alarms.n == 9
    assert 0.3 < found[USED].auroc < 0.7


def test_without_images_it_says_what_is_missing(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    start = open_start(Catalog(exported).find("hotdog"), "hotdog")
    kinds, unrelated = benchmark.embed_unrelated(start.session, Progress(shown=False), 18, 3)
    monkeypatch.setattr(benchmark, "embed_unrelated", lambda *given: (kinds, unrelated))
    benchmark.main(exported, tmp_path / "none")
    printed = capsys.readouterr().out
    assert "AUROC" in printed
    assert f"There is no {tmp_path / 'none'}" in printed
