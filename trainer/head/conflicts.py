"""Remembered images of the catch-all that belong to a class that is new.

A network that learnt pets as "not a hot dog" would never find pets if it replayed them. Each is
scored by a fit that has not seen it; those that look like the new class are left out.
"""

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 5
_SETTLED = 0.005  # share of the candidates that a further round may still change
_STRENGTH = 1.0  # of the pull to zero, in mean squares of a feature
_HIGHEST = 0.0  # score: from there on a row is rather the new class whatever new images get
_FEW = 3  # groups of new images, with less of which nothing can be told


def find_conflicts(
    features: NDArray[np.float32],
    targets: NDArray[np.integer],
    groups: NDArray[np.integer],
    candidates: NDArray[np.bool_],
    newcomer: int,
) -> NDArray[np.bool_]:
    """Return which of the candidates look like the class `newcomer`: (N,).

    `features` (N, D) scaled; `targets` (N,); `groups` (N,) numbers of near-duplicates, which are
    held out together. Half way between what candidates get and what new images get that were
    held out, a row is as likely the one as the other; it is found if it gets more. What is found
    is left out of the next round's fit, until it settles. At most half of the candidates leave,
    and none where there are under three groups to judge by.
    Source: after Elkan and Noto, "Learning classifiers from only positive and unlabeled data"
    (2008).
    """
    own = targets == newcomer
    found = np.zeros(len(targets), dtype=bool)
    if len(np.unique(groups[own])) < _FEW or not candidates.any():
        return found
    rows = np.concatenate([features, np.full((len(features), 1), 5, np.float32)], axis=1)
    wanted = np.where(own, 1, -1).astype(np.float32)
    for _ in range(_ROUNDS):
        scores = _score_held_out(rows, wanted, groups, _balance(targets, ~found))
        usual = float(np.median(scores[candidates]))
        limit = (usual + max(usual, float(scores[own].mean()))) / 2
        before, found = found, candidates & (scores > min(limit, _HIGHEST))
        if (found != before).sum() <= _SETTLED * candidates.sum():
            break
    return found


def _score_held_out(
    rows: NDArray[np.float32],
    wanted: NDArray[np.float32],
    groups: NDArray[np.integer],
    weights: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return for each row what ridge regression without its group gives it, about -1 to 1: (N,).

    In closed form: one inverse serves every row.
    """
    gram = (rows * weights[:, None]).T @ rows
    size = len(gram)
    gram[np.diag_indices(size)] += _STRENGTH * np.trace(gram) / size
    inverse = np.linalg.inv(gram)
    projected = rows @ inverse
    fitted = projected @ (rows.T @ (weights * wanted))
    leverage = weights * (projected * rows).sum(axis=1)
    scores = (fitted - leverage * wanted) / (1 - leverage)
    numbers, counts = np.unique(groups, return_counts=True)
    for number in numbers[counts > 1]:
        mine = np.flatnonzero(groups == number)
        shared = (projected[mine] @ rows[mine].T) * weights[mine]
        rest = np.eye(len(mine), dtype=np.float32) - shared
        scores[mine] = wanted[mine] - np.linalg.solve(rest, wanted[mine] - fitted[mine])
    return np.asarray(scores, dtype=np.float32)


def _balance(targets: NDArray[np.integer], used: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return weights (N,) with which every class weighs the same, and what is not used nothing."""
    counts = np.maximum(np.bincount(targets[used], minlength=int(targets.max()) + 1), 1)
    return np.asarray(used / counts[targets] / len(counts), dtype=np.float32)
