"""Remembered images of the catch-all that belong to a new class.

A model that learned pets as "not a hot dog" would never find pets if it replayed them. Each is
scored out of fold; those that look like the new class are left out.
"""

import numpy as np
from numpy.typing import NDArray

from trainer.head.regression import balance_classes

_ROUNDS = 5
_CONVERGED = 0.005  # share of the candidates that a last round may still change
_REGULARISATION = 1.0  # towards zero, in mean squares of a feature
_MAX_LIMIT = 0.0  # score: above it a row counts as the new class, whatever new images get
_MIN_GROUPS = 3  # of new images; with fewer nothing can be decided


def find_conflicts(
    features: NDArray[np.float32],
    targets: NDArray[np.integer],
    groups: NDArray[np.integer],
    candidates: NDArray[np.bool_],
    new_class: int,
) -> NDArray[np.bool_]:
    """Return which of the candidates look like the class `new_class`: (N,).

    `features` (N, D) scaled; `targets` (N,); `groups` (N,) numbers of near-duplicates, which are
    held out together. A candidate is found if its score is above the middle between the usual
    score of candidates and the mean score of held-out new images. What is found is left out of the
    next round's fit, until it converges. At most half of the candidates are found, and none where
    the new class has fewer than three groups.
    Source: after Elkan and Noto, "Learning classifiers from only positive and unlabeled data"
    (2008).
    """
    own = targets == new_class
    found = np.zeros(len(targets), dtype=bool)
    if len(np.unique(groups[own])) < _MIN_GROUPS or not candidates.any():
        return found
    rows = np.concatenate([features, np.full((len(features), 1), 5, np.float32)], axis=1)
    expected = np.where(own, 1, -1).astype(np.float32)
    for _ in range(_ROUNDS):
        scores = _score_held_out(rows, expected, groups, balance_classes(targets, ~found))
        usual = float(np.median(scores[candidates]))
        limit = (usual + max(usual, float(scores[own].mean()))) / 2
        before, found = found, candidates & (scores > min(limit, _MAX_LIMIT))
        if (found != before).sum() <= _CONVERGED * candidates.sum():
            break
    return found


def _score_held_out(
    rows: NDArray[np.float32],
    expected: NDArray[np.float32],
    groups: NDArray[np.integer],
    weights: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return for each row its score by ridge regression without its group, about -1 to 1: (N,).

    In closed form: one inverse serves every row.
    """
    gram = (rows * weights[:, None]).T @ rows
    size = len(gram)
    gram[np.diag_indices(size)] += _REGULARISATION * np.trace(gram) / size
    inverse = np.linalg.inv(gram)
    projected = rows @ inverse
    fitted = projected @ (rows.T @ (weights * expected))
    leverage = weights * (projected * rows).sum(axis=1)
    scores = (fitted - leverage * expected) / (1 - leverage)
    numbers, counts = np.unique(groups, return_counts=True)
    for number in numbers[counts > 1]:
        mine = np.flatnonzero(groups == number)
        shared = (projected[mine] @ rows[mine].T) * weights[mine]
        rest = np.eye(len(mine), dtype=np.float32) - shared
        scores[mine] = expected[mine] - np.linalg.solve(rest, expected[mine] - fitted[mine])
    return np.asarray(scores, dtype=np.float32)
