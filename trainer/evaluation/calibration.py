"""Making probabilities mean what they say: temperature, conformal limits, what is unfamiliar."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax

from inference.certainty import Memory, cut_off, measure_blocks, remember
from inference.versions.cards import Thresholds

CONFIDENCE = 0.95
_FAMILIAR = 0.99
MIN_CALIBRATION = 19  # with fewer, a 95% quantile does not exist
# Of 5, 10 and 20 neighbours and ceilings that 85 to 97% of activations stay under: chosen with
# training images and two networks, by
# `python -m benchmarks.quality.out_of_distribution --validation`.
NEIGHBOUR = 20
_CEILING = 0.9
_PSEUDO = 10  # images that the usual spread counts for, so that few do not make a wild one
_BLOCK = 1024  # rows that are compared with all others at a time
ALONE = -1  # the group of an image without near-duplicates


@dataclass(frozen=True)
class Known:
    """Everything that a version will remember.

    `embeddings` (M, D); `targets` (M,); `groups` (M,): a number common to near-duplicates, or
    `ALONE`.
    """

    embeddings: NDArray[np.floating]
    targets: NDArray[np.integer]
    groups: NDArray[np.integer]


def fit_temperature(logits: NDArray[np.floating], targets: NDArray[np.integer]) -> float:
    """Return the T > 0 whose softmax(logits / T) gives validation the smallest log loss.

    A pull towards 1, worth about one image, keeps a few right answers from becoming certain.
    `logits` (N, C), `targets` (N,). Source: Guo et al., "On calibration of modern neural
    networks" (2017).
    """

    def measure_loss(log_temperature: float) -> float:
        scaled = log_softmax(logits / math.exp(log_temperature), axis=1)
        pull = log_temperature**2 / len(targets)
        return float(-scaled[np.arange(len(targets)), targets].mean()) + pull

    found = minimize_scalar(measure_loss, bounds=(math.log(0.05), math.log(20)), method="bounded")
    return math.exp(found.x)


def fit_calibration(
    logits: NDArray[np.floating], targets: NDArray[np.integer]
) -> tuple[NDArray[np.float64], float]:
    """Return the bias (C,), of sum 0, and T whose softmax((logits + bias) / T) has the least loss.

    As `fit_temperature`, with a pull of the bias towards 0. Classes weigh the same, whatever their
    numbers: how often each was drawn, or collected, says nothing of how often people show it.
    Source: Alexandari et al., "Maximum likelihood with bias-corrected calibration is
    hard-to-beat at label shift adaptation" (2020).
    """
    classes, weights = logits.shape[1], weigh_classes(targets)

    def split(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        return values[1:] - values[1:].mean(), math.exp(values[0])

    def measure_loss(values: NDArray[np.float64]) -> float:
        bias, temperature = split(values)
        scaled = log_softmax((logits + bias) / temperature, axis=1)
        pull = (values[0] ** 2 + float(((bias / temperature) ** 2).sum())) / len(targets)
        return measure_log_loss(scaled, targets, weights) + float(pull)

    limits = [(math.log(0.05), math.log(20))] + [(-20.0, 20.0)] * classes
    found = minimize(measure_loss, np.zeros(classes + 1), method="L-BFGS-B", bounds=limits)
    return split(found.x)


def weigh_classes(targets: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the weight of each image (N,), of mean 1, with which the classes weigh the same."""
    _, numbers, counts = np.unique(targets, return_inverse=True, return_counts=True)
    return np.asarray(len(targets) / (len(counts) * counts[numbers]), dtype=np.float64)


