"""Making probabilities mean what they say: temperature, conformal limits, what is unfamiliar."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from inference.cards import Thresholds
from inference.certainty import normalise

CONFIDENCE = 0.95
_FAMILIAR = 0.99
_MIN_CALIBRATION = 19  # with fewer, a 95% quantile does not exist


def fit_temperature(logits: NDArray[np.floating], targets: NDArray[np.integer]) -> float:
    """Return the T > 0 whose softmax(logits / T) gives validation the smallest log loss.

    A pull towards 1, worth about one picture, keeps a few right answers from becoming certain.
    `logits` (N, C), `targets` (N,). Source: Guo et al., "On calibration of modern neural
    networks" (2017).
    """

    def measure_loss(log_temperature: float) -> float:
        scaled = log_softmax(logits / math.exp(log_temperature), axis=1)
        pull = log_temperature**2 / len(targets)
        return float(-scaled[np.arange(len(targets)), targets].mean()) + pull

    found = minimize_scalar(measure_loss, bounds=(math.log(0.05), math.log(20)), method="bounded")
    return math.exp(found.x)


def measure_ece(
    probabilities: NDArray[np.floating], targets: NDArray[np.integer], bins: int = 15
) -> float:
    """Return the expected calibration error (0–1) of the top probability, equal-width bins.

    `probabilities` (N, C), `targets` (N,). Source: Guo et al. (2017).
    """
    top = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == targets
    place = np.minimum((top * bins).astype(int), bins - 1)
    gaps = [
        abs(correct[place == b].mean() - top[place == b].mean()) * (place == b).mean()
        for b in range(bins)
        if (place == b).any()
    ]
    return float(sum(gaps))


def fit_conformal(
    probabilities: NDArray[np.floating],
    targets: NDArray[np.integer],
    class_names: tuple[str, ...],
) -> dict[str, float]:
    """Return class name → largest 1 - probability inside that class's 95% prediction set.

    A class with under 19 pictures borrows all; with under 19 in all, the answer is empty.
    Source: Vovk, "Conditional validity of inductive conformal predictors" (2012).
    """
    scores = 1.0 - probabilities[np.arange(len(targets)), targets]
    if len(scores) < _MIN_CALIBRATION:
        return {}
    limits = {}
    for target, name in enumerate(class_names):
        own = scores[targets == target]
        limits[name] = _find_limit(own if len(own) >= _MIN_CALIBRATION else scores)
    return limits


def fit_thresholds(
    probabilities: NDArray[np.floating],
    targets: NDArray[np.integer],
    class_names: tuple[str, ...],
    distances: NDArray[np.floating],
) -> Thresholds:
    """Return the conformal limits and the distance that 99% of validation pictures stay under.

    With under 99 of them that distance is not known, and nothing is called unfamiliar.
    """
    rank = math.ceil((len(distances) + 1) * _FAMILIAR)
    unfamiliar = float(np.sort(distances)[rank - 1]) if rank <= len(distances) else None
    return Thresholds(fit_conformal(probabilities, targets, class_names), unfamiliar)


def measure_distances(
    embeddings: NDArray[np.floating], remembered: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Return the cosine distance of (N, D) embeddings to the nearest of (M, D) others: (N,).

    An embedding that is among the remembered ones is not its own neighbour.
    """
    similarity = normalise(embeddings) @ normalise(remembered).T
    similarity[similarity > 1 - 1e-6] = -1.0
    return np.asarray(1.0 - similarity.max(axis=1), dtype=np.float32)


def _find_limit(scores: NDArray[np.floating]) -> float:
    rank = math.ceil((len(scores) + 1) * CONFIDENCE)
    return float(np.sort(scores)[min(rank, len(scores)) - 1])
