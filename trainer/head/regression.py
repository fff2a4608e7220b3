"""A head on frozen features: softmax regression, regularised towards the head it replaces.

Our own, since scikit-learn regularises towards zero only: then a few new images would move what
thousands had settled. It also imports and fits faster.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

_ITERATIONS = 60
_TOLERANCE = 1e-6  # of the loss
_PSEUDO = 50  # rows that the mean variance counts for, so that few rows do not make wild scales

Report = Callable[["Head"], None]


@dataclass(frozen=True)
class Head:
    """The last layer: `weight` (C, D) and `bias` (C,), float32."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    def score(self, embeddings: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the logits (N, C) of embeddings (N, D)."""
        return np.asarray(embeddings.astype(np.float32) @ self.weight.T + self.bias)


@dataclass(frozen=True)
class Scale:
    """How embeddings are moved and scaled before the fit: (D,) each."""

    mean: NDArray[np.float32]
    spread: NDArray[np.float32]

    def apply(self, embeddings: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return scaled features (N, D)."""
        return np.ascontiguousarray((embeddings.astype(np.float32) - self.mean) / self.spread)

    def to_scaled(self, head: Head) -> Head:
        """Return the head that gives scaled features the logits that this one gives embeddings."""
        bias = np.asarray(head.bias + head.weight @ self.mean, dtype=np.float32)
        return Head(head.weight * self.spread, bias)

    def from_scaled(self, head: Head) -> Head:
        """Return the reverse."""
        weight = head.weight / self.spread
        return Head(weight, np.asarray(head.bias - weight @ self.mean, dtype=np.float32))


@dataclass(frozen=True)
class Problem:
    """What is fitted: scaled features (N, D), targets (N,), and the prior head."""

    features: NDArray[np.float32]
    targets: NDArray[np.integer]
    prior: Head

    @property
    def num_classes(self) -> int:
        """Return C."""
        return len(self.prior.bias)


def measure_scale(embeddings: NDArray[np.floating], power: float) -> Scale:
    """Return mean and spread of embeddings (N, D).

    `power` 1 gives every feature the same weight, 0 leaves them as they are. By validation: 1 for
    a new model, 0.5 beside remembered images.
    """
    rows = embeddings.astype(np.float32)
    variance = rows.var(axis=0)
    common = float(variance.mean()) + 1e-12
    steady = (len(rows) * variance + _PSEUDO * common) / (len(rows) + _PSEUDO)
    spread = np.sqrt(steady) ** power * np.sqrt(common) ** (1 - power)
    return Scale(rows.mean(axis=0), spread.astype(np.float32))


def extend_head(parent: Head, extra: int, catch_all: int | None) -> Head:
    """Return the parent's head with rows for `extra` new classes.

    They begin as the catch-all, which their images were classified as until now; without one as
    the mean of all rows.
    """
    weight = parent.weight.mean(axis=0) if catch_all is None else parent.weight[catch_all]
    bias = parent.bias.mean() if catch_all is None else parent.bias[catch_all]
    return Head(
        np.concatenate([parent.weight, np.tile(weight, (extra, 1))]).astype(np.float32),
        np.append(parent.bias, np.full(extra, bias)).astype(np.float32),
    )


def fit_head(
    problem: Problem,
    used: NDArray[np.bool_],
    regularisation: float,
    start: Head | None = None,
    report: Report | None = None,
) -> Head:
    """Fit to the `used` (N,) rows, every class weighing the same; `report` gets each step's head.

    `regularisation`: weight of the squared distance to the prior's weights; the bias is free.
    """
    shape = (problem.num_classes, problem.features.shape[1] + 1)
    weights = balance_classes(problem.targets, used)[:, None]
    one_hot = np.zeros((len(used), shape[0]), dtype=np.float32)
    one_hot[np.arange(len(used)), problem.targets] = 1

    def measure(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        head = _unpack(flat, shape)
        logits = problem.features @ head.weight.T + head.bias
        logits -= logits.max(axis=1, keepdims=True)
        shares = np.exp(logits)
        sums = shares.sum(axis=1, keepdims=True)
        losses = np.log(sums) - (logits * one_hot).sum(axis=1, keepdims=True)
        offset = head.weight - problem.prior.weight
        gaps = weights * (shares / sums - one_hot)
        slope = gaps.T @ problem.features + regularisation * offset
        loss = float((weights * losses).sum()) + 0.5 * regularisation * float(
            (offset * offset).sum()
        )
        return loss, _pack(Head(slope, gaps.sum(axis=0)))

    found = minimize(
        measure,
        _pack(start or problem.prior),
        jac=True,
        method="L-BFGS-B",
        callback=(lambda flat: report(_unpack(flat, shape))) if report else None,
        options={"maxiter": _ITERATIONS, "ftol": _TOLERANCE, "gtol": 1e-5},
    )
    return _unpack(found.x, shape)


def balance_classes(targets: NDArray[np.integer], used: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return weights (N,) that sum to 1, every class weighing the same; unused rows weigh 0."""
    counts = np.bincount(targets[used], minlength=int(targets.max()) + 1)
    weights = used / np.maximum(counts, 1)[targets]
    return np.asarray(weights / weights.sum(), dtype=np.float32)


def _pack(head: Head) -> NDArray[np.float64]:
    joined = np.concatenate([head.weight, head.bias[:, None]], axis=1)
    return np.asarray(joined.ravel(), dtype=np.float64)


def _unpack(flat: NDArray[np.float64], shape: tuple[int, int]) -> Head:
    values = flat.reshape(shape).astype(np.float32)
    return Head(np.ascontiguousarray(values[:, :-1]), values[:, -1])
