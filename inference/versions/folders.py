"""The folder of frozen networks: `<exported>/<model>/<version>/`, whole numbers from 1.

A version appears by one rename of a finished folder, is never changed and its number is never
used again; the file `current` names the one in use and is replaced in one step.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from filelock import FileLock

from inference.atomic_files import replace_file
from inference.errors import UserInputError

_MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_VERSION = re.compile(r"[1-9][0-9]*")


def check_model_name(name: str) -> str:
    """Return the name if it can be a folder's.

    Raises: UserInputError otherwise.
    """
    if not _MODEL_NAME.fullmatch(name):
        raise UserInputError(
            f"{name!r} cannot name a model. Use up to 64 letters, digits, - and _, such as hotdog."
        )
    return name


def list_models(exported: Path) -> list[str]:
    """Return the names of the models that have at least one version, sorted."""
    if not exported.is_dir():
        return []
    return sorted(p.name for p in exported.iterdir() if p.is_dir() and list_versions(p))


def list_versions(model_folder: Path) -> list[int]:
    """Return the numbers of a model's finished versions, ascending."""
    if not model_folder.is_dir():
        return []
    found = (p for p in model_folder.iterdir() if _VERSION.fullmatch(p.name))
    return sorted(int(p.name) for p in found if (p / "model.onnx").is_file())


def read_current(model_folder: Path) -> int | None:
    """Return the number in use: what `current` says, else the newest; None without versions."""
    versions = list_versions(model_folder)
    pointed = read_pointer(model_folder)
    if pointed in versions:
        return pointed
    return versions[-1] if versions else None


def read_pointer(model_folder: Path) -> int | None:
    """Return the number that the file `current` holds, whether there is such a version or not."""
    try:
        text = (model_folder / "current").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    return _read_number(text)


def write_pointer(model_folder: Path, version: int) -> None:
    """Write `current`, in one step that a kill cannot leave half done."""
    replace_file(model_folder / "current", f"{version}\n".encode(), 0o644)


def find_version(exported: Path, model: str, version: int | None = None) -> Path:
    """Return the folder of a version, the current one by default.

    Raises: UserInputError that lists what there is.
    """
    folder = exported / check_model_name(model)
    versions = list_versions(folder)
    if not versions:
        known = ", ".join(list_models(exported)) or "none"
        raise UserInputError(f"{exported} has no model named {model!r}; it has: {known}.")
    number = read_current(folder) if version is None else version
    if number not in versions:
        known = ", ".join(map(str, versions))
        raise UserInputError(f"Model {model!r} has no version {number}; it has: {known}.")
    return folder / str(number)


def set_current(model_folder: Path, version: int) -> None:
    """Name the version in use, in one step that a kill cannot leave half done.

    Raises: UserInputError if that version does not exist.
    """
    if version not in list_versions(model_folder):
        raise UserInputError(f"Model {model_folder.name!r} has no version {version}.")
    write_pointer(model_folder, version)


def reserve_version(model_folder: Path, taken: Iterable[int] = ()) -> int:
    """Return the next number and remember it as given away, so that it is never used twice.

    `taken`: numbers that are in use elsewhere.
    """
    model_folder.mkdir(parents=True, exist_ok=True)
    with FileLock(model_folder / ".lock"):
        last = model_folder / ".last"
        text = last.read_text(encoding="utf-8", errors="replace") if last.is_file() else ""
        number = max([_read_number(text) or 0, *taken, *list_versions(model_folder)]) + 1
        replace_file(last, f"{number}\n".encode(), 0o644)
    return number


def add_version(staging: Path, model_folder: Path, version: int) -> Path:
    """Make a finished folder the version of a reserved number, by one rename.

    `staging` must lie on the same file system. Returns the version's folder.
    """
    target = model_folder / str(version)
    staging.rename(target)
    return target


def _read_number(text: str) -> int | None:
    """Return the number that a file holds; None for one that was damaged."""
    found = text.strip()
    return int(found) if found.isascii() and found.isdecimal() else None
