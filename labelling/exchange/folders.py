"""Folders of labelled images: which file belongs to which class and split.

`DATA/<class>/*`, or `DATA/{train,val,test}/<class>/*`; images in sub-folders of a class count.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from inference.errors import UserInputError

SPLIT_NAMES = {
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}
EXPECTED = (
    "Expected one folder a class with pictures in it, or the folders train, val and test of these."
)
# What operating systems and exports put beside images.
_LITTER = {"__MACOSX", "Thumbs.db", "desktop.ini", "metadata.jsonl"}


@dataclass(frozen=True)
class ClassFile:
    """A file in a class folder; `display_name` does not tell the machine's folders."""

    path: Path
    display_name: str
    label: str
    split: str


@dataclass
class Scan:
    """What a folder holds: files, the labels of its class folders, display name → reason."""

    files: list[ClassFile] = field(default_factory=list)
    labels: set[str] = field(default_factory=set)
    left_out: dict[str, str] = field(default_factory=dict)


def scan_folder(root: Path, name: str) -> Scan:
    """List the labelled files of a folder, in the order of their names.

    `name` is what people call the folder; links that lead out of it are not followed.
    Raises: UserInputError where no class folder is found.
    """
    return _Scanner(root.resolve(), name).scan()


@dataclass
class _Scanner:
    root: Path
    name: str
    result: Scan = field(default_factory=Scan)

    def scan(self) -> Scan:
        base = self._unwrap(self.root)
        if _has_splits(base):
            for folder in self._list_folders(base):
                self._scan_split(folder)
        else:
            self._refuse_bare_splits(base)
            self._scan_classes(base, "train")
        if not self.result.labels:
            raise UserInputError(f"{self.name} holds no class folder. {EXPECTED}")
        return self.result

    def _unwrap(self, folder: Path) -> Path:
        """Return the one folder around the data where there is one, as archives often have."""
        inner = _list_visible(folder)
        wrapped = len(inner) == 1 and inner[0].is_dir() and not _has_splits(folder)
        if not wrapped or self._leads_out(inner[0]) or inner[0].name.lower() in SPLIT_NAMES:
            return folder
        children = _list_visible(inner[0])
        return inner[0] if _has_splits(inner[0]) or _are_folders(children) else folder

    def _refuse_bare_splits(self, base: Path) -> None:
        names = [path.name for path in _list_visible(base) if path.is_dir()]
        if names and all(name.lower() in SPLIT_NAMES for name in names):
            raise UserInputError(
                f"{self.name} holds {', '.join(names)}, but no train folder with class folders "
                f"in it. {EXPECTED}"
            )

    def _scan_split(self, folder: Path) -> None:
        split = SPLIT_NAMES.get(folder.name.lower())
        if split:
            self._scan_classes(folder, split)
        else:
            self._leave_out(folder, "neither train, val nor test")

    def _scan_classes(self, base: Path, split: str) -> None:
        for folder in self._list_folders(base):
            label = _make_text(folder.name)
            self.result.labels.add(label)
            for path in self._walk(folder):
                self.result.files.append(ClassFile(path, self._display(path), label, split))

    def _list_folders(self, base: Path) -> Iterator[Path]:
        for path in _list_visible(base):
            if self._leads_out(path):
                self._leave_out(path, "a link that leads out of the folder")
            elif path.is_dir():
                yield path
            else:
                self._leave_out(path, "not in a class folder")

    def _walk(self, folder: Path) -> Iterator[Path]:
        waiting = [folder]
        while waiting:
            path = waiting.pop()
            if self._leads_out(path):
                self._leave_out(path, "a link that leads out of the folder")
            elif path.is_symlink() and path.is_dir():
                self._leave_out(path, "a link to a folder")
            elif path.is_dir():
                waiting += reversed(_list_visible(path))
            elif path.is_file():
                yield path
            else:
                self._leave_out(path, "not a file")

    def _leads_out(self, path: Path) -> bool:
        return path.is_symlink() and not path.resolve().is_relative_to(self.root)

    def _leave_out(self, path: Path, reason: str) -> None:
        self.result.left_out[self._display(path)] = reason

    def _display(self, path: Path) -> str:
        return _make_text(f"{self.name}/{path.relative_to(self.root).as_posix()}")


def _has_splits(folder: Path) -> bool:
    """Tell the folders train, val, test from classes, one of which may be called train."""
    inner = [path for path in _list_visible(folder) if path.is_dir()]
    splits = {SPLIT_NAMES.get(path.name.lower()) for path in inner}
    trains = [path for path in inner if path.name.lower() == "train"]
    has_classes = any(child.is_dir() for path in trains for child in _list_visible(path))
    return has_classes and (None not in splits or len(splits) > 2)


def _are_folders(paths: list[Path]) -> bool:
    return bool(paths) and all(path.is_dir() for path in paths)


def _list_visible(folder: Path) -> list[Path]:
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise UserInputError(
            f"The folder {folder.name} cannot be read: {error.strerror}. Change its permissions."
        ) from error
    return [path for path in paths if not path.name.startswith(".") and path.name not in _LITTER]


def _make_text(name: str) -> str:
    """Replace the bytes of a file name that are no text, so that it can be printed and stored."""
    return os.fsencode(name).decode("utf-8", "replace")
