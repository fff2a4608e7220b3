"""`python -m benchmarks.quality.out_of_distribution`: are unknown images detected?

Three measurements: rendered out-of-distribution images against test images; the same after a quick
retrain, whose calibration is measured too; and models of two of four groups against each other
group. Each by the distance to the nearest neighbour and by the score that is in use.
"""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from pydantic_core import to_json
from scipy.special import softmax

from benchmarks.quality.retraining import PETS, draw_images, embed_files, read_pools
from inference.certainty import normalise, remember
from inference.classifier import find_min_side
from inference.images import decode
from inference.versions.cards import OutOfDistribution, Thresholds
from inference.versions.catalog import Catalog
from trainer.data.replay_memory import DOUBTFUL, Remembered, read_memory
from trainer.evaluation.calibration import ALONE, Known, fit_thresholds, measure_ece, measure_unseen
from trainer.evaluation.out_of_distribution import (
    COUNT,
    SEED,
    describe_detection,
    embed_unrelated,
    measure_detection,
)
from trainer.freezing.head_replacement import read_head
from trainer.head.fitting import FittedHead, fit
from trainer.head.start import Start, open_start
from trainer.head.training_set import (
    TrainingSet,
    gather,
    leave_out_conflicts,
    make_fit_data,
    make_memory,
)
from trainer.progress import Progress

NEAREST, USED = "nearest neighbour", "in use"
GROUPS = ("pets", "people", "furniture", "food")
_HELD_OUT = 100  # training images of a group that are never trained on
_ADDED = 30  # images of the class that the quick retrain adds
_CHOOSING_SEED = 1  # of the images that may be looked at while settings are chosen
_CHOOSING_COUNT = 180

Embeddings = NDArray[np.floating]


@dataclass(frozen=True)
class Samples:
    """Embeddings to score: out-of-distribution images with their kinds, and others.

    `others` (K, D) with their `labels`; None: the remembered validation images.
    """

    kinds: list[str]
    unrelated: NDArray[np.float32]
    others: NDArray[np.float32] | None
    labels: list[str]


