"""All versions that this machine has: those that ship, and before them the custom ones made here.

Shipped ones lie in `<exported>/<model>/<version>/`, custom ones in
`<data>/models/<model>/<version>/`, whole numbers from 1. A version appears by one rename of a
finished folder, is never changed, and its number is never used again. Numbers are common to both
folders; where both have a number, the custom one is meant: a later release may bring a number that
was used here. Only while what ships is in use by default, its number means the shipped one.
`<data>/models/<model>/current` names the version that was put into use here, a shipped one too.

Reading takes no lock. Whatever looks and then changes takes `<data>/models/<model>/.lock`, so that
no version is deleted while it comes into use.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from inference.atomic_files import DELETED, replace_file, staging_folder, sweep_all_abandoned
from inference.errors import UserInputError, explaining_files
from inference.versions.comparison import read_comparison

KEPT = 10  # custom versions of a model
_MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_VERSION = re.compile(r"[1-9][0-9]*")


def check_model_name(name: str) -> str:
    """Return the name if it can be a folder's.

    Raises: UserInputError otherwise.
    """
    if not _MODEL_NAME.fullmatch(name):
        raise UserInputError(
            f"{name[:64]!r} cannot name a model. Use up to 64 letters, digits, - and _, such as "
            "hotdog."
        )
    return name


@dataclass(frozen=True)
class Catalog:
    """Finds and names versions; `data` None: only those that ship."""

    exported: Path
    data: Path | None = None

    def list_models(self) -> list[str]:
        """Return the names of the models that have a version, sorted."""
        homes = [self.exported, *([self.data / "models"] if self.data else [])]
        folders = [path for home in homes if home.is_dir() for path in home.iterdir()]
        names = {path.name for path in folders if _MODEL_NAME.fullmatch(path.name)}
        return sorted(name for name in names if self._has_version(name))

    def list_versions(self, model: str) -> dict[int, Path]:
        """Return number → folder of all finished versions of a model, ascending."""
        shipped, home = self._shipped(model), self._home(model)
        found = {number: shipped / str(number) for number in _list_numbers(shipped)}
        found |= {number: home / str(number) for number in self._list_custom(model)}
        return dict(sorted(found.items()))

    def is_custom(self, model: str, version: int) -> bool:
        """Tell whether a number means a version that was made on this machine."""
        return version in self._list_custom(model)

    def read_current(self, model: str) -> int | None:
        """Return the number in use: what was published here last, else what ships as current.

        A model that was only made here, and whose `current` is lost, has the newest version
        that was ever published; None without any version.
        """
        if self.data is None:
            return self.read_shipped(model)
        pointed = _read_number(self._home(model) / "current")
        if pointed is not None and pointed in self.list_versions(model):
            return pointed
        return self.read_shipped(model) or _find_published(self._home(model))

    def find_lost(self, model: str) -> int | None:
        """Return the number that was put into use here and is not there any more, else None."""
        pointed = None if self.data is None else _read_number(self._home(model) / "current")
        return None if pointed is None or pointed in self.list_versions(model) else pointed

    def list_replacements(self, model: str, version: int | None = None) -> list[Path]:
        """Return the folders to answer from where a version cannot, the best first.

        Those that were put into use or may be, newest first, what ships behind them; candidates,
        which no person has published, come last.
        """
        shipped: list[Path] = []
        others: list[Path] = []
        candidates: list[Path] = []
        for number, folder in reversed(self.list_versions(model).items()):
            if number != version:
                compared = read_comparison(folder)
                is_candidate = compared is not None and not compared.publishes
                kept = candidates if is_candidate else others
                (kept if self.is_custom(model, number) else shipped).append(folder)
        return [*others, *shipped, *candidates]

    def read_shipped(self, model: str) -> int | None:
        """Return the number that ships as current, else the newest; None where nothing ships."""
        numbers = _list_numbers(self._shipped(model))
        pointed = _read_number(self._shipped(model) / "current")
        return pointed if pointed in numbers else max(numbers, default=None)

    def find(self, model: str, version: int | None = None) -> Path:
        """Return the folder of a version, by default of the one in use.

        Raises: UserInputError that lists what there is.
        """
        versions = self.list_versions(model)
        if not versions:
            known = ", ".join(self.list_models()) or "none"
            raise UserInputError(f"There is no model named {model[:64]!r}; there are: {known}.")
        number = self.read_current(model) if version is None else version
        if number not in versions:
            known = ", ".join(map(str, versions))
            raise UserInputError(f"Model {model!r} has no version {number}; it has: {known}.")
        return versions[number]

    def read_stamp(self, model: str) -> tuple[int, ...]:
        """Return what changes whenever another version comes into use; costs microseconds."""
        return (*_read_stamp(self._home(model)), *_read_stamp(self._shipped(model)))

    def reserve(self, model: str, lowest: int = 1) -> Path:
        """Return the folder that a new version will be, by the rename of a finished one.

        Its number is the next, or `lowest` where that is higher, and never given to another.
        Without a data folder it is one of those that ship.
        """
        home = self._home(model)
        with explaining_files(home):
            home.mkdir(parents=True, exist_ok=True)
        with self._locking(model):
            last = _read_number(home / ".last") or 0
            taken = [last, *_list_numbers(home), *_list_numbers(self._shipped(model))]
            number = max(lowest, max(taken) + 1)
            _write_number(home / ".last", number)
        return home / str(number)

    def publish(self, model: str, version: int) -> None:
        """Bring a version into use, in one step that a kill cannot leave half done.

        Raises: UserInputError if there is no such version, or it does not answer as its card says.
        """
        with self._changing(model, version):
            self._point(model, version)

    def publish_if(self, model: str, version: int, expected: int | None) -> bool:
        """Do the same if the version in use is still `expected`, or is this one already.

        Returns: whether it is in use now.
        Raises: UserInputError if there is no such version, or it does not answer as its card says.
        """
        with self._changing(model, version):
            is_as_expected = self.read_current(model) in (expected, version)
            if is_as_expected:
                self._point(model, version)
        return is_as_expected

    def reset(self, model: str) -> int:
        """Bring the version that ships into use again; returns its number.

        Raises: UserInputError for a model that does not ship, or does not answer.
        """
        shipped = self.read_shipped(model)
        if shipped is None:
            raise UserInputError(f"{model} was made here; there is no shipped one to go back to.")
        _try_version(self._shipped(model) / str(shipped))
        if self.data is not None:
            with self._locking(model):
                (self._home(model) / "current").unlink(missing_ok=True)
        return shipped

    def delete(self, model: str, version: int) -> None:
        """Delete a custom version that is not in use.

        Raises: UserInputError for any other.
        """
        with self._locking(model):
            folder = self.find(model, version)
            if not self.is_custom(model, version):
                raise UserInputError(f"Version {version} of {model} ships; it cannot be deleted.")
            if version == self.read_current(model):
                raise UserInputError(
                    f"Version {version} of {model} is in use. Put another one back first."
                )
            _delete(folder)

    def prune(self, model: str, kept: int = KEPT) -> list[int]:
        """Delete all but the last custom versions and the one in use; returns what went."""
        with self._locking(model):
            current = self.read_current(model)
            gone = [number for number in self._list_custom(model)[:-kept] if number != current]
            for number in gone:
                _delete(self._home(model) / str(number))
        return gone

    @contextmanager
    def _changing(self, model: str, version: int) -> Iterator[None]:
        """Lock a model's versions while one is brought into use.

        Raises: UserInputError if there is no such version, or it does not answer as its card says.
        """
        _try_version(self.find(model, version))  # before a folder is made for a name from anyone
        with explaining_files(self._home(model)):
            self._home(model).mkdir(parents=True, exist_ok=True)
        with self._locking(model):
            self.find(model, version)
            yield

    @contextmanager
    def _locking(self, model: str) -> Iterator[None]:
        """Lock a model's versions; where none was made here, nobody deletes any."""
        home = self._home(model)
        if not home.is_dir():
            yield
            return
        with explaining_files(home), FileLock(home / ".lock"):
            yield

    def _point(self, model: str, version: int) -> None:
        home = self._home(model)
        if (
            self.data is None
            or self.is_custom(model, version)
            or version not in _list_numbers(home)
        ):
            write_pointer(home, version)
        # Else what ships is in use already, and a pointer would name the custom one instead.

    def _list_custom(self, model: str) -> list[int]:
        """Return the numbers that mean custom versions, ascending.

        Not that of what ships as current, while nothing was put into use here.
        """
        if self.data is None:
            return []
        found = _list_numbers(self._home(model))
        shipped = _list_numbers(self._shipped(model))
        is_pointed = _read_number(self._home(model) / "current") in {*found, *shipped}
        current = None if is_pointed else self.read_shipped(model)
        return [number for number in found if number != current]

    def _has_version(self, model: str) -> bool:
        return bool(_list_numbers(self._shipped(model)) or _list_numbers(self._home(model)))

    def _shipped(self, model: str) -> Path:
        return self.exported / check_model_name(model)

    def _home(self, model: str) -> Path:
        """Return the folder of a model that new versions go to."""
        return self.data / "models" / check_model_name(model) if self.data else self._shipped(model)


