"""From a lesson to a head and its thresholds: how strong the pull is, and how sure it may be.

Both are judged on images that the fit has not seen: new ones a group at a time out of fold,
and those that the version before remembers as validation images.
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

STRENGTHS = (1.0, 0.3, 0.1, 0.03)  # from the strongest pull on, until less does not help
_USUAL = 0.1  # where there is nothing to judge by
_FOLDS = 3
REPLAYED = ALONE  # the group of a row that is not new
_KEPT = -1  # the fold of a row that is never held out

Check = Callable[[int, int], None]  # is told how much of the work is done, and may end it
Curve = Callable[[int, float, float, CurveSplit], None]  # step, loss, accuracy, split


@dataclass(frozen=True)
class Lesson:
    """What a head learns from.

    `embeddings` (N, D) float32, `targets` (N,), `groups` (N,): a number common to near-duplicates
    among the new images, and `REPLAYED` for those from memory. `val_embeddings` (V, D) and
    `val_targets` (V,): remembered ones that are never trained on. `prior`: the head that pulls,
    zeros for a new network.
    """

    class_names: tuple[str, ...]
    embeddings: NDArray[np.float32]
    targets: NDArray[np.int64]
    groups: NDArray[np.int64]
    val_embeddings: NDArray[np.float32]
    val_targets: NDArray[np.int64]
    prior: Head


@dataclass(frozen=True)
class Judged:
    """Answers for K images that the fit had not seen: `logits` (K, C), `targets` (K,).

    Those of the lesson's `rows` come first, then its validation images.
    """

    logits: NDArray[np.float32]
    targets: NDArray[np.int64]
    rows: NDArray[np.intp]

    def measure_loss(self) -> float:
        """Return the log loss at the temperature that suits best; 0 without images."""
        if not len(self.targets):
            return 0.0
        scaled = log_softmax(self.logits / fit_temperature(self.logits, self.targets), axis=1)
        return -float(scaled[np.arange(len(self.targets)), self.targets].mean())


@dataclass(frozen=True)
class Learned:
    """A head, and what was found out about it on images that it had not seen.

    `probabilities` (K, C) and `targets` (K,) are of those images.
    """

    head: Head
    strength: float
    temperature: float
    thresholds: Thresholds
    probabilities: NDArray[np.float32]
    targets: NDArray[np.int64]


@dataclass(frozen=True)
class _Work:
    """A lesson made ready for fits: scaled, and cut into folds."""

    lesson: Lesson
    scale: Scale
    problem: Problem
    folds: NDArray[np.int64]

    def fit_all(self, strength: float, start: Head | None) -> Head:
        return fit_head(self.problem, np.ones(len(self.folds), dtype=bool), strength, start)

    def judge(self, strength: float, full: Head, check: Callable[[], None]) -> Judged:
        """Answer for the held-out rows fold by fold, and for validation with the full fit."""
        rows, parts = [np.zeros(0, dtype=np.intp)], []
        for fold in range(self.folds.max(initial=_KEPT) + 1):
            check()
            head = fit_head(self.problem, self.folds != fold, strength, full)
            rows.append(np.flatnonzero(self.folds == fold))
            parts.append(head.score(self.problem.features[rows[-1]]))
        parts.append(self.scale.leave(full).score(self.lesson.val_embeddings))
        held = np.concatenate(rows)
        targets = np.concatenate([self.lesson.targets[held], self.lesson.val_targets])
        return Judged(np.concatenate(parts), targets, held)


def learn(lesson: Lesson, check: Check, curve: Curve) -> Learned:
    """Fit a head, its temperature and its thresholds; the same lesson gives the same."""
    work = _prepare(lesson)
    strength, full, judged = _choose_strength(work, check)
    _draw_curve(work, strength, curve)
    head = work.scale.leave(full)
    if not len(judged.targets):
        return Learned(head, strength, 1.0, Thresholds(), judged.logits, judged.targets)
    temperature = fit_temperature(judged.logits, judged.targets)
    probabilities = softmax(judged.logits / temperature, axis=1)
    distances, measure = measure_judged(lesson, judged.rows)
    names = lesson.class_names
    thresholds = fit_thresholds(probabilities, judged.targets, names, distances, measure)
    return Learned(head, strength, temperature, thresholds, probabilities, judged.targets)


def choose_folds(lesson: Lesson) -> NDArray[np.int64]:
    """Return a fold (N,) for each new row, the same for a whole group; `_KEPT` for the others.

    A class that has nothing but one group is never held out: it would not be known at all.
    """
    folds = np.full(len(lesson.groups), _KEPT, dtype=np.int64)
    for target in range(len(lesson.class_names)):
        mine = lesson.targets == target
        own = np.unique(lesson.groups[mine & (lesson.groups != REPLAYED)])
        replayed = bool((mine & (lesson.groups == REPLAYED)).any())
        if len(own) < 2 and not replayed:
            folds[np.isin(lesson.groups, own)] = _KEPT
            continue
        for number, group in enumerate(own):
            folds[lesson.groups == group] = number % _FOLDS
    return folds


def measure_judged(
    lesson: Lesson, rows: NDArray[np.intp]
) -> tuple[NDArray[np.float32], Thresholds]:
    """Return how far judged images are from what is not of their group, and how it is measured.

    The distances (K,) are of the lesson's `rows`, then of its validation images.
    """
    first, count = len(lesson.embeddings), len(lesson.val_targets)
    known = Known(
        np.concatenate([lesson.embeddings, lesson.val_embeddings]),
        np.concatenate([lesson.targets, lesson.val_targets]),
        np.concatenate([lesson.groups, np.full(count, ALONE)]),
    )
    asked = np.concatenate([rows, np.arange(first, first + count)])
    return measure_unseen(known, asked, lesson.class_names)


def _prepare(lesson: Lesson) -> _Work:
    fresh = not (lesson.groups == REPLAYED).any()
    scale = measure_scale(lesson.embeddings, 1.0 if fresh else 0.5)
    problem = Problem(scale.apply(lesson.embeddings), lesson.targets, scale.enter(lesson.prior))
    return _Work(lesson, scale, problem, choose_folds(lesson))


def _choose_strength(work: _Work, check: Check) -> tuple[float, Head, Judged]:
    """Return the pull that unseen images like best, its head and their answers."""
    best: tuple[float, float, Head, Judged] | None = None
    start: Head | None = None
    can_judge = bool(len(work.lesson.val_targets) or (work.folds != _KEPT).any())
    strengths = STRENGTHS if can_judge else (_USUAL,)
    for number, strength in enumerate(strengths):
        check(number, len(strengths))
        start = work.fit_all(strength, start)
        judged = work.judge(strength, start, lambda: check(number, len(strengths)))  # noqa: B023
        loss = judged.measure_loss()
        if best is not None and loss >= best[0]:
            break
        best = (loss, strength, start, judged)
    assert best is not None
    return best[1:]


def _draw_curve(work: _Work, strength: float, curve: Curve) -> None:
    """Fit once more from the beginning without one fold, and tell how that and the others fare."""
    unseen, problem, lesson = work.folds == 0, work.problem, work.lesson
    held = np.concatenate([problem.features[unseen], work.scale.apply(lesson.val_embeddings)])
    sides: dict[CurveSplit, tuple[NDArray[np.float32], NDArray[np.integer]]] = {
        "train": (problem.features[~unseen], problem.targets[~unseen]),
        "validation": (held, np.concatenate([problem.targets[unseen], lesson.val_targets])),
    }
    steps = iter(range(1, 10**6))

    def report(head: Head) -> None:
        step = next(steps)
        for split, (features, targets) in sides.items():
            if len(targets):
                curve(step, *_measure(head.score(features), targets), split)

    if len(sides["validation"][1]):
        fit_head(problem, ~unseen, strength, report=report)


def _measure(logits: NDArray[np.float32], targets: NDArray[np.integer]) -> tuple[float, float]:
    """Return log loss and accuracy of (N, C) logits."""
    losses = -log_softmax(logits, axis=1)[np.arange(len(targets)), targets]
    return float(losses.mean()), float((logits.argmax(axis=1) == targets).mean())
