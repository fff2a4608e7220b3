"""`python -m benchmarks.quality.label_noise`: what wrong labels cost, and whether they are found.

A tenth of the labels of 200 random images are flipped, and both a new model of two classes and the
shipped model are trained on them. Measured are what the label check finds, what the gate decides,
and the accuracy on other training images with right, flipped and corrected labels. All of
it by the functions of `python -m trainer head` and `python -m trainer check-labels`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from pydantic_core import to_json
from scipy.special import softmax

from benchmarks.quality.retraining import embed, make_entry
from inference.classifier import find_min_side
from inference.images import decode
from inference.versions.cards import Rate
from inference.versions.catalog import Catalog
from labelling.images.near_duplicates import hash_to_fraction
from labelling.store.placement import LOCKED_FRACTION
from trainer.commands.check_labels import Reference, find_issues
from trainer.data.replay_memory import make_empty, read_memory
from trainer.evaluation.comparison import Side, compare
from trainer.evaluation.metrics import describe_rate, measure_rate
from trainer.freezing.head_replacement import read_head
from trainer.freezing.head_version import HeadVersion
from trainer.head.fitting import fit
from trainer.head.start import Start, open_start
from trainer.head.training_set import (
    Stored,
    find_same,
    gather,
    leave_out_conflicts,
    make_fit_data,
    name_classes,
)

CLASSES = ("pets", "people")
COUNT = 100  # images of each class
_FLIPPED = 0.1  # share of the labels
_UNSEEN = 3  # one image in so many is never trained on, where the shipped model is
NEW, SHIPPED = "a new model of pets and people", "the shipped model"


@dataclass(frozen=True)
class Pool:
    """Images to draw from: embeddings (N, D), names and right labels; `unseen` (N,) never drawn.

    `known`: what the model that is trained on them remembers; `start`: that model.
    """

    embeddings: NDArray[np.float16]
    names: tuple[str, ...]
    labels: tuple[str, ...]
    unseen: NDArray[np.bool_]
    known: Reference
    start: Start


@dataclass(frozen=True)
class Draw:
    """The outcome of one draw; accuracies are 0–1, on unseen images."""

    flipped: int
    flagged: int
    hits: int
    flagged_clean: int
    clean: float
    noisy: float
    corrected: float
    unseen: int
    gate: str
    gate_clean: str


def main(
    exported: Annotated[Path, typer.Option(help="Folder of the frozen models.")] = Path("exported"),
    pictures: Annotated[
        Path, typer.Option(help="Folder with train/hot_dog and train/not_hot_dog.")
    ] = Path("../shared/data/hotdog"),
    draws: Annotated[int, typer.Option(min=1, help="Random draws.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line.")] = False,
) -> None:
    """Flip a tenth of the labels of 200 training images, and measure what that does."""
    start = open_start(Catalog(exported).find("hotdog"), "hotdog")
    found = {
        name: summarise([run(pool, seed) for seed in range(draws)])
        for name, pool in read_pools(start, pictures / "train").items()
    }
    typer.echo(to_json(found).decode() if as_json else describe(found))


def read_pools(start: Start, train: Path) -> dict[str, Pool]:
    """Embed the training images; the shipped model is trained on those that validated it."""
    paths = sorted(train.glob("*/*"))
    min_side = find_min_side(start.card.input)
    rows = np.concatenate([embed(start, [decode(p.read_bytes(), min_side)]) for p in paths])
    names = tuple(f"{path.parent.name}/{path.name}" for path in paths)
    remembered = read_memory(start.folder, rows.shape[1])
    val = remembered.select(remembered.is_val)
    new = _list_new(names)
    shipped = np.flatnonzero(find_same(rows, val.embeddings).any(axis=1))
    unseen = np.random.default_rng(0).permutation(len(shipped)) % _UNSEEN == 0
    hidden = find_same(remembered.embeddings, rows[shipped[unseen]]).any(axis=1)
    known = Reference(
        remembered.select(np.asarray(~hidden)),
        start.card.class_names,
        read_head(start.network),
        start.card.catch_all,
    )
    return {
        NEW: Pool(
            rows[list(new)],
            tuple(names[i] for i in new),
            tuple(new.values()),
            np.zeros(len(new), dtype=bool),
            Reference(make_empty(rows.shape[1])),
            replace(start, own=False),
        ),
        SHIPPED: Pool(
            rows[shipped],
            tuple(names[i] for i in shipped),
            tuple(names[i].partition("/")[0] for i in shipped),
            unseen,
            known,
            start,
        ),
    }


def run(pool: Pool, seed: int) -> Draw:
    """Draw images, flip some labels, check them, train with each set of labels, and measure."""
    generator = np.random.default_rng(seed)
    chosen = draw_images(pool, generator)
    right = [pool.labels[i] for i in chosen]
    wrong = flip(right, generator)
    flipped = {
        number for number, pair in enumerate(zip(right, wrong, strict=True)) if len({*pair}) > 1
    }
    flagged = {
        issue.entry for issue in find_issues(make_stored(pool, chosen, wrong), pool.known).issues
    }
    # A person looks at every label issue, and corrects those labels that are wrong.
    corrected = [
        right[number] if number in flagged else label for number, label in enumerate(wrong)
    ]
    versions = {
        name: train_head(pool, make_stored(pool, chosen, labels))
        for name, labels in (("clean", right), ("noisy", wrong), ("corrected", corrected))
    }
    rest = np.ones(len(pool.labels), dtype=bool)
    rest[chosen] = False
    if pool.unseen.any():
        rest = pool.unseen
    accuracy = {name: measure(made, pool, rest) for name, made in versions.items()}
    clean = find_issues(make_stored(pool, chosen, right), pool.known)
    return Draw(
        flipped=len(flipped),
        flagged=len(flagged),
        hits=len(flagged & flipped),
        flagged_clean=len(clean.issues),
        unseen=int(rest.sum()),
        gate=decide(versions["noisy"], versions["clean"]),
        gate_clean=decide(versions["clean"], versions["clean"]),
        **accuracy,
    )


def draw_images(pool: Pool, generator: np.random.Generator) -> list[int]:
    """Draw the rows of so many images of each class as may be trained on."""
    labels, free = np.array(pool.labels), np.flatnonzero(~pool.unseen)
    drawn = [
        generator.choice(free[labels[free] == label], COUNT, replace=False).tolist()
        for label in sorted(set(pool.labels))
    ]
    return [row for some in drawn for row in some]


def flip(labels: Sequence[str], generator: np.random.Generator) -> list[str]:
    """Give a tenth of the images the label of another class."""
    names, flipped = sorted(set(labels)), list(labels)
    for i in generator.choice(len(labels), round(_FLIPPED * len(labels)), replace=False).tolist():
        flipped[i] = str(generator.choice([name for name in names if name != labels[i]]))
    return flipped


def make_stored(pool: Pool, chosen: Sequence[int], labels: Sequence[str]) -> Stored:
    """Return images as the store would, numbered from 0, a fifth of them held out."""
    entries = tuple(
        make_entry(pool.names[row], label, number, _split(pool.names[row]))
        for number, (row, label) in enumerate(zip(chosen, labels, strict=True))
    )
    return Stored(entries, pool.embeddings[list(chosen)])


def train_head(pool: Pool, stored: Stored) -> HeadVersion:
    """Train as `python -m trainer head` does, up to the files."""
    known = pool.known
    names = name_classes(known.class_names, [entry.label for entry in stored.entries])
    training_set = gather(names, stored, known.remembered)
    if known.head is not None:
        training_set = leave_out_conflicts(training_set, known.catch_all, len(known.class_names))
    fit_data = make_fit_data(training_set, known.head, known.catch_all)
    fitted = fit(fit_data, lambda done, total: None, lambda *point: None)
    return HeadVersion("noise", known.catch_all, pool.start, training_set, fitted, [], 0.0)


def measure(made: HeadVersion, pool: Pool, rest: NDArray[np.bool_]) -> float:
    """Return the accuracy on the images of a mask."""
    answered = made.fitted.head.score(pool.embeddings[rest]).argmax(axis=1)
    names = np.array(made.training_set.class_names)
    return float((names[answered] == np.array(pool.labels)[rest]).mean())


def decide(made: HeadVersion, in_use: HeadVersion) -> str:
    """Return what the gate decides on a version, by the labels that it was trained with.

    A shipped model is compared with itself as shipped; a new one with that of the right labels.
    """
    if made.start.own:
        return made.compare().outcome
    locked = made.training_set.locked.embeddings
    names, fitted = in_use.training_set.class_names, in_use.fitted
    before = softmax(fitted.head.score(locked) / fitted.temperature, axis=1)
    new = Side(made.training_set.class_names, made.predict_locked())
    return compare(made.list_locked(), new, Side(names, before)).outcome


def summarise(drawn: Sequence[Draw]) -> dict[str, Any]:
    """Return counts and rates over all draws; accuracies are means over the draws."""
    flipped, flagged, hits = (
        sum(getattr(one, name) for one in drawn) for name in ("flipped", "flagged", "hits")
    )
    trained = 2 * COUNT * len(drawn)
    return {
        "draws": len(drawn),
        "recall": measure_rate(np.arange(flipped) < hits),
        "precision": measure_rate(np.arange(flagged) < hits),
        "false_alarms": measure_rate(np.arange(trained) < sum(one.flagged_clean for one in drawn)),
        "accuracy": {name: _average(drawn, name) for name in ("clean", "noisy", "corrected")},
        "gate": dict(Counter(one.gate for one in drawn)),
        "gate_clean": dict(Counter(one.gate_clean for one in drawn)),
    }


def describe(found: dict[str, Any]) -> str:
    """Return the figures as lines that people read."""
    lines = []
    for name, row in found.items():
        lines += [
            f"{name}: {row['draws']} draws of {2 * COUNT} pictures, {_FLIPPED:.0%} of the labels "
            "flipped",
            f"  flipped labels that the check finds: {describe_rate(row['recall'])}",
            f"  of the reported labels, flipped: {describe_rate(row['precision'])}",
            f"  reported where none is flipped: {describe_rate(row['false_alarms'])}",
        ]
        lines += [
            f"  unseen pictures right, {labels} labels: {describe_rate(rate)}, draws ±{spread:.1%}"
            for labels, (rate, spread) in row["accuracy"].items()
        ]
        for labels, key in (("flipped", "gate"), ("right", "gate_clean")):
            outcomes = ", ".join(f"{count} {outcome}" for outcome, count in row[key].items())
            lines.append(f"  the gate, {labels} labels: {outcomes}".replace("_", " "))
    return "\n".join(lines)


def _split(name: str) -> str:
    return "locked" if hash_to_fraction(name, "locked") < LOCKED_FRACTION else "train"


def _list_new(names: Sequence[str]) -> dict[int, str]:
    """Return the rows of the images of both classes, with the class of each."""
    return {
        row: label
        for label in CLASSES
        for row, name in enumerate(names)
        if name.startswith(f"not_hot_dog/imagenet_{label}_")
    }


def _average(drawn: Sequence[Draw], name: str) -> tuple[Rate, float]:
    """Return the mean accuracy, with the interval of as many unseen images, and its spread."""
    values = np.array([getattr(one, name) for one in drawn])
    n = drawn[0].unseen
    return measure_rate(np.arange(n) < round(float(values.mean()) * n)), float(values.std())


if __name__ == "__main__":
    typer.run(main)
