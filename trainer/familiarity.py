"""How well a version tells pictures of nothing that was taught: for its card.

Stage: outsiders → familiarity → exporting, evaluation.
"""

from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from inference.certainty import Memory
from trainer.metrics import describe_rate, measure_rate
from trainer.outsiders import draw_outsiders

COUNT, SEED = 600, 0


def embed_outsiders(
    session: ort.InferenceSession, count: int = COUNT, seed: int = SEED
) -> tuple[list[str], NDArray[np.float32]]:
    """Return kinds and embeddings (N, D) of rendered pictures of nothing that was taught."""
    kinds, rows = [], []
    for kind, image in draw_outsiders(count, seed):
        kinds.append(kind)
        rows.append(session.run(["embedding"], {"image": image[None]})[0][0])
    return kinds, np.array(rows, dtype=np.float32)


def measure_outsiders(
    session: ort.InferenceSession,
    memory: Memory,
    limit: float | None,
    distances: NDArray[np.floating],
) -> dict[str, Any]:
    """Return how a version fares on rendered pictures: `Card.trust["outsiders"]`.

    `limit`: `Thresholds.unfamiliar`. `distances` (K,), K at least 1: of pictures that the version
    has not seen, and that are of what was taught; of those that it remembers, as
    `trainer.calibration.measure_unseen` has them.
    """
    kinds, embeddings = embed_outsiders(session)
    return compare_distances(kinds, memory.measure_distances(embeddings), distances, limit)


def compare_distances(
    kinds: list[str],
    outside: NDArray[np.floating],
    inside: NDArray[np.floating],
    limit: float | None,
) -> dict[str, Any]:
    """Compare distances of outsiders (N,), N named `kinds`, with those of others (K,).

    Returns `n` of the outsiders; `auroc`: how often an outsider is further away than another
    picture, 0–1; `found`: how many outsiders are beyond the limit, `kinds`: the same by kind;
    `false_alarms`: how many others are.
    """
    most = np.inf if limit is None else limit
    names = np.array(kinds)
    labels = np.repeat([0, 1], [len(inside), len(outside)])
    return {
        "n": len(outside),
        "auroc": round(float(roc_auc_score(labels, np.concatenate([inside, outside]))), 4),
        "found": measure_rate(outside > most),
        "kinds": {kind: measure_rate(outside[names == kind] > most) for kind in sorted(set(kinds))},
        "false_alarms": measure_rate(inside > most),
    }


def describe_outsiders(found: dict[str, Any]) -> str:
    """Return the same in words."""
    return (
        f"AUROC {found['auroc']:.3f} (n = {found['n']} against {found['false_alarms']['n']}); "
        f"called unlike all that was taught: {describe_rate(found['found'])}; false alarms: "
        f"{describe_rate(found['false_alarms'])}"
    )
