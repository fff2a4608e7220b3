"""Label issues: what the last check of a model's labels found, until a person has looked.

The trainer stores a check after each training; the page reads what is open of it. A label that
was changed, deleted or confirmed since is no issue any more; undoing that brings it back.
"""

import json
import sqlite3
from dataclasses import astuple, dataclass

from labelling.store.changes import CONFIRM, read_now
from labelling.store.entries import COLUMNS, Entry, read_entry
from labelling.store.queries import SCOPE


@dataclass(frozen=True)
class LabelIssue:
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
class LabelCheck:
    """What a check of a model's labels found.

    `images`: how many were looked at. `too_few`: classes that have too few to be checked.
    `made`: ISO 8601, UTC; empty until the check is stored.
    """

    images: int
    too_few: tuple[str, ...]
    issues: tuple[LabelIssue, ...]
    made: str = ""


# The last thing that happened to an entry, and still holds, is that somebody confirmed it.
_IS_CONFIRMED = (
    "EXISTS (SELECT 1 FROM changes c WHERE c.entry = e.id AND NOT c.undone "  # noqa: S608
    f"AND c.kind = '{CONFIRM}' AND c.id = (SELECT max(id) FROM changes "
    "WHERE entry = e.id AND NOT undone AND kind != 'undo'))"
)
# An issue is open while its label stays as it was checked, and nobody has confirmed it.
_OPEN = (
    f"FROM label_issues issue JOIN entries e ON e.id = issue.entry "
    "JOIN images i ON i.number = e.image "
    f"WHERE issue.model = :model AND {SCOPE} AND e.state = 'approved' AND e.label = issue.label "
    f"AND NOT {_IS_CONFIRMED}"
)


def put_label_check(connection: sqlite3.Connection, model: str, check: LabelCheck) -> None:
    """Store a check of a model's labels; it replaces the one before."""
    connection.execute(
        "INSERT OR REPLACE INTO label_checks (model, made, images, too_few) VALUES (?, ?, ?, ?)",
        (model, check.made or read_now(), check.images, json.dumps(check.too_few)),
    )
    connection.execute("DELETE FROM label_issues WHERE model = ?", (model,))
    connection.executemany(
        "INSERT INTO label_issues (model, entry, label, suggested, probability, quality) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        ((model, *astuple(issue)) for issue in check.issues),
    )


def read_label_check(connection: sqlite3.Connection, model: str) -> LabelCheck | None:
    """Return the last check of a model with all that it found; None where there was none."""
    row = connection.execute(
        "SELECT images, too_few, made FROM label_checks WHERE model = ?", (model,)
    ).fetchone()
    if row is None:
        return None
    issues = connection.execute(
        "SELECT entry, label, suggested, probability, quality FROM label_issues WHERE model = ? "
        "ORDER BY quality, entry",
        (model,),
    )
    found = tuple(LabelIssue(*issue) for issue in issues)
    return LabelCheck(int(row[0]), tuple(json.loads(row[1])), found, row[2])


def find_label_issues(
    connection: sqlite3.Connection, model: str, limit: int | None = None, offset: int = 0
) -> list[tuple[Entry, LabelIssue]]:
    """Return the open issues with their labels, the worst first."""
    rows = connection.execute(
        "SELECT issue.entry, issue.label, issue.suggested, issue.probability, issue.quality, "
        f"{COLUMNS} {_OPEN} ORDER BY issue.quality, issue.entry LIMIT :limit OFFSET :offset",
        {"model": model, "limit": -1 if limit is None else limit, "offset": offset},
    )
    return [(read_entry(row[5:]), LabelIssue(*row[:5])) for row in rows]


def count_label_issues(connection: sqlite3.Connection, model: str) -> int:
    """Return how many issues are open."""
    row = connection.execute(f"SELECT count(*) {_OPEN}", {"model": model}).fetchone()
    return int(row[0])


def list_confirmed(connection: sqlite3.Connection, model: str) -> set[int]:
    """Return the numbers of the approved entries of a model whose label somebody confirmed."""
    rows = connection.execute(
        f"SELECT e.id FROM entries e WHERE {SCOPE} AND e.state = 'approved' AND {_IS_CONFIRMED}",  # noqa: S608
        {"model": model},
    )
    return {number for (number,) in rows}
