"""A temporary folder for uploads, so that no visitor's image outlives the page.

Gradio forgets what was uploaded before a restart; here a folder whose lock nobody holds is removed.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

from inference.errors import UserInputError

_PREFIX = "picture-classifier-"


def use_own_folder() -> Path:
    """Make a folder for uploads, point Gradio to it and remove it at exit.

    It lies in the folder that `GRADIO_TEMP_DIR` names, whose other files are left alone, or in
    the machine's temporary folder.
    Raises: UserInputError where no folder can be made there.
    """
    named = os.environ.get("GRADIO_TEMP_DIR")
    try:
        parent = Path(named or tempfile.gettempdir())
        parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(parent)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        lock = _make_lock(folder)
        lock.acquire()
        folder.chmod(0o700)  # fails if another page removed it before it was locked
    except OSError as error:
        raise UserInputError(
            f"Uploads need a folder, and none can be made in {named or 'the temporary folder'} "
            f"({error.strerror}). Name another with GRADIO_TEMP_DIR."
        ) from error
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
