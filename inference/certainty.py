"""How far an answer can be relied on: sure, unsure or unfamiliar."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.versions.cards import Thresholds

SURE, UNSURE, UNFAMILIAR = "sure", "unsure", "unfamiliar"
# Used where there are too few calibration pictures for a conformal set.
_FALLBACK_PROBABILITY = 0.8


# A class counts its nearest, its second nearest with 20 pictures, its third with 30, and so on.
_PER_NEIGHBOUR = 10


@dataclass(frozen=True)
class Block:
    """The rows of one class in a memory, which of its neighbours counts, and its spread."""

    rows: slice
    neighbour: int
    spread: float


@dataclass(frozen=True)
class Memory:
    """Remembered embeddings: `embeddings` (M, D) float32, each of length 1, class after class.

    How far a picture is from them: the cosine distance to the kth nearest of a class over that
    class's spread, the least of all classes. k grows with the class, to 20 of 200 pictures or
    more: a few odd ones among many do not make all that is like them familiar. Embeddings are cut
    off at `ceiling`: training blows up the few features that tell the classes apart, and what
    looks like nothing that was taught differs in the many others.
    Source: Sun et al., "Out-of-distribution detection with deep nearest neighbors" (2022); the
    ceiling is of Sun et al., "ReAct: out-of-distribution detection with rectified activations"
    (2021).
    """

    embeddings: NDArray[np.float32]
    blocks: tuple[Block, ...]
    ceiling: float | None = None

    def measure_distances(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the distance of (N, D) embeddings to what is remembered, 0 and more: (N,)."""
        similarity = cut_off(embeddings, self.ceiling) @ self.embeddings.T
        spreads = np.array([block.spread for block in self.blocks], dtype=np.float32)
        return np.asarray((measure_blocks(similarity, self.blocks) / spreads).min(axis=1))


def remember(
    embeddings: NDArray[np.floating],
    targets: NDArray[np.integer],
    class_names: tuple[str, ...],
    thresholds: Thresholds,
) -> Memory:
    """Return (M, D) embeddings and their classes (M,) as a memory; -1 is no class for sure."""
    order = np.argsort(targets, kind="stable")
    found, starts = np.unique(targets[order], return_index=True)
    ends = [*starts[1:].tolist(), len(targets)]
    blocks = tuple(
        Block(
            slice(start, end),
            max(1, min(thresholds.neighbour, (end - start) // _PER_NEIGHBOUR)),
            thresholds.spreads.get(class_names[target], 1.0) if target >= 0 else 1.0,
        )
        for target, start, end in zip(found.tolist(), starts.tolist(), ends, strict=True)
    )
    return Memory(cut_off(embeddings[order], thresholds.ceiling), blocks, thresholds.ceiling)


def measure_blocks(
    similarity: NDArray[np.float32], blocks: tuple[Block, ...]
) -> NDArray[np.float32]:
    """Return cosine distances (N, B), 0–2, to the neighbour that counts of each block.

    `similarity` (N, M): cosines to all rows of a memory.
    """
    kept = [
        np.partition(similarity[:, block.rows], -block.neighbour, axis=1)[:, -block.neighbour]
        for block in blocks
    ]
    return np.asarray(1.0 - np.stack(kept, axis=1), dtype=np.float32)


def cut_off(embeddings: NDArray[np.floating], ceiling: float | None) -> NDArray[np.float32]:
    """Return (N, D) rows without what is above the ceiling, each of length 1."""
    return normalise(embeddings if ceiling is None else np.minimum(embeddings, ceiling))


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
