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
from trainer.head.fitting import learn
from trainer.head.regression import Head
from trainer.head.start import Start
from trainer.head.training_set import (
    Material,
    Stored,
    gather,
    leave_out_conflicts,
    make_lesson,
    name_classes,
)

KINDS = ("pets", "furniture", "people")
SIGN, PET = "road_sign", "pets"
_SIGNS, _UNSEEN = 200, 100
_OTHERS = 100  # training pictures of a kind that are kept to choose by, and never drawn


@dataclass(frozen=True)
class Pools:
    """Embeddings (N, D) by class: those to draw lessons from, and those to measure on."""

    start: Start
    lessons: dict[str, NDArray[np.float16]]
    unseen: dict[str, NDArray[np.float16]]


@dataclass(frozen=True)
class Found:
    """What a taught head does, in 0–1.

    `unseen`: share of the unseen pictures of the taught classes that it finds. `locked_change`:
    accuracy on the locked pictures of the network before, minus what that had; `hot_dog_change`:
    the same of hot dogs alone, of which `hot_dogs` are found. `locked`: how many pictures that
    is. `left_out`: memories in doubt that were not replayed; `set_aside`: validation pictures in
    doubt, of which `set_aside_new` were answered with the new class.
    """

    unseen: float
    locked_change: float = 0.0
    hot_dog_change: float = 0.0
    hot_dogs: float = 0.0
    locked: int = 0
    locked_hot_dogs: int = 0
    left_out: int = 0
    set_aside: int = 0
    set_aside_new: int = 0


def embed(start: Start, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float16]:
    """Return the embeddings (N, D) of decoded pictures."""
    rows = [start.session.run(["embedding"], {"image": image[None]})[0][0] for image in images]
    return np.array(rows, dtype=np.float16)


def read_pools(start: Start, pictures: Path | None, *, test: bool) -> Pools:
    """Embed what the scenarios need; `pictures` None: the drawn signs alone.

    `test`: measure on the test pictures; otherwise on training pictures that are never drawn, by
    which settings may be chosen.
    """
    lessons = {SIGN: embed(start, [draw_picture(i, heldout=False) for i in range(_SIGNS)])}
    seeds = range(_UNSEEN) if test else range(1000, 1000 + _UNSEEN)
    unseen = {SIGN: embed(start, [draw_picture(i, heldout=test) for i in seeds])}
    for kind in KINDS if pictures else ():
        assert pictures is not None
        train = embed_files(start, pictures / "train", kind)
        lessons[kind] = train[_OTHERS:]
        unseen[kind] = embed_files(start, pictures / "test", kind) if test else train[:_OTHERS]
    return Pools(start, lessons, unseen)


def teach_new(pools: Pools, count: int, seed: int) -> Found:
    """Teach a new network the three kinds."""
    stored = draw_lots(pools, KINDS, count, seed)
    material = gather(name_classes((), KINDS), stored, make_empty(stored.embeddings.shape[1]))
    head = _learn(material, None, None)
    right = [
        head.score(pools.unseen[kind]).argmax(axis=1) == material.class_names.index(kind)
        for kind in KINDS
    ]
    return Found(float(np.concatenate(right).mean()))


def teach_more(pools: Pools, kind: str, count: int, seed: int, *, leave_out: bool = True) -> Found:
    """Teach the shipped network one more class."""
    start = pools.start
    stored = draw_lots(pools, (kind,), count, seed)
    known = start.card.class_names
    remembered = read_memory(start.folder, stored.embeddings.shape[1])
    whole = gather(name_classes(known, [kind]), stored, remembered)
    sure = leave_out_conflicts(whole, start.card.catch_all, len(known))
    parent = read_head(start.network)
    head = _learn(sure if leave_out else whole, parent, start.card.catch_all)
    # Both ways are measured on the same pictures: those that are in no doubt.
    locked = sure.remembered.select(sure.select_remembered(is_val=True))
    hot_dogs = locked.select(locked.targets == 0)
    doubted = whole.select_remembered(is_val=True) & ~sure.select_remembered(is_val=True)
    set_aside = whole.remembered.select(doubted)
    return Found(
        unseen=float((head.score(pools.unseen[kind]).argmax(axis=1) == len(known)).mean()),
        locked_change=_measure(head, locked) - _measure(parent, locked),
        hot_dog_change=_measure(head, hot_dogs) - _measure(parent, hot_dogs),
        hot_dogs=_measure(head, hot_dogs),
        locked=len(locked),
        locked_hot_dogs=len(hot_dogs),
        left_out=sure.doubtful["train"] if leave_out else 0,
        set_aside=len(set_aside),
        set_aside_new=_count(head, set_aside, len(known)),
    )


def _count(head: Head, rows: Remembered, target: int) -> int:
    """Return how many rows are answered with a class."""
    return int((head.score(rows.embeddings).argmax(axis=1) == target).sum())


def _measure(head: Head, rows: Remembered) -> float:
    return float((head.score(rows.embeddings).argmax(axis=1) == rows.targets).mean())


def _learn(material: Material, parent: Head | None, catch_all: str | None) -> Head:
    lesson = make_lesson(material, parent, catch_all)
    return learn(lesson, lambda done, total: None, lambda *point: None).head


def embed_files(start: Start, split: Path, kind: str) -> NDArray[np.float16]:
    """Return the embeddings (N, D) of a kind's pictures of `train` or `test`, in random order."""
    paths = sorted((split / "not_hot_dog").glob(f"imagenet_{kind}_*"))
    chosen = np.random.default_rng(0).permutation(len(paths))
    min_side = find_min_side(start.card.input)
    return embed(start, [decode(paths[i].read_bytes(), min_side) for i in chosen])


def draw_lots(pools: Pools, kinds: Sequence[str], count: int, seed: int) -> Stored:
    """Draw pictures by lot, as the store would hand them out, each a group of its own."""
    entries, rows = [], []
    for kind in kinds:
        pool = pools.lessons[kind]
        generator = np.random.default_rng([seed, count])
        for i in generator.choice(len(pool), count, replace=False).tolist():
            name = f"{kind} {i}"
            entries.append(make_entry(name, kind))
            rows.append(pool[i])
    return Stored(tuple(entries), np.array(rows, dtype=np.float16))


def make_entry(name: str, label: str, number: int = 0, split: str = "train") -> Entry:
    """Return a label as the store would have it; the picture is a group of its own."""
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
        answer=None,
        width=0,
        height=0,
        name=name,
        origin_sha256="",
    )
