"""The exceptions whose text a person reads: bad picture, label, folder or option, full disk."""

import errno
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT)
# How libraries that do not raise an OSError say the same. Source: safetensors, PyTorch's zip file.
_FULL_WORDS = ("os error 28)", "No space left on device", "PytorchStreamWriter failed writing")


class UserInputError(ValueError):
    """Says in one sentence what was found, what was expected and what to do.

    The page and the commands show its text as it is; every other exception is a defect.
    """


class OverloadedError(UserInputError):
    """Too many images or requests are being answered already."""


class StorageError(UserInputError):
    """The disk or the database fails: whatever is tried next would fail too."""


class BusyError(StorageError):
    """Another process holds what is needed and has not let go in time: later it may be free."""


@contextmanager
def explaining_files(folder: Path) -> Iterator[None]:
    """Turn an error of the disk into one sentence for a person.

    Raises: StorageError.
    """
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            problem = "the disk is full. Make room, and try again."
        else:
            problem = (
                f"{error.strerror or error}. Make room or change its permissions, or choose "
                "another folder."
            )
        raise StorageError(f"Nothing can be written to {folder}: {problem}") from error


def is_disk_full(error: BaseException) -> bool:
    """Tell whether something failed since there was no room to write."""
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    return any(words in str(error) for words in _FULL_WORDS)


def explain_full_disk(error: BaseException) -> StorageError | None:
    """Return what a person reads where no room was left, wherever that struck; else None."""
    if isinstance(error, UserInputError) or not is_disk_full(error):
        return None
    return StorageError("The disk is full, so nothing was kept of this. Make room, and try again.")


def run_command(app: Callable[[], object]) -> None:
    """Run a command line; `UserInputError` and a full disk become one sentence and exit code 2."""
    try:
        app()
    except Exception as error:
        told = error if isinstance(error, UserInputError) else explain_full_disk(error)
        if told is None:
            raise
        sys.stderr.write(f"Error: {told}\n")
        sys.exit(2)
