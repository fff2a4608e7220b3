"""Changes of labels: each is kept with who made it, and can be undone.

Everything here runs on the connection of the one writer, as part of its transaction.
"""

import json
import sqlite3
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

from inference.errors import UserInputError
from labelling.store.entries import SELECT, Entry, read_entry
from labelling.store.labels import MAX_CLASSES, check_label, clean_name

CONFIRM = "confirm"
# Images that are in use, or were within a number of seconds.
_NEEDED = "SELECT image FROM entries WHERE NOT (deleted OR state = 'rejected') OR changed > ?"


@dataclass(frozen=True)
class EntryState:
    """What of an entry can change."""

    label: str
    state: str
    deleted: bool = False


@dataclass(frozen=True)
class Change:
    """What is done to a label.

    `kind`: add, relabel, approve, confirm, reject, delete or undo. `label` and `state` are None
    where they stay as they are. To confirm is to say that a label that looks wrong is right, or
    which label is.
    """

    kind: str
    who: str
    label: str | None = None
    state: str | None = None
    deleted: bool = False

    def check(self) -> "Change":
        """Return the change in the form that is stored.

        Raises: UserInputError for a label that cannot be.
        """
        label = None if self.label is None else check_label(self.label)
        return replace(self, who=clean_name(self.who), label=label)


def read_now() -> str:
    """Return the time as it is stored."""
    return write_time(datetime.now(UTC))


def write_time(time: datetime) -> str:
    """Return a time in UTC as it is stored: ISO 8601, always of the same length."""
    return time.isoformat(timespec="microseconds")


def read_one(connection: sqlite3.Connection, number: int) -> tuple[Entry, bool]:
    """Return an entry, and whether it is deleted.

    Raises: UserInputError where there is none.
    """
    row = connection.execute(f"{SELECT} WHERE e.id = ?", (number,)).fetchone()
    if row is None:
        raise UserInputError(f"There is no label {number}. Reload the page or the list.")
    (deleted,) = connection.execute(
        "SELECT deleted FROM entries WHERE id = ?", (number,)
    ).fetchone()
    return read_entry(row), bool(deleted)


def read_kept(connection: sqlite3.Connection, number: int) -> Entry:
    """Return an entry that is not deleted.

    Raises: UserInputError where it is, or there is none.
    """
    entry, is_deleted = read_one(connection, number)
    if is_deleted:
        raise UserInputError(f"Label {number} was deleted. Undo that, or add the picture again.")
    return entry


def read_entry_state(connection: sqlite3.Connection, number: int) -> EntryState:
    """Return the present state of an entry."""
    entry, is_deleted = read_one(connection, number)
    return EntryState(entry.label, entry.state, is_deleted)


def change_entry(connection: sqlite3.Connection, number: int, change: Change) -> int:
    """Change an entry as a person asked; returns the number of the change.

    Raises: UserInputError where there is no such entry, or it was deleted.
    """
    if not change.deleted:
        read_kept(connection, number)
    current = read_entry_state(connection, number)
    label = current.label if change.label is None else change.label
    state = current.state if change.state is None else change.state
    return apply_change(connection, number, EntryState(label, state, change.deleted), change)


def apply_change(
    connection: sqlite3.Connection, number: int, after: EntryState, change: Change
) -> int:
    """Change an entry and record what it was; returns the number of the change.

    Where it is so already, nothing is changed: the number is that of the last change if that
    did the same (a button pressed twice), else 0. That a label is confirmed is recorded.
    """
    before = read_entry_state(connection, number)
    if before == after:
        last, kind = _find_last(connection, number)
        if change.kind != CONFIRM or kind == CONFIRM:
            return last if kind == change.kind else 0
    if not after.deleted and after.state != "rejected":
        check_room(connection, read_one(connection, number)[0].model, after.label)
    _write_entry_state(connection, number, after)
    return record_change(connection, number, before, after, change)


def record_change(
    connection: sqlite3.Connection,
    number: int,
    before: EntryState | None,
    after: EntryState,
    change: Change,
) -> int:
    """Record a change; `before` is None for an entry that was not there."""
    cursor = connection.execute(
        "INSERT INTO changes (entry, kind, who, made, before, after) VALUES (?, ?, ?, ?, ?, ?)",
        (
            number,
            change.kind,
            change.who,
            read_now(),
            json.dumps(asdict(before)) if before else None,
            json.dumps(asdict(after)),
        ),
    )
    return int(cursor.lastrowid or 0)


