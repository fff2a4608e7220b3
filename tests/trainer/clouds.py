"""Small random embeddings for tests of the head: clouds around one point a class."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from labelling.store.entries import Entry
from trainer.data.replay_memory import Remembered, make_rows
from trainer.head.training_set import Stored

WIDTH = 24


def make_cloud(place: int, count: int, seed: int = 0, noise: float = 0.4) -> NDArray[np.float32]:
    """Return `count` embeddings around the corner `place`."""
    middle = np.zeros(WIDTH)
    middle[place] = 2
    rng = np.random.default_rng([seed, place])
    return np.abs(middle + rng.normal(0, noise, (count, WIDTH))).astype(np.float32)


def make_entry(name: str, label: str, split: str = "train", group: str | None = None) -> Entry:
    return Entry(
        id=0,
        sha256=name,
        model="m",
        label=label,
        state="approved",
        split=split,
        group=group or name,
        who="",
        created="",
        prediction=None,
        width=1,
        height=1,
        name="",
        origin_sha256=name,
    )


def make_stored(
    *parts: tuple[str, str, NDArray[np.float32]],
) -> Stored:
    """Return stored images from (label, split, embeddings)."""
    entries, rows = [], []
    for label, split, embeddings in parts:
        for i, row in enumerate(embeddings):
            entries.append(make_entry(f"{label}-{split}-{i}", label, split))
            rows.append(row)
    return Stored(tuple(entries), np.array(rows, dtype=np.float16).reshape(-1, WIDTH))


def make_remembered(
    *parts: tuple[int, bool, NDArray[np.float32]], names: Sequence[str] = ()
) -> Remembered:
    """Return remembered rows from (target, is_val, embeddings)."""
    embeddings = np.concatenate([rows for _, _, rows in parts])
    targets = [target for target, _, rows in parts for _ in rows]
    is_val = [val for _, val, rows in parts for _ in rows]
    files = list(names) or [""] * len(targets)
    return make_rows(embeddings, targets, is_val, files, files)
