"""What a new head is trained on: stored images, and what the version before remembers.

Everything is embeddings here. Doubtful rows (an image in both splits, a remembered one that may
show a new class) are left out before anything is fitted or measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inference.certainty import normalise
from inference.errors import UserInputError
from labelling.store.entries import Entry
from trainer.data.replay_memory import DOUBTFUL, Remembered, join_rows, make_rows
from trainer.head.conflicts import find_conflicts
from trainer.head.fitting import REPLAYED, FitData
from trainer.head.regression import Head, extend_head, measure_scale

# Cosine above which two embeddings are of the same image. Measured: the same one encoded again has
# at least 0.998; of 5,824 different ones 2 have over 0.99 with another.
SAME = 0.99
_BLOCK = 1024  # rows that are compared with all others at a time


@dataclass(frozen=True)
class Stored:
    """Stored images with their embeddings (N, D) float16, in the order of `entries`."""

    entries: tuple[Entry, ...]
    embeddings: NDArray[np.float16]

    def select(self, mask: NDArray[np.bool_]) -> "Stored":
        """Return the images of a (N,) mask."""
        kept = tuple(e for e, keep in zip(self.entries, mask, strict=True) if keep)
        return Stored(kept, self.embeddings[mask])

    def list_targets(self, class_names: Sequence[str]) -> list[int]:
        """Return the class index of each image."""
        return [class_names.index(entry.label) for entry in self.entries]


@dataclass(frozen=True)
class TrainingSet:
    """All that a version is made of: what it is trained on, measured on, and remembers.

    `seen_before` counts stored images left out since they are remembered in the other split.
    """

    class_names: tuple[str, ...]
    train: Stored
    locked: Stored
    remembered: Remembered
    seen_before: int = 0

    @property
    def doubtful(self) -> dict[str, int]:
        """Count the remembered rows that are left out, by split."""
        out = self.remembered.targets == DOUBTFUL
        is_val = self.remembered.is_val
        return {"train": int((out & ~is_val).sum()), "validation": int((out & is_val).sum())}

    def select_remembered(self, *, is_val: bool) -> NDArray[np.bool_]:
        """Return which remembered rows are of one split and not doubtful."""
        sure = self.remembered.targets != DOUBTFUL
        return np.asarray((self.remembered.is_val == is_val) & sure)


def name_classes(known: Sequence[str], labels: Sequence[str]) -> tuple[str, ...]:
    """Return the classes in order: the known ones, then new ones by name."""
    return (*known, *sorted(set(labels) - set(known)))


def gather(class_names: tuple[str, ...], stored: Stored, remembered: Remembered) -> TrainingSet:
    """Sort images by split; one that is both stored and remembered counts once.

    A stored image's label takes precedence over a remembered one; an image that was measured on is
    not trained on, and the reverse.
    """
    splits = np.array([entry.split for entry in stored.entries])
    to_train, to_lock = splits == "train", splits == "locked"
    same = find_same(stored.embeddings, remembered.embeddings)
    seen_val = (same & remembered.is_val).any(axis=1)
    seen_train = (same & ~remembered.is_val).any(axis=1)
    crossing = (to_train & seen_val) | (to_lock & seen_train)
    train, locked = stored.select(to_train & ~crossing), stored.select(to_lock & ~crossing)
    targets = np.array(stored.list_targets(class_names), dtype=np.int16)
    disputed = (same & (targets[:, None] != remembered.targets)).any(axis=0)
    replaced = same[~crossing & (to_train | to_lock)].any(axis=0)
    kept = replace(
        remembered, targets=np.where(disputed, DOUBTFUL, remembered.targets).astype(np.int16)
    ).select(~replaced)
    return TrainingSet(class_names, train, locked, kept, int(crossing.sum()))


def find_same(embeddings: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return which of (N, D) embeddings show the same image as which of (M, D): (N, M) bool."""
    left, right = normalise(embeddings), normalise(others)
    same = np.empty((len(left), len(right)), dtype=bool)
    for start in range(0, len(left), _BLOCK):
        same[start : start + _BLOCK] = left[start : start + _BLOCK] @ right.T > SAME
    return same


