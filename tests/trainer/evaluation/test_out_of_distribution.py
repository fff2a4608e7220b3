from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.certainty import remember
from inference.classifier import Classifier
from inference.versions.cards import OutOfDistribution, Thresholds
from labelling.training_log import Stage, Step, read_events
from trainer.evaluation.out_of_distribution import (
    NEVER_UNFAMILIAR,
    describe_detection,
    embed_unrelated,
    measure_detection,
)
from trainer.jobs import CancelledError, run_job
from trainer.progress import Progress
from trainer.synthetic.unrelated import KINDS


def test_known_distances() -> None:
    outside, inside = np.array([0.9, 0.8, 0.2]), np.array([0.1, 0.3, 0.1, 0.85])
    found = measure_detection(["map", "map", "code"], outside, inside, 0.5)
    assert found.auroc == pytest.approx((4 + 3 + 2) / 12)
    assert (found.n, found.detected.correct, found.detected.n) == (3, 2, 3)
    assert found.others == 4
    assert {kind: rate.correct for kind, rate in found.kinds.items()} == {"code": 0, "map": 2}
    assert (found.false_alarms.correct, found.false_alarms.n) == (1, 4)
    assert describe_detection(found).startswith("AUROC 0.750 (n = 3 against 4)")


def test_without_a_limit_nothing_is_counted() -> None:
    found = measure_detection(["map"], np.array([9.0]), np.array([0.1]), None)
    assert found == OutOfDistribution(n=1, others=1, auroc=1.0)
    assert describe_detection(found) == f"AUROC 1.000 (n = 1 against 1). {NEVER_UNFAMILIAR}"


def test_embedding_tells_its_progress_and_can_be_cancelled(
    classifier: Classifier, tmp_path: Path
) -> None:
    with run_job(tmp_path, "finetune", "pets") as job:
        embed_unrelated(classifier.session, Progress(shown=False, job=job), 2)
        job.finish("pets", 1, "first", "")
    events = read_events(tmp_path / "training" / "progress.jsonl")
    assert events[1] == Step(stage=Stage.UNRELATED, done=0, total=2)
    with pytest.raises(CancelledError), run_job(tmp_path, "finetune", "pets") as job:
        (tmp_path / "training" / "cancel").touch()
        embed_unrelated(classifier.session, Progress(shown=False, job=job), 2)


def test_unrelated_images_are_measured_by_the_memory(classifier: Classifier) -> None:
    kinds, rows = embed_unrelated(classifier.session, Progress(shown=False), len(KINDS), 4)
    assert (kinds, len(rows)) == (list(KINDS), len(KINDS))
    inside = np.full(5, 0.5)

    def measure(remembered: NDArray[np.float32]) -> OutOfDistribution:
        memory = remember(remembered, np.zeros(len(rows), int), ("a",), Thresholds())
        return measure_detection(kinds, memory.measure_distances(rows), inside, 0.01)

    found = measure(rows)
    assert (found.auroc, found.detected.correct) == (0.0, 0)
    found = measure(-rows)
    assert (found.auroc, found.detected.correct) == (1.0, len(KINDS))
    assert found.false_alarms.correct == 5
