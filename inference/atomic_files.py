"""Files and folders that appear whole or not at all, whenever a process is killed."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

# How names begin of what is not finished.
UNFINISHED, STAGING = ".writing-", ".staging-"


@contextmanager
def replacing_file(path: Path, mode: int = 0o600) -> Iterator[BinaryIO]:
    """Give a file to fill; it takes the place of `path` once all of it is on the disk.

    Where the block raises, `path` stays as it was. `mode`: permissions.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=UNFINISHED)
    unfinished = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.chmod(mode)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    sync_folder(path.parent)


def replace_file(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a file in one step that a kill or a power cut cannot leave half done."""
    with replacing_file(path, mode) as file:
        file.write(data)


@contextmanager
def staging_folder(parent: Path) -> Iterator[Path]:
    """Give an empty folder to fill and to rename; it is deleted at the end of the block.

    It lies in `parent`, which is made if need be, so that renaming it within is one step.
    """
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=parent, prefix=STAGING))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
