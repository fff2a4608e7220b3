"""What SQLite reports of a disk, a damaged file or another process, in words for a person."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inference.errors import BusyError, StorageError

# Errors that a disk or another process causes. Source: SQLite's result codes.
_IN_USE = (
    "is in use by another process that does not finish. Wait for it, or end it, and try again."
)
_CAUSES = {
    sqlite3.SQLITE_BUSY: _IN_USE,
    sqlite3.SQLITE_LOCKED: _IN_USE,
    sqlite3.SQLITE_READONLY: "cannot be written to. Change its permissions, or choose another "
    "--data.",
    sqlite3.SQLITE_PERM: "cannot be written to. Change its permissions, or choose another --data.",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened or made. Change the permissions of its folder, or "
    "choose another --data.",
    sqlite3.SQLITE_FULL: "cannot grow, since the disk is full. Nothing was changed; make room, "
    "and try again.",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk reports an error. Look whether it "
    "is full or broken.",
    sqlite3.SQLITE_CORRUPT: "is damaged. Start this program again: it keeps the damaged file, and "
    "puts back the last snapshot.",
    sqlite3.SQLITE_NOTADB: "is not a database. Start this program again: it keeps that file, and "
    "puts back the last snapshot.",
}


@contextmanager
def explaining(path: Path) -> Iterator[None]:
    """Turn an error of the disk, or of another process, into one sentence for a person.

    Raises: StorageError; BusyError where it may work later.
    """
    try:
        yield
    except sqlite3.Error as error:
        cause = _CAUSES.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
        if cause is None:
            raise
        kind = BusyError if cause == _IN_USE else StorageError
        raise kind(f"The list of labels ({path}) {cause}") from error
