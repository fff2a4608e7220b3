"""Removing pictures for good, once nobody needs them: what is left is that they were known."""

import sqlite3
from datetime import UTC, datetime, timedelta

from labelling.changes import read_now, write_time

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


def list_kept(connection: sqlite3.Connection) -> set[str]:
    """Return the SHA-256 of all pictures whose files are kept."""
    rows = connection.execute("SELECT sha256 FROM pictures WHERE removed IS NULL")
    return {sha256 for (sha256,) in rows}
