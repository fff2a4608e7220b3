"""Near-duplicates in the store, and what each new picture is for: training, measuring, neither.

A picture's place is fixed when it enters. Near-duplicates join their group, so that no version
is measured on a picture whose near-duplicate it was trained on.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelling.images.near_duplicates import MAX_BITS, find_telling, place_group
from labelling.store.entries import COLUMNS, Entry, read_entry

# A class needs something to be learnt from before anything is set aside to measure on.
FIRST_TRAIN_GROUPS = 3
LOCKED_FRACTION = 0.2


@dataclass(frozen=True)
class Place:
    """The group that a picture belongs to and the split that the group stands in."""

    group: str
    split: str


class Looks:
    """The difference hashes of all pictures, kept in memory; only new ones are fetched.

    Not safe to share between threads: use it as the one writer.
    """

    def __init__(self) -> None:
        self._hashes = np.empty((1024, 4), dtype=np.uint64)
        self._numbers = np.empty(1024, dtype=np.int64)
        self._count = 0
        self._last = 0

    def find_near(self, connection: sqlite3.Connection, dhash: bytes) -> list[int]:
        """Return the numbers of the pictures that look alike, the most alike first.

        A plain picture has none: its hash says nothing of what is seen.
        """
        self._fetch(connection)
        wanted = _parse_hashes(dhash)
        if not len(find_telling(wanted)):
            return []
        hashes = self._hashes[: self._count]
        bits = np.bitwise_count(hashes ^ wanted).sum(axis=1)
        near = np.flatnonzero(bits <= MAX_BITS)
        near = near[find_telling(hashes[near])]
        order = np.argsort(bits[near], kind="stable")
        return [int(number) for number in self._numbers[near[order]]]

    def _fetch(self, connection: sqlite3.Connection) -> None:
        rows = connection.execute(
            "SELECT number, dhash FROM pictures WHERE number > ? ORDER BY number", (self._last,)
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
    """Return the label of the most alike picture that has one for the model.

    `numbers`: of pictures, the most alike first.
    """
    row = connection.execute(
        f"SELECT {COLUMNS} FROM json_each(?) near JOIN pictures p ON p.number = near.value "  # noqa: S608
        "JOIN entries e ON e.picture = p.number WHERE NOT e.deleted AND e.state != 'rejected' "
        "AND (? = '' OR e.model IN (?, '')) ORDER BY near.key, e.id LIMIT 1",
        (json.dumps(list(numbers)), model, model),
    ).fetchone()
    return read_entry(row) if row else None


def find_place(
    connection: sqlite3.Connection, sha256: str, near: Sequence[int], wanted: Place | None
) -> Place | None:
    """Return the place of a new picture that other pictures decide; None where none does.

    It joins the group that it touches, and groups of one split that it touches become one.
    Between both splits it is excluded. `near`: numbers of the pictures that look alike.
    `wanted`: its place in the store that it comes from, kept unless pictures here forbid it.
    """
    touched = _find_touched(connection, near, wanted)
    if wanted and wanted.split == "excluded":
        return wanted
    splits = {place.split for place in touched} - {"excluded"}
    if wanted:
        splits.add(wanted.split)
    if len(splits) > 1:
        return Place(sha256, "excluded")
    if not splits:
        return min(touched, key=lambda place: place.group, default=None)
    (split,) = splits
    groups = sorted(place.group for place in touched if place.split == split)
    place = wanted or Place(groups[0], split)
    for group in groups:
        _rename_group(connection, group, place)
    return place


def choose_place(connection: sqlite3.Connection, sha256: str, model: str, label: str) -> Place:
    """Return the place of a picture that is like no other: a new group's.

    The first groups of a class are trained on; of later ones a fifth, by the hash of their
    name, is locked.
    """
    groups = connection.execute(
        "SELECT DISTINCT p.grp FROM entries e JOIN pictures p ON p.number = e.picture "
        "WHERE e.model IN (?, '') AND e.label = ? AND NOT e.deleted AND e.state != 'rejected' "
        "AND p.split = 'train' LIMIT ?",
        (model, label, FIRST_TRAIN_GROUPS),
    ).fetchall()
    is_first = len(groups) < FIRST_TRAIN_GROUPS
    is_locked = not is_first and place_group(sha256, "locked") < LOCKED_FRACTION
    return Place(sha256, "locked" if is_locked else "train")


def _find_touched(
    connection: sqlite3.Connection, near: Sequence[int], wanted: Place | None
) -> list[Place]:
    rows = connection.execute(
        "SELECT DISTINCT grp, split FROM pictures "
        "WHERE number IN (SELECT value FROM json_each(?)) OR grp = ?",
        (json.dumps(list(near)), wanted.group if wanted else ""),
    )
    return [Place(*row) for row in rows]


def _rename_group(connection: sqlite3.Connection, group: str, place: Place) -> None:
    if group != place.group:
        connection.execute(
            "UPDATE pictures SET grp = ? WHERE grp = ? AND split = ?",
            (place.group, group, place.split),
        )


def _parse_hashes(joined: bytes) -> NDArray[np.uint64]:
    return np.frombuffer(joined, dtype=np.uint64).reshape(-1, 4)


def _grow(array: NDArray[Any], size: int) -> NDArray[Any]:
    return np.concatenate([array, np.empty((size - len(array), *array.shape[1:]), array.dtype)])
