"""A temporary folder for uploads, so that no visitor's image outlives the page.

Gradio forgets what was uploaded before a restart; here a folder whose lock nobody holds is removed.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

_PREFIX = "picture-classifier-"


def use_own_folder() -> Path:
    """Make a folder for uploads, point Gradio to it and remove it at exit.

    A folder that the environment names in `GRADIO_TEMP_DIR` is used and left as it is.
    """
    named = os.environ.get("GRADIO_TEMP_DIR")
    if named:
        return Path(named)
    remove_abandoned(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    lock = _make_lock(folder)
    lock.acquire()
    folder.chmod(0o700)  # fails if another page removed it before it was locked
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    atexit.register(_remove, folder, lock)
    return folder


def remove_abandoned(parent: Path) -> None:
    """Remove the folders of pages that were killed."""
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            with _make_lock(folder).acquire(blocking=False):
                shutil.rmtree(folder, ignore_errors=True)
        except (Timeout, OSError):
            continue  # in use, or another user's


def _remove(folder: Path, lock: FileLock) -> None:
    """Remove a folder; as an exit handler it also keeps the lock alive, hence held, until then."""
    shutil.rmtree(folder, ignore_errors=True)
    lock.release()


def _make_lock(folder: Path) -> FileLock:
    return FileLock(folder / ".lock")
