"""Fitting a head, its temperature and its thresholds; held-out images choose the regularisation.

Held out are the new images, a group at a time out of fold, and the validation images that the
version before remembers.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from inference.versions.cards import Thresholds
from labelling.training_log import CurveSplit
from trainer.evaluation.calibration import (
    ALONE,
    Known,
    fit_temperature,
    fit_thresholds,
    measure_unseen,
)
from trainer.head.regression import Head, Problem, Scale, fit_head, measure_scale

REGULARISATIONS = (1.0, 0.3, 0.1, 0.03)  # from the strongest on, until less does not help
_DEFAULT = 0.1  # where there is nothing to choose by
_FOLDS = 3
REPLAYED = ALONE  # the group of a row that is not new
_KEPT = -1  # the fold of a row that is never held out

Check = Callable[[int, int], None]  # gets how much of the work is done, and may end it
Curve = Callable[[int, float, float, CurveSplit], None]  # step, loss, accuracy, split


@dataclass(frozen=True)
class FitData:
    """What a head is fitted to.

    `embeddings` (N, D) float32, `targets` (N,), `groups` (N,): a number common to near-duplicates
    among the new images, and `REPLAYED` for those from memory. `val_embeddings` (V, D) and
    `val_targets` (V,): remembered ones that are never trained on. `prior`: the head that the
    regularisation pulls towards, zeros for a new model.
    """

    class_names: tuple[str, ...]
    embeddings: NDArray[np.float32]
    targets: NDArray[np.int64]
    groups: NDArray[np.int64]
    val_embeddings: NDArray[np.float32]
    val_targets: NDArray[np.int64]
    prior: Head

    def prepare(self) -> tuple[Scale, Problem]:
        """Return how the embeddings are scaled, and the scaled problem."""
        is_new_model = not (self.groups == REPLAYED).any()
        scale = measure_scale(self.embeddings, 1.0 if is_new_model else 0.5)
        features = scale.apply(self.embeddings)
        return scale, Problem(features, self.targets, scale.to_scaled(self.prior))


@dataclass(frozen=True)
class HeldOut:
    """Predictions for K held-out images: `logits` (K, C), `targets` (K,).

    Those of the `rows` of the fit's data come first, then its validation images.
    """

    logits: NDArray[np.float32]
    targets: NDArray[np.int64]
    rows: NDArray[np.intp]

    def measure_loss(self) -> float:
        """Return the log loss at the best temperature; 0 without images."""
        if not len(self.targets):
            return 0.0
        scaled = log_softmax(self.logits / fit_temperature(self.logits, self.targets), axis=1)
        return -float(scaled[np.arange(len(self.targets)), self.targets].mean())


@dataclass(frozen=True)
class FittedHead:
    """A head, and what was measured on held-out images.

    `probabilities` (K, C) and `targets` (K,) are of those images.
    """

    head: Head
    regularisation: float
    temperature: float
    thresholds: Thresholds
    probabilities: NDArray[np.float32]
    targets: NDArray[np.int64]


def fit(data: FitData, check: Check, curve: Curve) -> FittedHead:
    """Fit a head, its temperature and its thresholds; the same data give the same."""
    scale, problem = data.prepare()
    folds = choose_folds(data)
    regularisation, scaled_head, held_out = _choose_regularisation(
        data, scale, problem, folds, check
    )
    _draw_curve(data, scale, problem, folds == 0, regularisation, curve)
    head = scale.from_scaled(scaled_head)
    logits, targets = held_out.logits, held_out.targets
    if not len(targets):
        return FittedHead(head, regularisation, 1.0, Thresholds(), logits, targets)
    temperature = fit_temperature(logits, targets)
    probabilities = softmax(logits / temperature, axis=1)
    distances, measure = measure_held_out(data, held_out.rows)
    thresholds = fit_thresholds(probabilities, targets, data.class_names, distances, measure)
    return FittedHead(head, regularisation, temperature, thresholds, probabilities, targets)


def choose_folds(data: FitData) -> NDArray[np.int64]:
    """Return a fold (N,) for each new row, the same for a whole group; `_KEPT` for the others.

    A class with a single group is never held out: no row of it would be left to train on.
    """
    folds = np.full(len(data.groups), _KEPT, dtype=np.int64)
    for target in range(len(data.class_names)):
        mine = data.targets == target
        own = np.unique(data.groups[mine & (data.groups != REPLAYED)])
        replayed = bool((mine & (data.groups == REPLAYED)).any())
        if len(own) < 2 and not replayed:
            folds[np.isin(data.groups, own)] = _KEPT
            continue
        for number, group in enumerate(own):
            folds[data.groups == group] = number % _FOLDS
    return folds


def score_out_of_fold(
    problem: Problem,
    folds: NDArray[np.int64],
    regularisation: float,
    full: Head,
    check: Callable[[], None],
) -> NDArray[np.float32]:
    """Return logits (N, C): those of a fit without the row's fold, of `full` for rows of none.

    `check` is called before each fit, and may end it all by an error.
    """
    logits = full.score(problem.features)
    for fold in range(folds.max(initial=_KEPT) + 1):
        check()
        held = folds == fold
        logits[held] = fit_head(problem, ~held, regularisation, full).score(problem.features[held])
    return logits


def measure_held_out(
    data: FitData, rows: NDArray[np.intp]
) -> tuple[NDArray[np.float32], Thresholds]:
    """Return how far held-out images are from those of other groups, and how that is measured.

    The distances (K,) are of the data's `rows`, then of its validation images.
    """
    first, count = len(data.embeddings), len(data.val_targets)
    known = Known(
        np.concatenate([data.embeddings, data.val_embeddings]),
        np.concatenate([data.targets, data.val_targets]),
        np.concatenate([data.groups, np.full(count, ALONE)]),
    )
    queries = np.concatenate([rows, np.arange(first, first + count)])
    return measure_unseen(known, queries, data.class_names)


def _choose_regularisation(
    data: FitData, scale: Scale, problem: Problem, folds: NDArray[np.int64], check: Check
) -> tuple[float, Head, HeldOut]:
    """Return the regularisation with the least held-out loss, its scaled head and predictions."""
    best: tuple[float, float, Head, HeldOut] | None = None
    head: Head | None = None
    rows = np.flatnonzero(folds != _KEPT)
    candidates = REGULARISATIONS if len(rows) or len(data.val_targets) else (_DEFAULT,)
    everything = np.ones(len(folds), dtype=bool)
    for number, regularisation in enumerate(candidates):

        def check_here(number: int = number) -> None:
            check(number, len(candidates))

        check_here()
        head = fit_head(problem, everything, regularisation, head)
        logits = score_out_of_fold(problem, folds, regularisation, head, check_here)[rows]
        val_logits = scale.from_scaled(head).score(data.val_embeddings)
        targets = np.concatenate([data.targets[rows], data.val_targets])
        held_out = HeldOut(np.concatenate([logits, val_logits]), targets, rows)
        loss = held_out.measure_loss()
        if best is not None and loss >= best[0]:
            break
        best = (loss, regularisation, head, held_out)
    assert best is not None
    return best[1:]


def _draw_curve(  # noqa: PLR0913, PLR0917  (all that one fit takes)
    data: FitData,
    scale: Scale,
    problem: Problem,
    unseen: NDArray[np.bool_],
    regularisation: float,
    curve: Curve,
) -> None:
    """Fit once more from the start without the `unseen` rows (N,); report both sides' curves."""
    held = np.concatenate([problem.features[unseen], scale.apply(data.val_embeddings)])
    sides: dict[CurveSplit, tuple[NDArray[np.float32], NDArray[np.integer]]] = {
        "train": (problem.features[~unseen], problem.targets[~unseen]),
        "validation": (held, np.concatenate([problem.targets[unseen], data.val_targets])),
    }
    steps = iter(range(1, 10**6))

    def report(head: Head) -> None:
        step = next(steps)
        for split, (features, targets) in sides.items():
            if len(targets):
                curve(step, *_measure(head.score(features), targets), split)

    if len(sides["validation"][1]):
        fit_head(problem, ~unseen, regularisation, report=report)


def _measure(logits: NDArray[np.float32], targets: NDArray[np.integer]) -> tuple[float, float]:
    """Return log loss and accuracy of (N, C) logits."""
    losses = -log_softmax(logits, axis=1)[np.arange(len(targets)), targets]
    return float(losses.mean()), float((logits.argmax(axis=1) == targets).mean())
