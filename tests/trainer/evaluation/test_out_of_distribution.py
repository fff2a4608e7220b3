from pathlib import Path

import numpy as np
import pytest

from inference.certainty import remember
from inference.classifier import Classifier
from inference.statements import NEVER_UNFAMILIAR
from inference.versions.cards import OutOfDistribution, Thresholds
from labelling.training_log import Stage, Step, read_events
from trainer.evaluation import out_of_distribution as familiarity
from trainer.evaluation.out_of_distribution import (
    compare_distances,
    describe_outsiders,
    embed_outsiders,
    measure_outsiders,
)
from trainer.jobs import CancelledError, run_job
from trainer.progress import Progress
from trainer.synthetic.unrelated import KINDS


def test_known_distances() -> None:
    outside, inside = np.array([0.9, 0.8, 0.2]), np.array([0.1, 0.3, 0.1, 0.85])
    found = compare_distances(["map", "map", "code"], outside, inside, 0.5)
    assert found.auroc == pytest.approx((4 + 3 + 2) / 12)
    assert (found.n, found.detected.correct, found.detected.n) == (3, 2, 3)
    assert found.others == 4
    assert {kind: rate.correct for kind, rate in found.kinds.items()} == {"code": 0, "map": 2}
    assert (found.false_alarms.correct, found.false_alarms.n) == (1, 4)
    assert describe_outsiders(found).startswith("AUROC 0.750 (n = 3 against 4)")


def test_without_a_limit_nothing_is_counted() -> None:
    found = compare_distances(["map"], np.array([9.0]), np.array([0.1]), None)
    assert found == OutOfDistribution(n=1, others=1, auroc=1.0)
    assert describe_outsiders(found) == f"AUROC 1.000 (n = 1 against 1). {NEVER_UNFAMILIAR}"


def test_embedding_tells_its_progress_and_can_be_cancelled(
    classifier: Classifier, tmp_path: Path
) -> None:
    with run_job(tmp_path, "finetune", "pets") as job:
        embed_outsiders(classifier.session, Progress(shown=False, job=job), 2)
        job.finish("pets", 1, "first", "")
    events = read_events(tmp_path / "training" / "progress.jsonl")
    assert events[1] == Step(stage=Stage.UNRELATED, done=0, total=2)
    with pytest.raises(CancelledError), run_job(tmp_path, "finetune", "pets") as job:
        (tmp_path / "training" / "cancel").touch()
        embed_outsiders(classifier.session, Progress(shown=False, job=job), 2)


def test_outsiders_are_measured_by_the_memory(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(familiarity, "COUNT", len(KINDS))
    silent = Progress(shown=False)
    monkeypatch.setattr(familiarity, "embed_outsiders", lambda session, progress: embedded)
    embedded = embed_outsiders(classifier.session, silent, len(KINDS), 4)
    kinds, rows = embedded
    assert (kinds, len(rows)) == (list(KINDS), len(KINDS))
    taught = remember(rows, np.zeros(len(rows), int), ("a",), Thresholds())
    found = measure_outsiders(classifier.session, taught, 0.01, np.full(5, 0.5), silent)
    assert (found.auroc, found.detected.correct) == (0.0, 0)
    nothing = remember(-rows, np.zeros(len(rows), int), ("a",), Thresholds())
    found = measure_outsiders(classifier.session, nothing, 0.01, np.full(5, 0.5), silent)
    assert (found.auroc, found.detected.correct) == (1.0, len(KINDS))
    assert found.false_alarms.correct == 5