def main(
    exported: Annotated[Path, typer.Option(help="Folder of the frozen models.")] = Path("exported"),
    pictures: Annotated[Path, typer.Option(help="Folder with train and test images.")] = Path(
        "../shared/data/hotdog"
    ),
    validation: Annotated[
        bool,
        typer.Option("--validation", help="Measure on validation and training images alone."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line.")] = False,
) -> None:
    """Measure whether the hot dog model detects images that it was not trained for."""
    start = open_start(Catalog(exported).find("hotdog"), "hotdog")
    there = pictures.is_dir()
    samples = embed_samples(
        start, None if validation or not there else pictures / "test", choosing=validation
    )
    found: dict[str, Any] = {
        "version": start.card.version,
        "shipped": measure_shipped(start, samples),
    }
    if there:
        found["retrained"] = measure_retrained(start, pictures, samples)
        found["groups"] = measure_groups(start, pictures, test=not validation)
    else:
        found["missing"] = f"There is no {pictures}: no test images, no retrain, no groups."
    typer.echo(to_json(found).decode() if as_json else describe(found))


def embed_samples(start: Start, test: Path | None, *, choosing: bool) -> Samples:
    """Embed the out-of-distribution images, and the test images where there are any."""
    count, seed = (_CHOOSING_COUNT, _CHOOSING_SEED) if choosing else (COUNT, SEED)
    kinds, unrelated = embed_unrelated(start.session, Progress(), count, seed)
    if test is None:
        return Samples(kinds, unrelated, None, [])
    paths = sorted(test.glob("*/*.jpg"))
    rows, labels = [], []
    for path in paths:
        image = decode(path.read_bytes(), find_min_side(start.card.input))
        rows.append(start.session.run(["embedding"], {"image": image[None]})[0][0])
        labels.append(PETS if path.name.startswith(f"imagenet_{PETS}_") else path.parent.name)
    return Samples(kinds, unrelated, np.array(rows, dtype=np.float32), labels)


def measure_shipped(start: Start, samples: Samples) -> dict[str, Any]:
    """Return score → how well it detects, with its threshold fitted to the memory anew."""
    remembered = read_memory(start.folder, samples.unrelated.shape[1])
    return measure_memory(remembered, start.card.class_names, samples)


def measure_memory(
    remembered: Remembered, class_names: tuple[str, ...], samples: Samples
) -> dict[str, Any]:
    """Fit each score's threshold to the remembered validation images, as an export does."""
    known = make_known(remembered)
    val = np.flatnonzero(remembered.is_val & (remembered.targets != DOUBTFUL))
    nearest = measure_nearest(known.embeddings[val], known.embeddings)
    used, measure = measure_unseen(known, val, class_names)
    found = {}
    for name, inside, how in ((NEAREST, nearest, Thresholds()), (USED, used, measure)):
        nobody = np.zeros((0, len(class_names)))
        limit = fit_thresholds(nobody, np.zeros(0, dtype=int), class_names, inside, how).unfamiliar
        found[name] = compare(known, class_names, how, limit, samples, inside)
    return found


def measure_retrained(start: Start, pictures: Path, samples: Samples) -> dict[str, Any]:
    """Add a class by a quick retrain; return the same for it, and its calibration."""
    training_set, fitted = retrain(start, pictures, test=samples.others is not None)
    names, thresholds = training_set.class_names, fitted.thresholds
    whole = make_memory(training_set)
    known = make_known(whole)
    val = np.flatnonzero(whole.is_val & (whole.targets != DOUBTFUL))
    inside, _ = measure_unseen(known, val, names)
    locked = training_set.remembered.select(training_set.select_remembered(is_val=True))
    found = {
        NEAREST: measure_memory(whole, names, samples)[NEAREST],
        USED: compare(known, names, thresholds, thresholds.unfamiliar, samples, inside),
        "locked": _measure_calibration(fitted, locked.embeddings, locked.targets),
    }
    if samples.others is not None:
        targets = np.array([names.index(label) for label in samples.labels])
        found["test"] = _measure_calibration(fitted, samples.others, targets)
        mine = targets == names.index(PETS)
        memory = remember(known.embeddings, known.targets, names, thresholds)
        far, limit = memory.measure_distances(samples.others[mine]), thresholds.unfamiliar
        if limit is not None:
            found["new_false_alarms"] = {"n": len(far), "value": float((far > limit).mean())}
    return found


def retrain(start: Start, pictures: Path, *, test: bool) -> tuple[TrainingSet, FittedHead]:
    """Add a class with a few images, as the page would."""
    stored = draw_images(read_pools(start, pictures, test=test), (PETS,), _ADDED, 0)
    known = start.card.class_names
    remembered = read_memory(start.folder, stored.embeddings.shape[1])
    training_set = gather((*known, PETS), stored, remembered)
    training_set = leave_out_conflicts(training_set, start.card.catch_all, len(known))
    fit_data = make_fit_data(training_set, read_head(start.network), start.card.catch_all)
    return training_set, fit(fit_data, lambda done, total: None, lambda *point: None)


def measure_groups(start: Start, pictures: Path, *, test: bool) -> dict[str, dict[str, float]]:
    """Return score → `two groups against another` → AUROC, for models of two groups."""
    train = {group: _embed(start, pictures / "train", group) for group in GROUPS}
    unseen = {
        group: _embed(start, pictures / "test", group) if test else rows[:_HELD_OUT]
        for group, rows in train.items()
    }
    found: dict[str, dict[str, float]] = {NEAREST: {}, USED: {}}
    for pair in itertools.combinations(GROUPS, 2):
        rows = [train[group][_HELD_OUT:] for group in pair]
        targets = np.repeat([0, 1], [len(part) for part in rows])
        known = Known(np.concatenate(rows), targets, np.full(len(targets), ALONE))
        measure = measure_unseen(known, np.arange(len(targets)), pair)[1]
        for name, how in ((NEAREST, Thresholds()), (USED, measure)):
            memory = remember(known.embeddings, targets, pair, how)
            inside = memory.measure_distances(np.concatenate([unseen[group] for group in pair]))
            for other in set(GROUPS) - set(pair):
                outside = memory.measure_distances(unseen[other])
                auroc = measure_detection([other] * len(outside), outside, inside, None).auroc
                found[name][f"{pair[0]} + {pair[1]} against {other}"] = auroc or 0.0
    return found


def compare(  # noqa: PLR0913, PLR0917  (all that a score is made of)
    known: Known,
    class_names: tuple[str, ...],
    how: Thresholds,
    limit: float | None,
    samples: Samples,
    inside: NDArray[np.floating],
) -> OutOfDistribution:
    """Compare the distances of both; `inside`: those used where there are no others."""
    memory = remember(known.embeddings, known.targets, class_names, how)
    if samples.others is not None:
        inside = memory.measure_distances(samples.others)
    outside = memory.measure_distances(samples.unrelated)
    return measure_detection(samples.kinds, outside, inside, limit)


def make_known(remembered: Remembered) -> Known:
    """Return a memory as reference rows; those without a group stand alone."""
    numbers = np.unique(remembered.groups, return_inverse=True)[1]
    groups = np.where(remembered.groups == b"", ALONE, numbers)
    return Known(remembered.embeddings.astype(np.float32), remembered.targets, groups)


def measure_nearest(embeddings: Embeddings, remembered: Embeddings) -> NDArray[np.float32]:
    """Return cosine distances of remembered rows (N, D) to the nearest other of (M, D): (N,)."""
    similarity = normalise(embeddings) @ normalise(remembered).T
    similarity[similarity > 1 - 1e-6] = -1.0
    return np.asarray(1.0 - similarity.max(axis=1), dtype=np.float32)


def describe(found: dict[str, Any]) -> str:
    """Return the figures as lines that people read."""
    lines = [f"Out-of-distribution images, version {found['version']}:"]
    lines += [f"  {name}: {describe_detection(part)}" for name, part in found["shipped"].items()]
    kinds = found["shipped"][USED].kinds.items()
    if kinds:
        lines.append("  " + ", ".join(f"{kind} {rate.value:.0%}" for kind, rate in kinds))
    if "missing" in found:
        return "\n".join([*lines, found["missing"]])
    after = found["retrained"]
    lines.append(f"After a quick retrain with {_ADDED} {PETS}:")
    lines += [f"  {name}: {describe_detection(after[name])}" for name in (NEAREST, USED)]
    if "new_false_alarms" in after:
        new = after["new_false_alarms"]
        lines.append(f"  of the new class alone: {new['value']:.1%} false alarms (n = {new['n']})")
    lines += [
        f"  ECE on {split} pictures: {after[split]['ece']:.3f} (n = {after[split]['n']})"
        for split in ("locked", "test")
        if split in after
    ]
    lines.append(f"Models of two groups, AUROC against another: {NEAREST}, {USED}")
    lines += [
        f"  {name}: {value:.3f} {found['groups'][USED][name]:.3f}"
        for name, value in sorted(found["groups"][NEAREST].items())
    ]
    means = [np.mean(list(found["groups"][name].values())) for name in (NEAREST, USED)]
    return "\n".join([*lines, f"  mean: {means[0]:.3f} {means[1]:.3f}"])


def _embed(start: Start, split: Path, group: str) -> NDArray[np.float32]:
    return embed_files(start, split, group).astype(np.float32)


def _measure_calibration(
    fitted: FittedHead, embeddings: Embeddings, targets: NDArray[np.integer]
) -> dict[str, Any]:
    probabilities = softmax(fitted.head.score(embeddings) / fitted.temperature, axis=1)
    return {"ece": round(measure_ece(probabilities, targets), 4), "n": len(targets)}


if __name__ == "__main__":
    typer.run(main)
