"""Snapshots of the list of labels: before each migration, and once a day while a page runs.

`DATA/snapshots/labels-<time>.sqlite3`, copied by SQLite's backup API from one state of the
database, whoever writes meanwhile. Each is checked before it counts, and appears by one rename.
"""

import logging
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock, Timeout

from inference.atomic_files import STAGING, staging_folder, sync_folder
from inference.errors import StorageError, explaining_files

FOLDER = "snapshots"
KEPT = 3
_DAY = 86_400.0  # seconds
_PAUSE = 600.0  # seconds between two looks at whether one is due
_NAME = "labels-%Y%m%dT%H%M%S.%fZ.sqlite3"
# Seconds for which a database is looked through: 80 MB take 0.1.
_LONGEST_CHECK = 5.0
_STEPS = 100_000  # of SQLite's virtual machine, between two looks at the clock
_TABLES = ("entries", "changes")


class SnapshotKeeper:
    """Makes a snapshot at its start and then whenever one is due; `fault` says why it could not."""

    def __init__(self, save: Callable[[], object]) -> None:
        self.fault: str | None = None
        self._save = save
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, with the first one at once."""
        self._try()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, once a snapshot that is being made is whole."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _keep(self) -> None:
        while not self._stopping.wait(_PAUSE):
            self._try()

    def _try(self) -> None:
        try:
            self._save()
        except StorageError as error:
            self.fault = f"No snapshot of the labels could be made. {error}"
            logging.getLogger(__name__).error(self.fault)
        else:
            self.fault = None


def save_if_due(connection: sqlite3.Connection, path: Path) -> Path | None:
    """Make a snapshot unless there is one of today, or nothing has changed since the last.

    Raises: StorageError.
    """
    taken = list_snapshots(path)
    if taken:
        made = taken[-1].stat().st_mtime
        if time.time() - made < _DAY or made >= _read_last_change(path):
            return None
    elif not connection.execute("SELECT EXISTS (SELECT 1 FROM images)").fetchone()[0]:
        return None
    return save_snapshot(connection, path)


def save_snapshot(connection: sqlite3.Connection, path: Path) -> Path | None:
    """Copy a database and delete all but the last snapshots; None where another process does it.

    Raises: StorageError, also where what would be copied is damaged.
    """
    folder = path.with_name(FOLDER)
    try:
        with explaining_files(folder):
            folder.mkdir(exist_ok=True)
            with FileLock(folder / ".lock", blocking=False):
                return _save(connection, path, folder)
    except Timeout:
        return None


def list_snapshots(path: Path) -> list[Path]:
    """Return the snapshots of a database, oldest first."""
    return sorted(path.with_name(FOLDER).glob("labels-*.sqlite3"))


def name_time(snapshot: Path) -> str:
    """Return when a snapshot was made, as people read it."""
    try:
        return f"{datetime.strptime(snapshot.name, _NAME):%d %b %Y, %H:%M} UTC"
    except ValueError:
        return snapshot.name  # somebody has renamed it


def find_damage(path: Path, version: int) -> str | None:
    """Return what is wrong with a snapshot, or with the file of a closed database."""
    address = f"file:{quote(str(path))}?mode=ro&immutable=1"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        return find_damage_in(connection, version)


def find_damage_in(connection: sqlite3.Connection, version: int) -> str | None:
    """Return what is wrong with a database: damaged pages, no tables; None if nothing is.

    `version`: the newest that is known. What cannot be looked through in time counts as whole.
    """
    end = time.monotonic() + _LONGEST_CHECK
    connection.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
    try:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        (kept,) = connection.execute("PRAGMA user_version").fetchone()
        rows = connection.execute("SELECT name FROM sqlite_master").fetchall()
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_INTERRUPT:
            return None
        if code not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise
        return "damaged"
    finally:
        connection.set_progress_handler(None, 0)
    if found != "ok":
        return "damaged"
    if kept <= version and not {(name,) for name in _TABLES} <= set(rows):
        return "empty"
    return None


def _save(connection: sqlite3.Connection, path: Path, folder: Path) -> Path:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    target = folder / f"{datetime.now(UTC):{_NAME}}"
    for left in folder.glob(f"{STAGING}*"):  # by processes that were killed: we hold the lock
        shutil.rmtree(left, ignore_errors=True)
    with staging_folder(folder) as staging:
        copy = staging / target.name
        with closing(sqlite3.connect(copy)) as other:
            connection.backup(other)
        if find_damage(copy, version) is not None:
            raise StorageError(
                f"The list of labels ({path}) is damaged; no snapshot of it was made. Start this "
                "program again: it puts the last one back."
            )
        with copy.open("rb") as file:
            os.fsync(file.fileno())
        copy.rename(target)
    sync_folder(folder)
    for old in list_snapshots(path)[:-KEPT]:
        old.unlink(missing_ok=True)
    return target


def _read_last_change(path: Path) -> float:
    """Return when a database was last written, in seconds."""
    files = (path, path.with_name(f"{path.name}-wal"))
    return max(file.stat().st_mtime for file in files if file.is_file())
