"""Files and folders that appear whole or not at all, whenever a process is killed."""

import glob
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

if sys.platform != "win32":
    import fcntl

# How names begin of what is not finished.
UNFINISHED, STAGING, DELETED = ".writing-", ".staging-", ".deleted-"
_WEEK = 7 * 86_400.0  # seconds


@contextmanager
def replacing_file(path: Path, mode: int = 0o600, prefix: str = UNFINISHED) -> Iterator[BinaryIO]:
    """Give a file to fill; it takes the place of `path` once all of it is on the disk.

    Where the block raises, `path` stays as it was. `mode`: permissions. `prefix`: of the name that
    it has until then.
    """
    handle, unfinished = _make_held_file(path.parent, prefix)
    # Held until it has its name; Windows renames no file that is open.
    held = None if sys.platform == "win32" else os.dup(handle)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.chmod(mode)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
        if held is not None:
            os.close(held)
    sync_folder(path.parent)


def replace_file(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a file in one step that a kill or a power cut cannot leave half done."""
    with replacing_file(path, mode) as file:
        file.write(data)


def create_file(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a file in one step where there is none; the first of several processes wins.

    Whoever needs to know what it holds reads it afterwards. On a disk without hard links two that
    come at the same moment may both write it, each in one step.
    """
    if path.exists():
        return
    with staging_folder(path.parent) as folder:
        whole = folder / path.name
        replace_file(whole, data, mode)
        try:
            os.link(whole, path)
        except FileExistsError:
            return
        except OSError:  # no links here, as on exFAT
            whole.replace(path)
    sync_folder(path.parent)


@contextmanager
def staging_folder(parent: Path, prefix: str = STAGING) -> Iterator[Path]:
    """Give an empty folder to fill and to rename; it is deleted at the end of the block.

    It lies in `parent`, which is made if need be, so that renaming it within is one step. Its
    process holds it, so that one that was killed can be told.
    """
    parent.mkdir(parents=True, exist_ok=True)
    handle: int | None = None
    while handle is None:  # one that is swept before it is held is made again
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=prefix))
        handle = _hold(folder)
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if handle >= 0:
            os.close(handle)


class ScratchFolder(tempfile.TemporaryDirectory[str]):
    """A temporary folder that its process holds, so that one that was killed can be told."""

    def __init__(self, parent: Path, prefix: str) -> None:
        self._handle: int | None = None
        while self._handle is None:  # one that is swept before it is held is made again
            super().__init__(dir=parent, prefix=prefix)
            self._handle = _hold(Path(self.name))

    def cleanup(self) -> None:
        """Delete it."""
        super().cleanup()
        if self._handle is not None and self._handle >= 0:
            os.close(self._handle)
        self._handle = None


def sweep_all_abandoned(parent: Path, prefix: str) -> None:
    """Delete whatever in a folder has a name that begins so, and was left by a killed process."""
    for path in parent.glob(f"{glob.escape(prefix)}*"):
        sweep_abandoned(path)


def sweep_abandoned(path: Path) -> None:
    """Delete what a process left that was killed, a scratch folder or an unfinished file.

    What is held, or cannot be deleted, stays; where nothing can be held, for a week.
    """
    handle = _hold(path)
    if handle is None or (handle < 0 and time.time() - path.stat().st_mtime < _WEEK):
        return
    try:
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    except OSError:
        return  # it will be tried at the next start
    finally:
        if handle >= 0:
            os.close(handle)


def _make_held_file(folder: Path, prefix: str) -> tuple[int, Path]:
    while True:
        handle, name = tempfile.mkstemp(dir=folder, prefix=prefix)
        if _lock(handle) and os.fstat(handle).st_nlink:
            return handle, Path(name)
        os.close(handle)  # it was swept before it was held


def _hold(path: Path) -> int | None:
    """Return a handle that holds a file or folder until it is closed; None where another does.

    Below 0 where nothing can be held.
    """
    if sys.platform == "win32":
        return -1
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    if _lock(handle) and path.exists():
        return handle
    os.close(handle)
    return None


def _lock(handle: int) -> bool:
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
