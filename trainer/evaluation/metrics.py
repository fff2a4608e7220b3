"""Accuracy with its n and interval, by class and by group."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.versions.cards import Metrics, Rate
from trainer.evaluation.calibration import measure_ece

_FEWEST_OF_A_KIND = 20
_Z = 1.959963984540054  # 97.5% of a normal distribution lie below


def measure_rate(correct: NDArray[np.bool_]) -> Rate:
    """Return how many of (N,) are right, with the 95% interval of that share.

    Wilson's interval. Source: Wilson, "Probable inference" (1927). By hand: importing scipy.stats
    takes longer than teaching a head.
    """
    right, n = int(correct.sum()), len(correct)
    if n == 0:
        return Rate(correct=0, n=0, value=0.0, low=0.0, high=1.0)
    share, pull = right / n, _Z**2 / n
    middle = (share + pull / 2) / (1 + pull)
    reach = _Z * math.sqrt(share * (1 - share) / n + pull / (4 * n)) / (1 + pull)
    return Rate(
        correct=right,
        n=n,
        value=round(share, 4),
        low=round(max(0.0, middle - reach), 4),
        high=round(min(1.0, middle + reach), 4),
    )


def measure(
    probabilities: NDArray[np.floating],
    targets: NDArray[np.integer],
    sources: Sequence[str],
    class_names: Sequence[str],
    kinds: Sequence[str] = (),
) -> Metrics:
    """Return accuracy (in all, by class, source, both, and kind), ECE and confusion of N images.

    `probabilities` (N, C); `targets` (N,); `sources` and `kinds` a word an image, "" where unknown.
    Kinds with under 20 images of a class are left out. The confusion matrix has true classes in
    rows and predicted ones in columns.
    """
    predicted = probabilities.argmax(axis=1)
    correct = predicted == targets
    names = np.array(class_names)[targets] if len(targets) else np.array([], dtype=str)
    source = np.array(list(sources), dtype=object)
    known = bool(len(source)) and len(set(source)) > 1
    confusion = np.zeros((len(class_names), len(class_names)), dtype=int)
    np.add.at(confusion, (targets, predicted), 1)
    groups = np.array([f"{s or 'other'} / {n}" for s, n in zip(source, names, strict=True)])
    return Metrics(
        top1=measure_rate(correct),
        ece=round(measure_ece(probabilities, targets), 4),
        per_class={n: measure_rate(correct[names == n]) for n in class_names if (names == n).any()},
        per_source=_by(correct, np.array([s or "other" for s in source])) if known else {},
        per_group=_by(correct, groups) if known else {},
        per_kind=_by_kind(correct, names, kinds),
        confusion=tuple(map(tuple, confusion.tolist())),
    )


def describe_rate(rate: Rate) -> str:
    """Return a rate as people write it: `96.5% (n = 782, 95% interval 95.0–97.6%)`."""
    return (
        f"{rate.value:.1%} (n = {rate.n:,}, 95% interval "
        f"{100 * rate.low:.1f}–{100 * rate.high:.1f}%)"
    )


def _by_kind(
    correct: NDArray[np.bool_], names: NDArray[Any], kinds: Sequence[str]
) -> dict[str, Rate]:
    if not any(kinds):
        return {}
    known = np.array([bool(kind) for kind in kinds], dtype=bool)
    keys = np.array([f"{kind} / {name}" for kind, name in zip(kinds, names, strict=True)])
    rates = _by(correct[known], keys[known])
    return {key: rate for key, rate in rates.items() if rate.n >= _FEWEST_OF_A_KIND}


def _by(correct: NDArray[np.bool_], keys: NDArray[Any]) -> dict[str, Rate]:
    return {str(key): measure_rate(correct[keys == key]) for key in sorted(set(keys))}