def measure_log_loss(
    log_probabilities: NDArray[np.floating],
    targets: NDArray[np.integer],
    weights: NDArray[np.floating],
) -> float:
    """Return the mean log loss of (N, C), with a weight for each image."""
    losses = -log_probabilities[np.arange(len(targets)), targets]
    return float((weights * losses).mean())


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

    A class with under 19 images borrows all; with under 19 in all, the answer is empty.
    Source: Vovk, "Conditional validity of inductive conformal predictors" (2012).
    """
    scores = 1.0 - probabilities[np.arange(len(targets)), targets]
    if len(scores) < MIN_CALIBRATION:
        return {}
    limits = {}
    for target, name in enumerate(class_names):
        own = scores[targets == target]
        limits[name] = _find_limit(own if len(own) >= MIN_CALIBRATION else scores)
    return limits


def find_rank(count: int) -> int:
    """Return which of `count` scores, from the smallest, is the limit that holds 95% of others."""
    return min(math.ceil((count + 1) * CONFIDENCE), count)


def fit_thresholds(
    probabilities: NDArray[np.floating],
    targets: NDArray[np.integer],
    class_names: tuple[str, ...],
    distances: NDArray[np.floating],
    measure: Thresholds | None = None,
) -> Thresholds:
    """Return the conformal limits and the distance that 99% of validation images stay under.

    `measure`: how the distances were measured (`measure_unseen`); None: to the nearest one. With
    under 99 of them the limit is not known, and nothing is called unfamiliar.
    """
    rank = math.ceil((len(distances) + 1) * _FAMILIAR)
    unfamiliar = float(np.sort(distances)[rank - 1]) if rank <= len(distances) else None
    conformal = fit_conformal(probabilities, targets, class_names)
    limits = {"conformal": conformal, "unfamiliar": unfamiliar}
    return (measure or Thresholds()).model_copy(update=limits)


def measure_unseen(
    known: Known, asked: NDArray[np.intp], class_names: tuple[str, ...]
) -> tuple[NDArray[np.float32], Thresholds]:
    """Return how far some rows of what is known are from the rest, and how that is measured.

    `asked` (K,): the rows. Neither an image nor its near-duplicates are its own neighbours. The
    distances (K,) are those of `inference.certainty.Memory` with the thresholds returned, whose
    limits are not set. Activations that are nearly all 0 have no ceiling: it would be 0 too.
    """
    ceiling = float(np.quantile(known.embeddings, _CEILING))
    measure = Thresholds(neighbour=NEIGHBOUR, ceiling=ceiling if ceiling > 0 else None)
    memory = remember(known.embeddings, known.targets, class_names, measure)
    by_class = _measure_by_class(known, asked, memory)
    classes = np.unique(known.targets)
    spreads = _fit_spreads(by_class, np.searchsorted(classes, known.targets[asked]))
    names = {class_names[t]: s for t, s in zip(classes, spreads, strict=True) if t >= 0 and s > 1}
    distances = (by_class / np.array(spreads, dtype=np.float32)).min(axis=1)
    return np.asarray(distances, dtype=np.float32), measure.model_copy(update={"spreads": names})


def _measure_by_class(known: Known, asked: NDArray[np.intp], memory: Memory) -> NDArray[np.float32]:
    """Return the distance of each row to each class, its own group left out: (K, B)."""
    order = np.argsort(known.targets, kind="stable")  # that of the memory's rows
    groups = known.groups[order]
    found = [np.zeros((0, len(memory.blocks)), dtype=np.float32)]
    for start in range(0, len(asked), _BLOCK):
        some = asked[start : start + _BLOCK]
        similarity = cut_off(known.embeddings[some], memory.ceiling) @ memory.embeddings.T
        mine = known.groups[some][:, None]
        own = (mine == groups[None, :]) & (mine != ALONE) | (some[:, None] == order[None, :])
        similarity[own] = -1.0
        found.append(measure_blocks(similarity, memory.blocks))
    return np.concatenate(found)


def _fit_spreads(by_class: NDArray[np.float32], own: NDArray[np.integer]) -> list[float]:
    """Return how many times as far apart as usual the images of each class are, at least 1.

    `by_class` (K, B) distances, `own` (K,) the column of each image's class. A class that is
    new and has few images is looser than what is known by thousands; with one limit for all, it
    would be called unfamiliar. An image that is alone in its class, 2 from it, tells nothing.
    """
    distances = by_class[np.arange(len(own)), own]
    told = distances < 2
    usual = float(np.median(distances[told])) if told.any() else 0.0
    spreads = []
    for column in range(by_class.shape[1]):
        mine = distances[told & (own == column)]
        ratio = max(1.0, float(np.median(mine)) / usual) if len(mine) and usual else 1.0
        spreads.append(ratio ** (len(mine) / (len(mine) + _PSEUDO)))
    return spreads


def _find_limit(scores: NDArray[np.floating]) -> float:
    return float(np.sort(scores)[find_rank(len(scores)) - 1])
