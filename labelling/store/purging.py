"""Removing pictures for good, once nobody needs them: what is left is that they were known."""

import sqlite3
from datetime import UTC, datetime, timedelta

from labelling.store.changes import read_now, write_time

# Pictures that were in use but for the last so many seconds, or still are.
_NEEDED = "SELECT picture FROM entries WHERE NOT (deleted OR state = 'rejected') OR changed > ?"


def mark_removed(
    connection: sqlite3.Connection, older_than_seconds: float, only: str | None = None
) -> None:
    """Mark the pictures whose every label was deleted or rejected so long ago.

    What was said of them goes with them: who, file name, embeddings. `only`: the SHA-256 of the
    one picture that is meant.
    """
    before = datetime.now(UTC) - timedelta(seconds=older_than_seconds)
    connection.execute(
        f"UPDATE pictures SET removed = ? WHERE removed IS NULL AND number NOT IN ({_NEEDED}) "  # noqa: S608
        "AND (? IS NULL OR sha256 = ?)",
        (read_now(), write_time(before), only, only),
    )
    gone = "picture IN (SELECT number FROM pictures WHERE removed IS NOT NULL)"
    connection.execute(f"DELETE FROM embeddings WHERE {gone}")  # noqa: S608
    connection.execute(f"UPDATE entries SET deleted = 1, who = '', name = '' WHERE {gone}")  # noqa: S608


def is_brought_by(connection: sqlite3.Connection, sha256: str, who: str) -> bool:
    """Tell whether nobody else ever had to do with a picture, and nothing of it is in use.

    That is: it has one entry, deleted or not, and all that ever happened to that is that `who`
    added it and took it back. What a teacher rejected or deleted may be put back by them.
    """
    entries, others = connection.execute(
        "SELECT COUNT(DISTINCT e.id), "
        "COUNT(*) FILTER (WHERE c.who != ? OR NOT (c.kind = 'undo' OR c.kind = 'add' AND c.undone))"
        " FROM pictures p JOIN entries e ON e.picture = p.number "
        "LEFT JOIN changes c ON c.entry = e.id WHERE p.sha256 = ?",
        (who, sha256),
    ).fetchone()
    return int(entries) == 1 and not others


def list_kept(connection: sqlite3.Connection) -> set[str]:
    """Return the SHA-256 of all pictures whose files are kept."""
    rows = connection.execute("SELECT sha256 FROM pictures WHERE removed IS NULL")
    return {sha256 for (sha256,) in rows}