def _try_version(folder: Path) -> None:
    # NumPy, which this loads, must come after a page has set its threads.
    from inference.versions.integrity import try_version  # noqa: PLC0415

    try_version(folder)


def _list_numbers(model_folder: Path) -> list[int]:
    """Return the numbers of the finished versions in a folder, ascending."""
    if not model_folder.is_dir():
        return []
    found = (path for path in model_folder.iterdir() if _VERSION.fullmatch(path.name))
    return sorted(int(path.name) for path in found if (path / "model.onnx").is_file())


def _read_number(path: Path) -> int | None:
    """Return the number that a file holds; None where there is none, or it was damaged."""
    try:
        found = path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
    return int(found) if re.fullmatch(r"[0-9]{1,9}", found) else None


def write_pointer(model_folder: Path, version: int) -> None:
    """Let a model's folder name the version in use, in one step."""
    _write_number(model_folder / "current", version)


def _write_number(path: Path, number: int) -> None:
    replace_file(path, f"{number}\n".encode(), 0o644)


def _delete(folder: Path) -> None:
    """Delete a version in one step, and what earlier deletions left that were killed."""
    sweep_all_abandoned(folder.parent, DELETED)
    with staging_folder(folder.parent, DELETED) as trash:
        folder.rename(trash / folder.name)


def _find_published(model_folder: Path) -> int | None:
    """Return the newest version that is no candidate, else the newest."""
    numbers = _list_numbers(model_folder)
    compared = {number: read_comparison(model_folder / str(number)) for number in numbers}
    published = [number for number, found in compared.items() if not found or found.publishes]
    return max(published or numbers, default=None)


def _read_stamp(model_folder: Path) -> tuple[int, int]:
    """Return the number pointed at, and when it was written."""
    path = model_folder / "current"
    try:
        return _read_number(path) or 0, path.stat().st_mtime_ns
    except OSError:
        return 0, 0
