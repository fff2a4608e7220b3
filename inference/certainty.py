"""How far an answer can be relied on: sure, unsure or unfamiliar."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.cards import Thresholds

SURE, UNSURE, UNFAMILIAR = "sure", "unsure", "unfamiliar"
# Used where there are too few calibration pictures for a conformal set.
_FALLBACK_PROBABILITY = 0.8


@dataclass(frozen=True)
class Memory:
    """Remembered embeddings: `embeddings` (M, D) float32, each of length 1."""

    embeddings: NDArray[np.float32]

    def measure_distances(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the cosine distance (0–2) of (N, D) embeddings to their nearest one: (N,)."""
        similarity = normalise(embeddings) @ self.embeddings.T
        return np.asarray(1.0 - similarity.max(axis=1), dtype=np.float32)


def normalise(embeddings: NDArray[np.floating]) -> NDArray[np.float32]:
    """Scale each row of (N, D) to length 1."""
    rows = embeddings.astype(np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), dtype=np.float32)


def judge(
    probabilities: NDArray[np.float32],
    class_names: tuple[str, ...],
    distance: float | None,
    thresholds: Thresholds,
) -> str:
    """Return `sure`, `unsure` or `unfamiliar` for one picture's (C,) probabilities.

    Unsure: the class-conditional conformal set at 95% holds not exactly one class.
    Source: Vovk, "Conditional validity of inductive conformal predictors" (2012).
    """
    limit = thresholds.unfamiliar
    if distance is not None and limit is not None and distance > limit:
        return UNFAMILIAR
    if not thresholds.conformal:
        return SURE if probabilities.max() >= _FALLBACK_PROBABILITY else UNSURE
    limits = np.array([thresholds.conformal[name] for name in class_names])
    return SURE if int((1.0 - probabilities <= limits).sum()) == 1 else UNSURE
