"""A temporary folder of our own, so that no visitor's picture outlives the page.

Gradio forgets the uploads of an earlier start; here they are found by a lock that nobody holds.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

_PREFIX = "picture-classifier-"


def use_own_folder() -> Path:
    """Make a folder for uploads, tell Gradio of it and remove it at exit.

    A folder that the environment names in `GRADIO_TEMP_DIR` is used and left as it is.
    """
    named = os.environ.get("GRADIO_TEMP_DIR")
    if named:
        return Path(named)
    remove_abandoned(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    lock = _lock_of(folder)
    lock.acquire()
    folder.chmod(0o700)  # another that starts may have swept it away before it was locked
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    atexit.register(_remove, folder, lock)
    return folder


def remove_abandoned(parent: Path) -> None:
    """Remove the folders that killed pages left behind."""
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            with _lock_of(folder).acquire(blocking=False):
                shutil.rmtree(folder, ignore_errors=True)
        except (Timeout, OSError):
            continue  # in use, or another user's


def _remove(folder: Path, lock: FileLock) -> None:
    """Remove a folder; until this is called it also keeps the lock, which is let go when lost."""
    shutil.rmtree(folder, ignore_errors=True)
    lock.release()


def _lock_of(folder: Path) -> FileLock:
    return FileLock(folder / ".lock")
