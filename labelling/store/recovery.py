"""A damaged, empty or lost list of labels: it is set aside, and the last snapshot restored.

`DATA/damaged/<time>/` keeps the file as it was found, and `what-happened.txt` the sentence that
the page shows until the folder is deleted. For as long, no image file is deleted for having no row:
its row may be in the damaged file alone. Each step can be killed; the next start goes on.
"""

import logging
import os
import shutil
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from inference.atomic_files import replace_file, replacing_file, sync_folder
from inference.errors import StorageError
from labelling.audit_log import PROGRAM, record
from labelling.store.failures import explaining
from labelling.store.snapshots import find_damage, find_damage_in, list_snapshots, name_time

if sys.platform != "win32":  # there, a file that another process has open cannot be moved
    import fcntl

FOLDER = "damaged"
NOTICE, _UNFINISHED = "what-happened.txt", "unfinished.txt"
_LOGS = ("-wal", "-shm")  # beside a database, which are nothing without it


class Users:
    """The lock that all who have a database open share; who moves it away must be alone."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f".{path.name}.users.lock")
        self._handle: int | None = None

    def join(self) -> None:
        """Count as one more, until `leave`."""
        self._lock(exclusive=False)

    def exclude(self) -> bool:
        """Tell whether nobody else has the database open; then keep others out."""
        return self._lock(exclusive=True)

    def leave(self) -> None:
        """Count no more."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _lock(self, *, exclusive: bool) -> bool:
        if sys.platform == "win32":
            return True
        if self._handle is None:
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        kind = fcntl.LOCK_EX | fcntl.LOCK_NB if exclusive else fcntl.LOCK_SH
        try:
            fcntl.flock(self._handle, kind)
        except BlockingIOError:
            return False
        return True


def recover(path: Path, users: Users, version: int) -> None:
    """Put a database right before it is opened; the caller holds the lock of its opening.

    `version`: the newest that is known here.
    Raises: StorageError where another process has a damaged one open, or the disk fails.
    """
    data = path.parent
    with explaining(path):
        fault = _find_fault(path, version)
    if fault is not None:
        if not users.exclude():
            raise StorageError(
                f"The list of labels ({path}) is {fault}, and another process has it open. End "
                "that process, and start again."
            )
        _replace(path, fault, version)
    for left in _list_notices(data, _UNFINISHED):
        sentence = left.read_text(encoding="utf-8")
        record(data, PROGRAM, "recovered")
        left.rename(left.with_name(NOTICE))
        logging.getLogger(__name__).error(sentence)


def read_notice(data: Path) -> str | None:
    """Return the sentence about the last damaged list of labels that lies aside, if one does."""
    notices = _list_notices(data, NOTICE)
    return notices[-1].read_text(encoding="utf-8", errors="replace") if notices else None


def is_any_aside(data: Path) -> bool:
    """Tell whether a damaged list of labels is kept, which may name images that no row names."""
    return any(_list_notices(data, name) for name in (NOTICE, _UNFINISHED))


def _list_notices(data: Path, name: str) -> list[Path]:
    return sorted((data / FOLDER).glob(f"*/{name}"))


def _find_fault(path: Path, version: int) -> str | None:
    """Return what is wrong with a database; None for a new one in a folder that holds no image."""
    fault = _look_at(path, version)
    return fault if fault == "damaged" or _has_something(path) else None


def _look_at(path: Path, version: int) -> str | None:
    if not path.exists():
        return "missing"
    if path.stat().st_size == 0:
        return "empty"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return find_damage_in(connection, version)


def _has_something(path: Path) -> bool:
    """Tell whether there were labels here: a file of an image, a snapshot, a list that was kept."""
    data = path.parent
    images = data.glob("pictures/??/*.jpg")
    return bool(list_snapshots(path)) or is_any_aside(data) or next(images, None) is not None


def _replace(path: Path, fault: str, version: int) -> None:
    data = path.parent
    snapshot = next(
        (s for s in reversed(list_snapshots(path)) if find_damage(s, version) is None), None
    )
    aside = _make_aside(data, _describe(path, fault, snapshot))
    for name in (path.name, *(path.name + log for log in _LOGS)):
        if path.with_name(name).exists():
            path.with_name(name).rename(_find_free(aside / name))
    sync_folder(aside)
    sync_folder(data)
    if snapshot is not None:
        with snapshot.open("rb") as source, replacing_file(path, 0o644) as file:
            shutil.copyfileobj(source, file)


def _make_aside(data: Path, sentence: str) -> Path:
    """Return the folder that a killed recovery has begun, or a new one that says what happens."""
    begun = _list_notices(data, _UNFINISHED)
    if begun:
        return begun[-1].parent
    aside = data / FOLDER / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
    aside.mkdir(parents=True)
    replace_file(
        aside / _UNFINISHED, sentence.format(folder=f"{FOLDER}/{aside.name}").encode(), 0o644
    )
    return aside


def _find_free(path: Path) -> Path:
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}.{number}")
    return free


def _describe(path: Path, fault: str, snapshot: Path | None) -> str:
    kept = (
        "" if fault == "missing" else "The file as it was is kept in {folder} of the data folder. "
    )
    done = (
        "There is no snapshot of it, so a new list was begun, without labels. "
        if snapshot is None
        else f"The snapshot of {name_time(snapshot)} was put back; labels made since are missing. "
    )
    return (
        f"The list of labels ({path.name}) was {fault} on "
        f"{datetime.now(UTC):%d %b %Y, %H:%M} UTC. {done}{kept}No picture was deleted. This "
        "message stands here until somebody deletes {folder}."
    )
