"""Labels in doubt: what the last check of a model's labels found, until a person has looked.

The trainer writes a check after each training; the page reads what of it still stands. A label
that was changed, deleted or confirmed since is in doubt no more; undoing that brings it back.
"""

import json
import sqlite3
from dataclasses import astuple, dataclass

from labelling.store.changes import CONFIRM, read_now
from labelling.store.entries import COLUMNS, Entry, read_entry
from labelling.store.queries import SCOPE


@dataclass(frozen=True)
class Doubt:
    """A label that looks wrong.

    `entry`: its number; `label`: what it was when it was checked; `suggested`: the class that the
    check would give, with its `probability`; `quality` of the label, the worst first: both 0–1.
    """

    entry: int
    label: str
    suggested: str
    probability: float
    quality: float


@dataclass(frozen=True)
class Check:
    """What a check of a model's labels found.

    `pictures`: how many were looked at. `too_few`: classes of which nothing can be said yet.
    `made`: ISO 8601, UTC; empty until the check is stored.
    """

    pictures: int
    too_few: tuple[str, ...]
    doubts: tuple[Doubt, ...]
    made: str = ""


# The last thing that happened to an entry, and still holds, is that somebody confirmed it.
_IS_CONFIRMED = (
    "EXISTS (SELECT 1 FROM changes c WHERE c.entry = e.id AND NOT c.undone "  # noqa: S608
    f"AND c.kind = '{CONFIRM}' AND c.id = (SELECT max(id) FROM changes "
    "WHERE entry = e.id AND NOT undone AND kind != 'undo'))"
)
# A doubt stands while its label does, and nobody has confirmed that since it came to be.
_STANDING = (
    f"FROM doubts d JOIN entries e ON e.id = d.entry JOIN pictures p ON p.number = e.picture "
    f"WHERE d.model = :model AND {SCOPE} AND e.state = 'approved' AND e.label = d.label "
    f"AND NOT {_IS_CONFIRMED}"
)


def put_check(connection: sqlite3.Connection, model: str, check: Check) -> None:
    """Keep a check of a model's labels in place of the one before."""
    connection.execute(
        "INSERT OR REPLACE INTO checks (model, made, pictures, too_few) VALUES (?, ?, ?, ?)",
        (model, check.made or read_now(), check.pictures, json.dumps(check.too_few)),
    )
    connection.execute("DELETE FROM doubts WHERE model = ?", (model,))
    connection.executemany(
        "INSERT INTO doubts (model, entry, label, suggested, probability, quality) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        ((model, *astuple(doubt)) for doubt in check.doubts),
    )


def read_check(connection: sqlite3.Connection, model: str) -> Check | None:
    """Return the last check of a model with all that it found; None where there was none."""
    row = connection.execute(
        "SELECT pictures, too_few, made FROM checks WHERE model = ?", (model,)
    ).fetchone()
    if row is None:
        return None
    doubts = connection.execute(
        "SELECT entry, label, suggested, probability, quality FROM doubts WHERE model = ? "
        "ORDER BY quality, entry",
        (model,),
    )
    found = tuple(Doubt(*doubt) for doubt in doubts)
    return Check(int(row[0]), tuple(json.loads(row[1])), found, row[2])


def find_doubts(
    connection: sqlite3.Connection, model: str, limit: int | None = None, offset: int = 0
) -> list[tuple[Entry, Doubt]]:
    """Return the labels that are in doubt still, the worst first."""
    rows = connection.execute(
        "SELECT d.entry, d.label, d.suggested, d.probability, d.quality, "
        f"{COLUMNS} {_STANDING} ORDER BY d.quality, d.entry LIMIT :limit OFFSET :offset",
        {"model": model, "limit": -1 if limit is None else limit, "offset": offset},
    )
    return [(read_entry(row[5:]), Doubt(*row[:5])) for row in rows]


def count_doubts(connection: sqlite3.Connection, model: str) -> int:
    """Return how many labels are in doubt still."""
    row = connection.execute(f"SELECT count(*) {_STANDING}", {"model": model}).fetchone()
    return int(row[0])


def list_confirmed(connection: sqlite3.Connection, model: str) -> set[int]:
    """Return the numbers of the approved entries of a model whose label somebody confirmed."""
    rows = connection.execute(
        f"SELECT e.id FROM entries e WHERE {SCOPE} AND e.state = 'approved' AND {_IS_CONFIRMED}",  # noqa: S608
        {"model": model},
    )
    return {number for (number,) in rows}
