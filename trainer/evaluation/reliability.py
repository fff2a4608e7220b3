"""How far answers can be relied on beyond their accuracy: what goes into `Card.trust`.

`certainty`: split → coverage of the conformal sets by class, how often the answer is "Not sure"
or "Unlike anything I was taught", and how often the others are right. Beside it out-of-distribution
detection, and accuracy by corruption.
"""

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from scipy.stats import betabinom

from inference.certainty import SURE, UNFAMILIAR, UNSURE, Memory, judge
from inference.classifier import find_min_side
from inference.images import decode
from inference.versions.cards import (
    Card,
    Certainty,
    Coverage,
    InputGeometry,
    Rate,
    Thresholds,
    Trust,
)
from labelling.training_log import Stage
from trainer.evaluation.calibration import MIN_CALIBRATION, find_rank
from trainer.evaluation.corruptions import CORRUPTIONS, UNCORRUPTED, corrupt
from trainer.evaluation.metrics import describe_rate, measure_rate
from trainer.evaluation.out_of_distribution import (
    describe_detection,
    embed_unrelated,
    measure_detection,
)
from trainer.evaluation.predictions import Predictions
from trainer.progress import Progress

_LEVEL = 0.99


def measure_trust(
    session: ort.InferenceSession,
    card: Card,
    memory: Memory | None,
    predictions: Predictions,
    progress: Progress,
) -> Trust:
    """Return all of it, on one or more images that training has not seen."""
    distances = memory.measure_distances(predictions.embeddings) if memory else None
    calibrated = card.data.calibrating or card.data.counts.get("val", {})
    certainty = measure_certainty(predictions, distances, card.thresholds, calibrated)
    splits = {image.split for image in predictions.images}
    outside = None
    if memory is not None and distances is not None:
        progress.say("Measuring out-of-distribution detection.")
        kinds, unrelated = embed_unrelated(session, progress)
        away = memory.measure_distances(unrelated)
        outside = measure_detection(kinds, away, distances, card.thresholds.unfamiliar)
    return Trust(
        certainty={splits.pop() if len(splits) == 1 else "all": certainty},
        out_of_distribution=outside,
        corruptions=measure_corruptions(session, predictions, card.input, progress),
    )


def measure_certainty(
    predictions: Predictions,
    distances: NDArray[np.floating] | None,
    thresholds: Thresholds,
    calibrated: dict[str, int],
) -> Certainty:
    """Return what the certainties of N answers are worth.

    `distances` (N,) as `judge` takes them, None where nothing is remembered. `calibrated`: class
    name → how many images its conformal limit was found by. `coverage`: class name → how often
    its prediction sets hold the right class, and the 99% interval `low` to `high` (0–1) in which
    that lies if these images are like the calibrating ones; without the classes that had too
    few of those, and borrow the limit of all. `unfamiliar` is left out where it has no limit.
    Source: Vovk, "Conditional validity of inductive conformal predictors" (2012).
    """
    names = predictions.class_names
    far = [None] * len(predictions.targets) if distances is None else distances.tolist()
    kinds = np.array(
        [
            judge(row, names, distance, thresholds)
            for row, distance in zip(predictions.probabilities, far, strict=True)
        ],
        dtype=object,
    )
    right = predictions.probabilities.argmax(axis=1) == predictions.targets
    has_limit = distances is not None and thresholds.unfamiliar is not None
    return Certainty(
        coverage=_measure_coverage(predictions, thresholds, calibrated),
        unsure=measure_rate(kinds == UNSURE),
        unfamiliar=measure_rate(kinds == UNFAMILIAR) if has_limit else None,
        sure_right=measure_rate(right[kinds == SURE]),
    )


def find_coverage_interval(calibrated: int, n: int) -> tuple[float, float]:
    """Return between which shares (0–1) the coverage of `n` new images lies 99 times in 100.

    How many are covered by a limit found by `calibrated` images is beta-binomial.
    """
    rank = find_rank(calibrated)
    covered = betabinom(n, rank, calibrated + 1 - rank)
    low, high = covered.ppf((1 - _LEVEL) / 2), covered.ppf((1 + _LEVEL) / 2)
    return float(low) / n, float(high) / n


def measure_corruptions(
    session: ort.InferenceSession,
    predictions: Predictions,
    geometry: InputGeometry,
    progress: Progress,
) -> dict[str, Rate]:
    """Return name of a corruption → accuracy on images that suffered it; `none` comes first.

    `predictions`: those for the images as they are.
    """
    names = np.array(predictions.class_names)
    right: dict[str, list[bool]] = {name: [] for name in CORRUPTIONS}
    for image in progress.track(predictions.images, Stage.CORRUPTIONS):
        pixels = decode(image.path.read_bytes(), find_min_side(geometry))
        for name, kept in right.items():
            bad = corrupt(pixels, name)
            [[probabilities]] = session.run(["probabilities"], {"image": bad[None]})
            kept.append(bool(names[probabilities.argmax()] == image.label))
    plain = predictions.probabilities.argmax(axis=1) == predictions.targets
    corrupted = {name: measure_rate(np.array(kept, dtype=bool)) for name, kept in right.items()}
    return {UNCORRUPTED: measure_rate(plain), **corrupted}


def describe_trust(trust: Trust) -> list[str]:
    """Return what is known of the trust in lines that people read."""
    lines = []
    for split, found in trust.certainty.items():
        rates = {
            "answered “Not sure”": found.unsure,
            "“Unlike anything I was taught”": found.unfamiliar,
            "of the others right": found.sure_right,
        }
        parts = [f"{words} {describe_rate(rate)}" for words, rate in rates.items() if rate]
        lines.append(f"{split}: {'; '.join(parts)}")
        lines += [
            f"  prediction sets at 95% that hold {name}: {describe_rate(one.rate)}, "
            f"expected {100 * one.low:.1f}–{100 * one.high:.1f}%"
            for name, one in found.coverage.items()
        ]
    outside = trust.out_of_distribution
    if outside is not None:
        lines.append(f"out-of-distribution pictures: {describe_detection(outside)}")
        lines += [f"  {kind}: {describe_rate(rate)}" for kind, rate in outside.kinds.items()]
    if trust.corruptions:
        lines.append("corrupted pictures:")
        lines += [f"  {name}: {describe_rate(r)}" for name, r in trust.corruptions.items()]
    return lines


def _measure_coverage(
    predictions: Predictions, thresholds: Thresholds, calibrated: dict[str, int]
) -> dict[str, Coverage]:
    found = {}
    for target, name in enumerate(predictions.class_names):
        mine = predictions.targets == target
        few = calibrated.get(name, 0) < MIN_CALIBRATION
        if few or not mine.any() or name not in thresholds.conformal:
            continue
        covered = 1.0 - predictions.probabilities[mine, target] <= thresholds.conformal[name]
        low, high = find_coverage_interval(calibrated[name], int(mine.sum()))
        rate = measure_rate(covered)
        found[name] = Coverage(rate=rate, low=round(low, 4), high=round(high, 4))
    return found
