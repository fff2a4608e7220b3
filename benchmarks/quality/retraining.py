"""Quick retrains with randomly drawn images, for `python -m benchmarks.quality.few_shot`.

Everything is embeddings of the shipped model; what is fitted and left out is decided by the
functions that `python -m trainer head` calls.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.road_signs import draw_picture
from inference.classifier import find_min_side
from inference.images import decode
from labelling.store.entries import Entry
from trainer.data.replay_memory import Remembered, make_empty, read_memory
from trainer.freezing.head_replacement import read_head
from trainer.head.fitting import fit
from trainer.head.regression import Head
from trainer.head.start import Start
from trainer.head.training_set import (
    Stored,
    TrainingSet,
    gather,
    leave_out_conflicts,
    make_fit_data,
    name_classes,
)

CLASSES = ("pets", "furniture", "people")
ROAD_SIGN, PETS = "road_sign", "pets"
_SIGNS, _UNSEEN = 200, 100
_NEVER_DRAWN = 100  # training images of each class by which settings may be chosen


@dataclass(frozen=True)
class Pools:
    """Embeddings (N, D) by class: those to draw from, and those to measure on."""

    start: Start
    drawn: dict[str, NDArray[np.float16]]
    unseen: dict[str, NDArray[np.float16]]


@dataclass(frozen=True)
class Outcome:
    """How a retrained head does, in 0–1.

    `unseen`: recall on unseen images of the new classes. `locked_change`: accuracy on the held-out
    images of the previous version, minus that version's; `hot_dog_change`: the same for hot dogs
    alone, whose recall is `hot_dogs`. `locked`, `locked_hot_dogs`: how many images these are.
    `left_out`: remembered images in doubt that were not replayed; `excluded`: held-out images in
    doubt, of which `excluded_new` are predicted as the new class.
    """

    unseen: float
    locked_change: float = 0.0
    hot_dog_change: float = 0.0
    hot_dogs: float = 0.0
    locked: int = 0
    locked_hot_dogs: int = 0
    left_out: int = 0
    excluded: int = 0
    excluded_new: int = 0


def embed(start: Start, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float16]:
    """Return the embeddings (N, D) of decoded images."""
    rows = [start.session.run(["embedding"], {"image": image[None]})[0][0] for image in images]
    return np.array(rows, dtype=np.float16)


def read_pools(start: Start, folder: Path | None, *, test: bool) -> Pools:
    """Embed what the cases need; `folder` None: the road signs alone.

    `test`: measure on the test images; otherwise on training images that are never drawn, by
    which settings may be chosen.
    """
    drawn = {ROAD_SIGN: embed(start, [draw_picture(i, heldout=False) for i in range(_SIGNS)])}
    seeds = range(_UNSEEN) if test else range(1000, 1000 + _UNSEEN)
    unseen = {ROAD_SIGN: embed(start, [draw_picture(i, heldout=test) for i in seeds])}
    for label in CLASSES if folder else ():
        assert folder is not None
        train = embed_files(start, folder / "train", label)
        drawn[label] = train[_NEVER_DRAWN:]
        unseen[label] = embed_files(start, folder / "test", label) if test else train[:_NEVER_DRAWN]
    return Pools(start, drawn, unseen)


def train_new_model(pools: Pools, count: int, seed: int) -> Outcome:
    """Train a new model of the three classes."""
    stored = draw_images(pools, CLASSES, count, seed)
    training_set = gather(name_classes((), CLASSES), stored, make_empty(stored.embeddings.shape[1]))
    head = _fit(training_set, None, None)
    right = [
        head.score(pools.unseen[label]).argmax(axis=1) == training_set.class_names.index(label)
        for label in CLASSES
    ]
    return Outcome(float(np.concatenate(right).mean()))


def add_class(pools: Pools, label: str, count: int, seed: int, *, leave_out: bool) -> Outcome:
    """Add one class to the shipped model."""
    start = pools.start
    stored = draw_images(pools, (label,), count, seed)
    known = start.card.class_names
    remembered = read_memory(start.folder, stored.embeddings.shape[1])
    whole = gather(name_classes(known, [label]), stored, remembered)
    sure = leave_out_conflicts(whole, start.card.catch_all, len(known))
    parent = read_head(start.network)
    head = _fit(sure if leave_out else whole, parent, start.card.catch_all)
    # Both ways are measured on the same images: those whose label is not in doubt.
    locked = sure.remembered.select(sure.select_remembered(is_val=True))
    hot_dogs = locked.select(locked.targets == 0)
    excluded_rows = whole.select_remembered(is_val=True) & ~sure.select_remembered(is_val=True)
    excluded = whole.remembered.select(excluded_rows)
    return Outcome(
        unseen=float((head.score(pools.unseen[label]).argmax(axis=1) == len(known)).mean()),
        locked_change=_measure(head, locked) - _measure(parent, locked),
        hot_dog_change=_measure(head, hot_dogs) - _measure(parent, hot_dogs),
        hot_dogs=_measure(head, hot_dogs),
        locked=len(locked),
        locked_hot_dogs=len(hot_dogs),
        left_out=sure.doubtful["train"] if leave_out else 0,
        excluded=len(excluded),
        excluded_new=_count(head, excluded, len(known)),
    )


def _count(head: Head, rows: Remembered, target: int) -> int:
    """Return how many rows are predicted as a class."""
    return int((head.score(rows.embeddings).argmax(axis=1) == target).sum())


def _measure(head: Head, rows: Remembered) -> float:
    return float((head.score(rows.embeddings).argmax(axis=1) == rows.targets).mean())


def _fit(training_set: TrainingSet, parent: Head | None, catch_all: str | None) -> Head:
    fit_data = make_fit_data(training_set, parent, catch_all)
    return fit(fit_data, lambda done, total: None, lambda *point: None).head


def embed_files(start: Start, split: Path, label: str) -> NDArray[np.float16]:
    """Return the embeddings (N, D) of the images of one label in a split, in random order."""
    paths = sorted((split / "not_hot_dog").glob(f"imagenet_{label}_*"))
    chosen = np.random.default_rng(0).permutation(len(paths))
    min_side = find_min_side(start.card.input)
    return embed(start, [decode(paths[i].read_bytes(), min_side) for i in chosen])


def draw_images(pools: Pools, labels: Sequence[str], count: int, seed: int) -> Stored:
    """Draw images at random, as the store would return them, each a group of its own."""
    entries, rows = [], []
    for label in labels:
        pool = pools.drawn[label]
        generator = np.random.default_rng([seed, count])
        for i in generator.choice(len(pool), count, replace=False).tolist():
            name = f"{label} {i}"
            entries.append(make_entry(name, label))
            rows.append(pool[i])
    return Stored(tuple(entries), np.array(rows, dtype=np.float16))


def make_entry(name: str, label: str, number: int = 0, split: str = "train") -> Entry:
    """Return an entry as the store would; its image is a group of its own."""
    return Entry(
        id=number,
        sha256=name,
        model="",
        label=label,
        state="approved",
        split=split,
        group=name,
        who="",
        created="",
        prediction=None,
        width=0,
        height=0,
        name=name,
        origin_sha256="",
    )