def undo(connection: sqlite3.Connection, number: int, who: str) -> Entry:
    """Reverse a change if nothing changed its entry since; returns the entry as it is then.

    Raises: UserInputError where it cannot be reversed.
    """
    row = connection.execute(
        "SELECT c.entry, c.before, c.after, c.undone, i.removed FROM changes c "
        "JOIN entries e ON e.id = c.entry JOIN images i ON i.number = e.image "
        "WHERE c.id = ? AND c.kind != 'undo'",
        (number,),
    ).fetchone()
    if row is None:
        raise UserInputError(f"There is no change {number} to undo. Reload the page.")
    entry, before_text, after_text, undone, removed = row
    if undone:
        raise UserInputError("This change was undone already. Reload the page.")
    if _find_last(connection, entry)[0] != number:
        raise UserInputError("This label was changed again since. Undo the later change first.")
    if removed is not None:
        raise UserInputError("This picture was removed for good. Add it again.")
    before = EntryState(**json.loads(before_text)) if before_text else None
    after = before or replace(EntryState(**json.loads(after_text)), deleted=True)
    apply_change(connection, entry, after, Change("undo", who))
    connection.execute("UPDATE changes SET undone = 1 WHERE id = ?", (number,))
    return read_one(connection, entry)[0]


def check_room(connection: sqlite3.Connection, model: str, label: str) -> None:
    """Raise UserInputError where a label would be a class too many of its model."""
    labels = connection.execute(
        "SELECT DISTINCT label FROM entries "
        "WHERE model IN (?, '') AND NOT deleted AND state = 'approved'",
        (model,),
    ).fetchall()
    if (label,) not in labels and len(labels) >= MAX_CLASSES:
        raise UserInputError(
            f"There are {len(labels)} classes already; at most {MAX_CLASSES} are taken. "
            "Choose one of them, or delete one."
        )


def mark_removed(
    connection: sqlite3.Connection, older_than_seconds: float, only: str | None = None
) -> None:
    """Mark the images whose every label was deleted or rejected so long ago.

    Their embeddings, file names, and who labelled them are deleted. `only`: the SHA-256 of the
    one image to mark.
    """
    before = datetime.now(UTC) - timedelta(seconds=older_than_seconds)
    connection.execute(
        f"UPDATE images SET removed = ? WHERE removed IS NULL AND number NOT IN ({_NEEDED}) "  # noqa: S608
        "AND (? IS NULL OR sha256 = ?)",
        (read_now(), write_time(before), only, only),
    )
    gone = "image IN (SELECT number FROM images WHERE removed IS NOT NULL)"
    connection.execute(f"DELETE FROM embeddings WHERE {gone}")  # noqa: S608
    connection.execute(f"UPDATE entries SET deleted = 1, who = '', name = '' WHERE {gone}")  # noqa: S608


def is_brought_by(connection: sqlite3.Connection, sha256: str, who: str) -> bool:
    """Tell whether only `who` ever labelled an image, and has taken that back.

    What a teacher rejected or deleted is kept, since they may put it back.
    """
    entries, others = connection.execute(
        "SELECT COUNT(DISTINCT e.id), "
        "COUNT(*) FILTER (WHERE c.who != ? OR NOT (c.kind = 'undo' OR c.kind = 'add' AND c.undone))"
        " FROM images i JOIN entries e ON e.image = i.number "
        "LEFT JOIN changes c ON c.entry = e.id WHERE i.sha256 = ?",
        (who, sha256),
    ).fetchone()
    return int(entries) == 1 and not others


def list_kept(connection: sqlite3.Connection) -> set[str]:
    """Return the SHA-256 of all images whose files are kept."""
    rows = connection.execute("SELECT sha256 FROM images WHERE removed IS NULL")
    return {sha256 for (sha256,) in rows}


def list_gone(connection: sqlite3.Connection) -> set[str]:
    """Return the SHA-256 of all images that were removed, and are known by their rows alone."""
    rows = connection.execute("SELECT sha256 FROM images WHERE removed IS NOT NULL")
    return {sha256 for (sha256,) in rows}


def _find_last(connection: sqlite3.Connection, entry: int) -> tuple[int, str]:
    """Return the number and kind of the last change of an entry that still holds."""
    row = connection.execute(
        "SELECT id, kind FROM changes WHERE entry = ? AND NOT undone AND kind != 'undo' "
        "ORDER BY id DESC LIMIT 1",
        (entry,),
    ).fetchone()
    return (int(row[0]), str(row[1])) if row else (0, "")


def _write_entry_state(connection: sqlite3.Connection, number: int, state: EntryState) -> None:
    connection.execute(
        "UPDATE entries SET label = ?, state = ?, deleted = ?, changed = ? WHERE id = ?",
        (state.label, state.state, int(state.deleted), read_now(), number),
    )
