"""The stored image files: `pictures/ab/<sha256>.jpg`, named by the SHA-256 of their bytes.

A file appears whole, by one rename, and is on the disk before its label is acknowledged.
"""

import re
import time
from collections.abc import Iterator
from pathlib import Path

from inference.atomic_files import (
    DELETED,
    STAGING,
    UNFINISHED,
    replace_file,
    sweep_abandoned,
    sync_folder,
)
from inference.errors import UserInputError, explaining_files

_SHA256 = re.compile(r"[0-9a-f]{64}")
# A writer that needs longer for one image than this was killed; seconds.
_LONGEST_WRITE = 3600.0
# Unfinished things in a data folder: archives as they arrive, archives as they are unpacked,
# projects to be sent, models to be added.
ARRIVING, SCRATCH, SENDING, ARRIVED = ".taking-", ".unpacked-", ".project-", ".arrived-"


class ImageFiles:
    """Keeps the bytes of images in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path:
        """Return where an image lies, or would lie.

        Raises: UserInputError for what is not a SHA-256 in hex.
        """
        if not is_sha256(sha256):
            raise UserInputError(f"{sha256[:64]!r} names no stored picture. Give a SHA-256 in hex.")
        return self.folder / sha256[:2] / f"{sha256}.jpg"

    def has(self, sha256: str) -> bool:
        """Tell whether an image's file is there."""
        return self.path(sha256).is_file()

    def read(self, sha256: str) -> bytes:
        """Return an image's bytes.

        Raises: UserInputError where they are not kept.
        """
        try:
            return self.path(sha256).read_bytes()
        except FileNotFoundError as error:
            raise UserInputError(
                f"The picture {sha256[:12]}… is not kept here, or no longer. Reload the page."
            ) from error

    def write(self, sha256: str, data: bytes) -> None:
        """Write an image and bring it to the disk; one that is there is left as it is.

        Raises: UserInputError where nothing can be written.
        """
        path = self.path(sha256)
        with explaining_files(self.folder):
            make_folder(path.parent)
            if path.is_file():
                sync_folder(path.parent)  # its writer may have been killed before that
            else:
                replace_file(path, data)

    def sweep(self, kept: set[str], gone: set[str] | None = None) -> int:
        """Remove the files of all images that are not `kept`, and what writers left unfinished.

        `gone`: remove none but these. Returns: how many images' files were removed.
        """
        removed = 0
        with explaining_files(self.folder):
            for path in self._walk():
                if path.name.startswith(UNFINISHED):
                    _remove_if_old(path)
                elif (
                    is_sha256(path.stem)
                    and path.stem not in kept
                    and (gone is None or path.stem in gone)
                ):
                    path.unlink(missing_ok=True)
                    removed += 1
        return removed

    def _walk(self) -> Iterator[Path]:
        if self.folder.is_dir():
            for folder in self.folder.iterdir():
                if folder.is_dir() and len(folder.name) == 2:
                    yield from folder.iterdir()


def sweep_scratch(data: Path) -> None:
    """Remove what writers, imports, trainings and deletions left in a data folder when killed."""
    patterns = [f"{prefix}*" for prefix in (ARRIVING, SCRATCH, SENDING, UNFINISHED, STAGING)]
    patterns += [f"*/*/{prefix}*" for prefix in (UNFINISHED, STAGING, DELETED)]
    for pattern in patterns:
        for path in data.glob(pattern):
            sweep_abandoned(path)


def is_sha256(text: str) -> bool:
    """Tell whether a text is a SHA-256 in lower-case hex."""
    return _SHA256.fullmatch(text) is not None


def make_folder(folder: Path) -> None:
    """Make a folder, and bring its name to the disk."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        sync_folder(folder.parent)


def _remove_if_old(path: Path) -> None:
    try:
        if time.time() - path.stat().st_mtime > _LONGEST_WRITE:
            path.unlink()
    except FileNotFoundError:
        return  # its writer has just finished
