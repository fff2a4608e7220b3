"""Groups of near-duplicates, and what each new image is for: training, measuring, or neither.

An image gets its group and split when it is added. A near-duplicate joins the group of the image
that it looks like, so that no version is measured on an image whose near-duplicate it was trained
on.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelling.images.near_duplicates import MAX_BITS, find_distinctive, hash_to_fraction
from labelling.store.entries import COLUMNS, Entry, read_entry

# A class needs images to be trained on before any are kept to measure on.
FIRST_TRAIN_GROUPS = 3
LOCKED_FRACTION = 0.2


@dataclass(frozen=True)
class Assignment:
    """The group that an image belongs to, and the split of that group."""

    group: str
    split: str


class HashIndex:
    """The difference hashes of all images, kept in memory; only new ones are fetched.

    Not safe to share between threads: use it as the one writer.
    """

    def __init__(self) -> None:
        self._hashes = np.empty((1024, 4), dtype=np.uint64)
        self._numbers = np.empty(1024, dtype=np.int64)
        self._count = 0
        self._last = 0

    def find_near(self, connection: sqlite3.Connection, dhash: bytes) -> list[int]:
        """Return the numbers of the images that look alike, the most alike first.

        A plain image has none: its hash says nothing about what is seen.
        """
        self._fetch(connection)
        query = _parse_hashes(dhash)
        if not len(find_distinctive(query)):
            return []
        hashes = self._hashes[: self._count]
        bits = np.bitwise_count(hashes ^ query).sum(axis=1)
        near = np.flatnonzero(bits <= MAX_BITS)
        near = near[find_distinctive(hashes[near])]
        order = np.argsort(bits[near], kind="stable")
        return [int(number) for number in self._numbers[near[order]]]

    def _fetch(self, connection: sqlite3.Connection) -> None:
        rows = connection.execute(
            "SELECT number, dhash FROM images WHERE number > ? ORDER BY number", (self._last,)
        ).fetchall()
        if not rows:
            return
        count = self._count + len(rows)
        if count > len(self._hashes):
            self._hashes = _grow(self._hashes, 2 * count)
            self._numbers = _grow(self._numbers, 2 * count)
        self._hashes[self._count : count] = _parse_hashes(b"".join(row[1] for row in rows))
        self._numbers[self._count : count] = [row[0] for row in rows]
        self._count, self._last = count, rows[-1][0]


def find_near_entry(
    connection: sqlite3.Connection, numbers: Sequence[int], model: str
) -> Entry | None:
    """Return the label of the most alike image that has one for the model.

    `numbers`: of images, the most alike first.
    """
    row = connection.execute(
        f"SELECT {COLUMNS} FROM json_each(?) near JOIN images i ON i.number = near.value "  # noqa: S608
        "JOIN entries e ON e.image = i.number WHERE NOT e.deleted AND e.state != 'rejected' "
        "AND (? = '' OR e.model IN (?, '')) ORDER BY near.key, e.id LIMIT 1",
        (json.dumps(list(numbers)), model, model),
    ).fetchone()
    return read_entry(row) if row else None


def join_group(
    connection: sqlite3.Connection, sha256: str, near: Sequence[int], former: Assignment | None
) -> Assignment | None:
    """Assign a new image by the images that it looks like; None where there are none.

    It joins their group; several groups of one split become one. Where they are of both splits,
    the image is excluded. `near`: their numbers. `former`: the image's assignment in the store
    that it comes from, which is kept unless that would put near-duplicates into both splits.
    """
    touched = _find_touched(connection, near, former)
    if former and former.split == "excluded":
        return former
    splits = {assignment.split for assignment in touched} - {"excluded"}
    if former:
        splits.add(former.split)
    if len(splits) > 1:
        return Assignment(sha256, "excluded")
    if not splits:
        return min(touched, key=lambda assignment: assignment.group, default=None)
    (split,) = splits
    groups = sorted(assignment.group for assignment in touched if assignment.split == split)
    joined = former or Assignment(groups[0], split)
    for group in groups:
        _rename_group(connection, group, joined)
    return joined


def start_group(connection: sqlite3.Connection, sha256: str, model: str, label: str) -> Assignment:
    """Assign a new image that looks like no other: to a group of its own.

    The first groups of a class are trained on; of later ones a fifth, by the hash of their
    name, is locked.
    """
    groups = connection.execute(
        "SELECT DISTINCT i.grp FROM entries e JOIN images i ON i.number = e.image "
        "WHERE e.model IN (?, '') AND e.label = ? AND NOT e.deleted AND e.state != 'rejected' "
        "AND i.split = 'train' LIMIT ?",
        (model, label, FIRST_TRAIN_GROUPS),
    ).fetchall()
    is_first = len(groups) < FIRST_TRAIN_GROUPS
    is_locked = not is_first and hash_to_fraction(sha256, "locked") < LOCKED_FRACTION
    return Assignment(sha256, "locked" if is_locked else "train")


def _find_touched(
    connection: sqlite3.Connection, near: Sequence[int], former: Assignment | None
) -> list[Assignment]:
    rows = connection.execute(
        "SELECT DISTINCT grp, split FROM images "
        "WHERE number IN (SELECT value FROM json_each(?)) OR grp = ?",
        (json.dumps(list(near)), former.group if former else ""),
    )
    return [Assignment(*row) for row in rows]


def _rename_group(connection: sqlite3.Connection, group: str, assignment: Assignment) -> None:
    if group != assignment.group:
        connection.execute(
            "UPDATE images SET grp = ? WHERE grp = ? AND split = ?",
            (assignment.group, group, assignment.split),
        )


def _parse_hashes(joined: bytes) -> NDArray[np.uint64]:
    return np.frombuffer(joined, dtype=np.uint64).reshape(-1, 4)


def _grow(array: NDArray[Any], size: int) -> NDArray[Any]:
    return np.concatenate([array, np.empty((size - len(array), *array.shape[1:]), array.dtype)])
