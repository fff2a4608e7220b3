"""All versions that this machine has: those that ship, and before them those taught here.

Shipped ones lie in `<exported>/<model>/<version>/`, taught ones in
`<data>/models/<model>/<version>/`. Numbers are common to both; where both have a number, the
taught one is meant: a later release may bring a number that was taught here. Only while what ships
is in use unasked, its number means the shipped one. `<data>/models/<model>/current` names the
version that was put into use here, a shipped one too.

Reading takes no lock. Whatever looks and then changes takes `<data>/models/<model>/.lock`, so that
no version is deleted while it comes into use.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from inference.errors import UserInputError
from inference.versions.comparison import read_comparison
from inference.versions.folders import (
    check_model_name,
    list_models,
    list_versions,
    read_current,
    read_pointer,
    reserve_version,
    set_current,
    write_pointer,
)

KEPT = 10  # taught versions of a model
_GRAVE = ".deleted-"


@dataclass(frozen=True)
class Catalog:
    """Finds and names versions; `data` None: only those that ship."""

    exported: Path
    data: Path | None = None

    def list_models(self) -> list[str]:
        """Return the names of the models that have a version, sorted."""
        taught = list_models(self.data / "models") if self.data else []
        return sorted({*list_models(self.exported), *taught})

    def list_versions(self, model: str) -> dict[int, Path]:
        """Return number → folder of all finished versions of a model, ascending."""
        shipped, taught = self.exported / check_model_name(model), self._taught(model)
        found = {number: shipped / str(number) for number in list_versions(shipped)}
        if taught is not None:
            found |= {number: taught / str(number) for number in self._list_taught(model)}
        return dict(sorted(found.items()))

    def is_taught(self, model: str, version: int) -> bool:
        """Tell whether a number means a version that was taught on this machine."""
        return version in self._list_taught(model)

    def read_current(self, model: str) -> int | None:
        """Return the number in use: what was published here last, else what ships as current.

        A model that was only taught here, and whose `current` is lost, has the newest version
        that was ever published; None without any version.
        """
        taught = self._taught(model)
        if taught is not None:
            pointed = read_pointer(taught)
            if pointed is not None and pointed in self.list_versions(model):
                return pointed
        shipped = read_current(self.exported / model)
        return _find_published(taught) if shipped is None and taught is not None else shipped

    def find(self, model: str, version: int | None = None) -> Path:
        """Return the folder of a version, by default of the one in use.

        Raises: UserInputError that lists what there is.
        """
        versions = self.list_versions(model)
        if not versions:
            known = ", ".join(self.list_models()) or "none"
            raise UserInputError(f"There is no model named {model!r}; there are: {known}.")
        number = self.read_current(model) if version is None else version
        if number not in versions:
            known = ", ".join(map(str, versions))
            raise UserInputError(f"Model {model!r} has no version {number}; it has: {known}.")
        return versions[number]

    def read_stamp(self, model: str) -> tuple[int, ...]:
        """Return what changes whenever another version comes into use; costs microseconds."""
        folders = (self._taught(model), self.exported / model)
        return tuple(n for folder in folders if folder for n in _read_stamp(folder))

    def reserve(self, model: str) -> tuple[Path, int]:
        """Return the folder for a new taught version and its number, which is never given twice.

        Raises: UserInputError without a data folder.
        """
        folder = self._taught(model)
        if folder is None:
            raise UserInputError("Versions are taught into a data folder. Give one with --data.")
        return folder, reserve_version(folder, list_versions(self.exported / model))

    def publish(self, model: str, version: int) -> None:
        """Bring a version into use, in one step that a kill cannot leave half done.

        Raises: UserInputError if there is no such version.
        """
        with self._changing(model, version):
            self._point(model, version)

    def publish_if(self, model: str, version: int, expected: int | None) -> bool:
        """Do the same if the version in use is still `expected`, or is this one already.

        Returns: whether it is in use now.
        Raises: UserInputError if there is no such version.
        """
        with self._changing(model, version):
            is_as_expected = self.read_current(model) in (expected, version)
            if is_as_expected:
                self._point(model, version)
        return is_as_expected

    def reset(self, model: str) -> int:
        """Bring the version that ships into use again; returns its number.

        Raises: UserInputError for a model that does not ship.
        """
        shipped = read_current(self.exported / check_model_name(model))
        if shipped is None:
            raise UserInputError(f"{model} was taught here; there is no shipped one to go back to.")
        folder = self._taught(model)
        if folder is not None:
            with self._locking(model):
                (folder / "current").unlink(missing_ok=True)
        return shipped

    def delete(self, model: str, version: int) -> None:
        """Delete a taught version that is not in use.

        Raises: UserInputError for any other.
        """
        with self._locking(model):
            folder = self.find(model, version)
            if not self.is_taught(model, version):
                raise UserInputError(f"Version {version} of {model} ships; it cannot be deleted.")
            if version == self.read_current(model):
                raise UserInputError(
                    f"Version {version} of {model} is in use. Put another one back first."
                )
            _bury(folder)

    def prune(self, model: str, kept: int = KEPT) -> list[int]:
        """Delete all but the last taught versions and the one in use; returns what went."""
        folder = self._taught(model)
        if folder is None:
            return []
        with self._locking(model):
            taught, current = self._list_taught(model), self.read_current(model)
            gone = [number for number in taught[:-kept] if number != current]
            for number in gone:
                _bury(folder / str(number))
        return gone

    @contextmanager
    def _changing(self, model: str, version: int) -> Iterator[None]:
        """Lock a model's versions while one is brought into use.

        Raises: UserInputError if there is no such version.
        """
        self.find(model, version)  # before a folder is made for a name that anyone may give
        folder = self._taught(model)
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        with self._locking(model):
            self.find(model, version)
            yield

    @contextmanager
    def _locking(self, model: str) -> Iterator[None]:
        """Lock a model's versions; where none was taught, nobody deletes any."""
        folder = self._taught(model)
        if folder is None or not folder.is_dir():
            yield
            return
        with FileLock(folder / ".lock"):
            yield

    def _point(self, model: str, version: int) -> None:
        folder = self._taught(model)
        if folder is None:
            set_current(self.exported / model, version)
        elif version in self._list_taught(model) or version not in list_versions(folder):
            write_pointer(folder, version)
        # Else what ships is in use already, and a pointer would name the taught one instead.

    def _list_taught(self, model: str) -> list[int]:
        """Return the numbers that mean versions taught here, ascending.

        Not that of what ships as current, while nothing was put into use here.
        """
        folder, shipped = self._taught(model), self.exported / model
        if folder is None:
            return []
        found = list_versions(folder)
        is_pointed = read_pointer(folder) in {*found, *list_versions(shipped)}
        current = None if is_pointed else read_current(shipped)
        return [number for number in found if number != current]

    def _taught(self, model: str) -> Path | None:
        return self.data / "models" / check_model_name(model) if self.data else None


def _bury(folder: Path) -> None:
    """Delete a version that disappears in one step, and what earlier ones left that were killed."""
    for left in folder.parent.glob(f"{_GRAVE}*"):
        shutil.rmtree(left, ignore_errors=True)
    grave = Path(tempfile.mkdtemp(dir=folder.parent, prefix=_GRAVE))
    folder.rename(grave / folder.name)
    shutil.rmtree(grave)


def _find_published(model_folder: Path) -> int | None:
    """Return the newest version that is no candidate, else the newest."""
    versions = list_versions(model_folder)
    published = [n for n in versions if not _is_candidate(model_folder / str(n))]
    return max(published or versions, default=None)


def _is_candidate(version_folder: Path) -> bool:
    """Tell whether the gate did not let a version be used (see `trainer.evaluation.comparison`)."""
    compared = read_comparison(version_folder)
    return compared is not None and not compared.publishes


def _read_stamp(model_folder: Path) -> tuple[int, int]:
    """Return the number pointed at, and when it was written."""
    try:
        written = (model_folder / "current").stat().st_mtime_ns
    except FileNotFoundError:
        return 0, 0
    return read_pointer(model_folder) or 0, written