def check_training_set(training_set: TrainingSet) -> None:
    """Raise UserInputError unless every one of at least two classes has images to train on."""
    names = training_set.class_names
    if len(names) < 2:
        found = f"only the class {names[0]} has" if names else "no class has"
        raise UserInputError(
            f"At least two classes are needed, and {found} approved pictures. Add pictures of "
            "something else."
        )
    if len(names) > 100:
        raise UserInputError(f"There are {len(names)} classes; at most 100 are supported.")
    remembered = training_set.remembered.targets[training_set.select_remembered(is_val=False)]
    have = {*training_set.train.list_targets(names), *remembered.tolist()}
    missing = [name for target, name in enumerate(names) if target not in have]
    if missing:
        raise UserInputError(
            f"The class {missing[0]} has no picture to learn from. Add pictures of it, approved "
            "and different from each other."
        )


def leave_out_conflicts(
    training_set: TrainingSet, catch_all: str | None, first_new: int
) -> TrainingSet:
    """Mark as doubtful what is remembered as the catch-all and looks like a new class.

    `first_new`: the index of the first class that the version before lacks.
    """
    names = training_set.class_names
    remembered = training_set.remembered
    sure = remembered.targets != DOUBTFUL
    if catch_all not in names[:first_new] or not sure.any():
        return training_set
    known = remembered.embeddings[sure].astype(np.float32)
    scale = measure_scale(known, 0.5)
    features = scale.apply(np.concatenate([known, training_set.train.embeddings]))
    targets = np.array([*remembered.targets[sure], *training_set.train.list_targets(names)])
    groups = np.array([*range(-len(known), 0), *number_groups(training_set.train)])
    candidates = (targets == names.index(str(catch_all))) & (groups < 0)
    found = np.zeros(len(targets), dtype=bool)
    for new_class in range(first_new, len(names)):
        found |= find_conflicts(features, targets, groups, candidates, new_class)
    changed = remembered.targets.copy()
    changed[np.flatnonzero(sure)[found[: len(known)]]] = DOUBTFUL
    return replace(training_set, remembered=replace(remembered, targets=changed))


def make_fit_data(training_set: TrainingSet, parent: Head | None, catch_all: str | None) -> FitData:
    """Return what the head is fitted to; `parent` None: there is no head to start from."""
    names, remembered = training_set.class_names, training_set.remembered
    replayed = training_set.select_remembered(is_val=False)
    val = training_set.select_remembered(is_val=True)
    width = remembered.embeddings.shape[1]
    if parent is None:
        prior = Head(np.zeros((len(names), width), np.float32), np.zeros(len(names), np.float32))
    else:
        place = names.index(catch_all) if catch_all in names[: len(parent.bias)] else None
        prior = extend_head(parent, len(names) - len(parent.bias), place)
    rows = np.concatenate([remembered.embeddings[replayed], training_set.train.embeddings])
    targets = [*remembered.targets[replayed], *training_set.train.list_targets(names)]
    groups = [*[REPLAYED] * int(replayed.sum()), *number_groups(training_set.train)]
    return FitData(
        class_names=names,
        embeddings=rows.astype(np.float32),
        targets=np.array(targets, dtype=np.int64),
        groups=np.array(groups, dtype=np.int64),
        val_embeddings=remembered.embeddings[val].astype(np.float32),
        val_targets=remembered.targets[val].astype(np.int64),
        prior=prior,
    )


def make_memory(training_set: TrainingSet) -> Remembered:
    """Return what the new version remembers: all of it, doubtful rows without a class."""
    parts = [training_set.remembered]
    for stored, is_val in ((training_set.train, False), (training_set.locked, True)):
        parts.append(
            make_rows(
                stored.embeddings,
                stored.list_targets(training_set.class_names),
                [is_val] * len(stored.entries),
                [entry.sha256 for entry in stored.entries],
                [entry.group for entry in stored.entries],
            )
        )
    return join_rows(parts)


def number_groups(stored: Stored) -> list[int]:
    """Return a number from 0 for each image's group of near-duplicates."""
    names = sorted({entry.group for entry in stored.entries})
    numbers = {name: number for number, name in enumerate(names)}
    return [numbers[entry.group] for entry in stored.entries]
