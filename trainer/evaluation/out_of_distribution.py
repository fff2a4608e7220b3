"""Out-of-distribution detection: how well a version tells images of none of its classes."""

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from inference.versions.cards import OutOfDistribution
from labelling.training_log import Stage
from trainer.evaluation.metrics import describe_rate, measure_rate
from trainer.progress import Progress
from trainer.synthetic.unrelated import draw_unrelated

COUNT, SEED = 600, 0
# Of a version without a limit (`trainer.evaluation.calibration`).
NEVER_UNFAMILIAR = (
    "It never answers “Unlike anything I was taught”: that takes 99 validation pictures or more."
)


def embed_unrelated(
    session: ort.InferenceSession, progress: Progress, count: int = COUNT, seed: int = SEED
) -> tuple[list[str], NDArray[np.float32]]:
    """Return kinds and embeddings (N, D) of rendered images of none of the classes."""
    kinds, rows = [], []
    steps = progress.track(range(count), Stage.UNRELATED)
    for _, (kind, image) in zip(steps, draw_unrelated(count, seed), strict=True):
        kinds.append(kind)
        rows.append(session.run(["embedding"], {"image": image[None]})[0][0])
    return kinds, np.array(rows, dtype=np.float32)


def measure_detection(
    kinds: list[str],
    outside: NDArray[np.floating],
    inside: NDArray[np.floating],
    limit: float | None,
) -> OutOfDistribution:
    """Compare distances of out-of-distribution images (N,), of `kinds`, with those of others (K,).

    `auroc`: how often an out-of-distribution image is further away than another, 0–1. Without a
    limit nothing is detected.
    """
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415  (a head is trained without it)

    labels = np.repeat([0, 1], [len(inside), len(outside)])
    auroc = float(roc_auc_score(labels, np.concatenate([inside, outside])))
    found = OutOfDistribution(n=len(outside), others=len(inside), auroc=round(auroc, 4))
    if limit is None:
        return found
    names, far = np.array(kinds), outside > limit
    return OutOfDistribution(
        n=found.n,
        others=found.others,
        auroc=found.auroc,
        detected=measure_rate(far),
        kinds={kind: measure_rate(far[names == kind]) for kind in sorted(set(kinds))},
        false_alarms=measure_rate(inside > limit),
    )


def describe_detection(found: OutOfDistribution) -> str:
    """Return the same in words."""
    auroc = f"AUROC {found.auroc or 0:.3f} (n = {found.n} against {found.others})"
    if found.detected is None or found.false_alarms is None:
        return f"{auroc}. {NEVER_UNFAMILIAR}"
    return (
        f"{auroc}; detected: {describe_rate(found.detected)}; "
        f"false alarms: {describe_rate(found.false_alarms)}"
    )
