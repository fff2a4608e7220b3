"""New against current on the same locked images: the gate that publishes or holds back.

A new version is held back if it is worse by a one-sided exact McNemar test at 0.05, or if a class
that existed loses more than 5 points of at least 20 locked images. With under 20 locked
images nothing can be said: it is a candidate that a person publishes. Classes that the current
version lacks are reported apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from inference.versions.cards import Parent, name_for_display
from inference.versions.catalog import Catalog
from inference.versions.comparison import (
    ComparedImage,
    Comparison,
    Outcome,
    SideMetrics,
    write_comparison,
)
from trainer.evaluation.metrics import measure_rate

MIN_LOCKED = 20
_LEVEL = 0.05
_FLOOR = 5  # points of a class's accuracy


@dataclass(frozen=True)
class Locked:
    """A locked image: a stored one (`sha256`), or one remembered as numbers only (`row`)."""

    label: str
    sha256: str | None = None
    row: int | None = None


@dataclass(frozen=True)
class Side:
    """A version's (N, C) probabilities for the locked images."""

    class_names: tuple[str, ...]
    probabilities: NDArray[np.floating]

    def name(self) -> list[str]:
        """Return the label that was answered for each image."""
        return [self.class_names[i] for i in self.probabilities.argmax(axis=1)]

    def answer(self, i: int) -> tuple[str, float]:
        """Return the label and its probability (0–1) for one image."""
        top = int(self.probabilities[i].argmax())
        return self.class_names[top], round(float(self.probabilities[i][top]), 4)


def compare(
    locked: Sequence[Locked],
    new: Side,
    old: Side | None = None,
    against: Parent | None = None,
    set_aside: int = 0,
) -> Comparison:
    """Compare two versions on the same images; `old` None: there was none before.

    `against`: the old one. `set_aside`: locked images that are not among
    these, since their label is in doubt.
    """
    right = _find_right(new, locked)
    known = set(old.class_names) if old else set(new.class_names)
    shared = np.array([image.label in known for image in locked], dtype=bool)
    was_right = _find_right(old, locked) if old else right
    better = int((right & ~was_right & shared).sum())
    worse = int((~right & was_right & shared).sum())
    outcome: Outcome = "first"
    sentence = f"Published: the first version. {_describe(right)}"
    if old:
        outcome, sentence = _judge(locked, right, was_right, shared)
    return Comparison(
        against=against,
        outcome=outcome,
        sentence=sentence,
        locked=int(shared.sum()),
        better=better,
        worse=worse,
        p=_test(worse, better, "two-sided") if old else None,
        set_aside=set_aside,
        new_classes=tuple(name for name in new.class_names if name not in known),
        old=_measure(old, locked, shared) if old else None,
        new=_measure(new, locked, shared),
        images=_list_images(locked, old, new),
    )


def publish(
    catalog: Catalog, folder: Path, comparison: Comparison, expected: int | None
) -> Comparison:
    """Bring the version in a folder into use where the gate lets it; returns what became of it.

    `expected`: the number in use that it was compared with, None for a first version, which is
    in use as soon as it is there. Where a person put another one into use meanwhile, theirs
    stays, and the version is a candidate.
    """
    model, version = folder.parent.name, int(folder.name)
    if not comparison.publishes or catalog.publish_if(model, version, expected):
        return comparison
    now = catalog.read_current(model)
    sentence = (
        f"Not published: version {now} came into use while this one was trained. "
        "Look at both, and publish it yourself."
    )
    changes = {"outcome": "candidate", "sentence": sentence}
    withheld = comparison.model_copy(update=changes)
    write_comparison(folder, withheld)
    return withheld


def _judge(
    locked: Sequence[Locked],
    right: NDArray[np.bool_],
    was_right: NDArray[np.bool_],
    shared: NDArray[np.bool_],
) -> tuple[Outcome, str]:
    n = int(shared.sum())
    better, worse = int((right & ~was_right)[shared].sum()), int((~right & was_right)[shared].sum())
    counts = f"better on {better}, worse on {worse} of {n} held-out pictures"
    if n < MIN_LOCKED:
        pictures = "1 held-out picture is" if n == 1 else f"{n} held-out pictures are"
        return "candidate", (
            f"Not published yet: {pictures} too few to judge by (at least {MIN_LOCKED}). Look at "
            "the answers and publish it yourself."
        )
    p = _test(worse, better, "greater")
    if p < _LEVEL:
        return "held_back", f"Held back: {counts}, one-sided p = {_round(p)}."
    for label in sorted({image.label for image in locked}):
        mine = shared & np.array([image.label == label for image in locked])
        count, lost = int(mine.sum()), int(was_right[mine].sum()) - int(right[mine].sum())
        if count >= MIN_LOCKED and 100 * lost > _FLOOR * count:
            name = name_for_display(label)
            return "held_back", (
                f"Held back: {name} lost {100 * lost / count:.1f} points on {count} held-out "
                f"pictures ({counts})."
            )
    return "published", f"Published: {counts}, p = {_round(_test(worse, better, 'two-sided'))}."


def _test(worse: int, better: int, alternative: str) -> float:
    """Return the p of McNemar's exact test. Source: McNemar (1947), the binomial form.

    By hand: importing scipy.stats takes longer than fitting a head.
    """
    n = worse + better
    fewest = better if alternative == "greater" else min(worse, better)
    p = float(bdtr(fewest, n, 0.5)) if n else 1.0
    return p if alternative == "greater" else min(1.0, 2 * p)


def _round(p: float) -> str:
    return "1" if p >= 0.995 else f"{p:.2g}" if p >= 0.001 else "under 0.001"


def _find_right(side: Side, locked: Sequence[Locked]) -> NDArray[np.bool_]:
    labels = [image.label for image in locked]
    return np.array([a == b for a, b in zip(side.name(), labels, strict=True)], dtype=bool)


def _describe(right: NDArray[np.bool_]) -> str:
    if len(right) == 0:
        return "No picture is held out yet, so its accuracy is not known."
    return f"It is right on {int(right.sum())} of {len(right)} held-out pictures."


def _measure(side: Side, locked: Sequence[Locked], shared: NDArray[np.bool_]) -> SideMetrics:
    """Return accuracy on the shared images, per class on all, and confusion on all.

    The confusion matrix has a row a label, those that the version lacks too, last.
    """
    right, answered = _find_right(side, locked), side.name()
    labels = [image.label for image in locked]
    others = sorted(set(labels) - set(side.class_names))
    rows, columns = [*side.class_names, *others], list(side.class_names)
    confusion = np.zeros((len(rows), len(columns)), dtype=int)
    for label, answer in zip(labels, answered, strict=True):
        confusion[rows.index(label), columns.index(answer)] += 1
    per_class = {
        name: measure_rate(right[[label == name for label in labels]])
        for name in side.class_names
        if name in labels
    }
    return SideMetrics(
        class_names=tuple(columns),
        labels=tuple(rows),
        top1=measure_rate(right[shared]),
        per_class=per_class,
        confusion=tuple(map(tuple, confusion.tolist())),
    )


def _list_images(
    locked: Sequence[Locked], old: Side | None, new: Side
) -> tuple[ComparedImage, ...]:
    return tuple(
        ComparedImage(
            label=image.label,
            sha256=image.sha256,
            row=image.row,
            old=old.answer(i) if old else None,
            new=new.answer(i),
        )
        for i, image in enumerate(locked)
    )
