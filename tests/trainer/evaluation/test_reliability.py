from pathlib import Path

import numpy as np
import pytest
from crepes import ConformalClassifier

from inference.classifier import Classifier
from inference.versions.cards import DataCounts, OutOfDistribution, Thresholds, Trust
from trainer.data.dataset import Dataset, LabelledImage
from trainer.evaluation.calibration import fit_conformal
from trainer.evaluation.corruptions import CORRUPTIONS
from trainer.evaluation.out_of_distribution import NEVER_UNFAMILIAR
from trainer.evaluation.predictions import Predictions, predict
from trainer.evaluation.reliability import (
    describe_trust,
    find_coverage_interval,
    measure_certainty,
    measure_trust,
)
from trainer.freezing.version_folder import Version
from trainer.progress import Progress

NAMES = ("a", "b")


def _answers(probabilities: np.ndarray, targets: np.ndarray) -> Predictions:
    count = len(targets)
    images = [
        LabelledImage(Path(f"{i}.jpg"), NAMES[t], "test", "", "", "") for i, t in enumerate(targets)
    ]
    embeddings = np.zeros((count, 4), dtype=np.float32)
    logits = np.log(probabilities).astype(np.float32)
    return Predictions(images, NAMES, probabilities.astype(np.float32), logits, embeddings, targets)


def _draw(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 2, count)
    logits = rng.normal(2.0, 1.5, count)
    own = 1 / (1 + np.exp(-logits))
    probabilities = np.empty((count, 2))
    probabilities[np.arange(count), targets] = own
    probabilities[np.arange(count), 1 - targets] = 1 - own
    return probabilities, targets


def test_sets_are_those_of_an_independent_library() -> None:
    """Our one number a class gives crepes' class-conditional sets, up to ties at the limit."""
    probabilities, targets = _draw(500, 0)
    limits = fit_conformal(probabilities, targets, NAMES)
    scores = 1 - probabilities[np.arange(500), targets]
    theirs = ConformalClassifier().fit(scores, bins=targets)
    new, _ = _draw(400, 1)
    for target, name in enumerate(NAMES):
        bins = np.full(400, target)
        sets = theirs.predict_set(1 - new, bins=bins, confidence=0.95, smoothing=False)
        ours = 1 - new[:, target] <= limits[name]
        assert np.array_equal(ours, np.asarray(sets)[:, target].astype(bool))


def test_coverage_lies_in_its_interval_as_often_as_it_says() -> None:
    inside = []
    for seed in range(150):
        calibrating, new = _draw(200, 2 * seed), _draw(300, 2 * seed + 1)
        limits = fit_conformal(*calibrating, NAMES)
        counts = {name: int((calibrating[1] == t).sum()) for t, name in enumerate(NAMES)}
        found = measure_certainty(_answers(*new), None, Thresholds(conformal=limits), counts)
        inside += [c.low <= c.rate.value <= c.high for c in found.coverage.values()]
    assert np.mean(inside) > 0.96


def test_interval_narrows_with_more_images() -> None:
    low, high = find_coverage_interval(245, 314)
    assert 0.88 < low < 0.95 < high < 1.0
    wide = find_coverage_interval(40, 30)
    assert wide[1] - wide[0] > high - low


def test_certainties_are_counted_apart() -> None:
    probabilities = np.array([[0.99, 0.01], [0.6, 0.4], [0.02, 0.98], [0.99, 0.01]])
    predictions = _answers(probabilities, np.array([0, 1, 1, 1]))
    thresholds = Thresholds(conformal={"a": 0.7, "b": 0.7}, unfamiliar=0.5)
    found = measure_certainty(predictions, np.array([0.1, 0.1, 0.9, 0.1]), thresholds, {})
    assert found.unsure and found.unfamiliar and found.sure_right
    assert (found.unsure.correct, found.unfamiliar.correct) == (1, 1)
    assert (found.sure_right.correct, found.sure_right.n) == (1, 2)
    assert found.coverage == {}


def test_class_that_borrowed_its_limit_has_no_interval() -> None:
    probabilities = np.array([[0.9, 0.1], [0.1, 0.9]])
    predictions = _answers(probabilities, np.array([0, 1]))
    thresholds = Thresholds(conformal={"a": 0.2, "b": 0.2})
    found = measure_certainty(predictions, None, thresholds, {"a": 19, "b": 18})
    assert set(found.coverage) == {"a"}


def test_without_a_limit_nothing_is_said_of_false_alarms() -> None:
    predictions = _answers(np.array([[0.9, 0.1], [0.1, 0.9]]), np.array([0, 1]))
    found = measure_certainty(predictions, np.array([0.1, 0.2]), Thresholds(), {})
    assert found.unfamiliar is None
    outside = OutOfDistribution(n=9, others=2, auroc=0.9)
    trust = Trust(certainty={"test": found}, out_of_distribution=outside)
    text = "\n".join(describe_trust(trust))
    assert "answered “Not sure” 0.0%" in text
    assert NEVER_UNFAMILIAR in text
    assert text.count("“Unlike anything I was taught”") == 1


def test_card_without_counts_is_measured(drawn_version: Version, drawn_dataset: Dataset) -> None:
    """Such as a version from elsewhere may have."""
    classifier = Classifier(drawn_version.folder, "cpu")
    card = classifier.card.model_copy(update={"data": DataCounts()})
    silent = Progress(shown=False)
    images = drawn_dataset.select("test")[:2]
    session = classifier.session
    predictions = predict(session, images, card.class_names, card.input, silent)
    found = measure_trust(session, card, None, predictions, silent)
    assert found.certainty["test"].coverage == {}
    both = [*images, *drawn_dataset.select("val")[:1]]
    mixed = predict(session, both, card.class_names, card.input, silent)
    assert set(measure_trust(session, card, None, mixed, silent).certainty) == {"all"}
    assert set(found.corruptions) == {"none", *CORRUPTIONS}


@pytest.mark.slow
def test_export_measures_it_all(exported_version: Version) -> None:
    trust = exported_version.card.trust
    assert set(trust.certainty) == {"test"}
    assert set(trust.corruptions) == {"none", *CORRUPTIONS}
    assert trust.corruptions["none"] == exported_version.card.metrics["test"].top1
    assert trust.out_of_distribution and trust.out_of_distribution.n == 600


def test_everything_measured_is_told(drawn_version: Version) -> None:
    text = "\n".join(describe_trust(drawn_version.card.trust))
    assert "AUROC" in text
    assert all(f"  {kind}:" in text for kind in ("none", *CORRUPTIONS))
