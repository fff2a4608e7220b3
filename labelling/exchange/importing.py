"""Pictures in: folders of class folders, zips of them, single files with a label.

What cannot be taken is left out and listed with the reason; it is never the end of an import.
"""

import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.pool import ThreadPool
from pathlib import Path

from inference.errors import UserInputError
from inference.images import MAX_BYTES, SUFFIXES
from inference.process import count_usable_cores
from labelling.exchange import metadata
from labelling.exchange.archives import unpack_archive
from labelling.exchange.folders import scan_folder
from labelling.images.encoding import Prepared, hash_bytes
from labelling.images.files import SCRATCH, StorageError
from labelling.store.adding import Annotation
from labelling.store.entries import Added
from labelling.store.store import Store

Progress = Callable[[int, int], None]
# Pictures that are decoded ahead of the one writer; bounds the memory that takes.
_BATCH = 64


@dataclass(frozen=True)
class Said:
    """What the person who imports says of all pictures; it goes before what their files say.

    Empty: their folders' names and `metadata.jsonl` decide; without these the model is every
    one and the state approved. `who` is only for pictures of which nobody else is named.
    """

    label: str = ""
    model: str = ""
    state: str = ""
    who: str = ""
    relabel: bool = False

    def check(self) -> None:
        """Raise UserInputError for a label, model or state that cannot be."""
        Annotation(self.label or "any", self.model, self.state or "approved").check()

    def annotate(self, name: str, line: Mapping[str, object] | None = None) -> Annotation:
        """Return the annotation of a file with a name, and with what a line of metadata says.

        Raises: UserInputError for a label, model or state that cannot be.
        """
        own = {"label": self.label, "model": self.model, "state": self.state}
        forced = {key: value for key, value in own.items() if value}
        default = Annotation("", name=name, who=self.who, relabel=self.relabel)
        return metadata.read_annotation({**(line or {}), **forced}, default)


@dataclass(frozen=True)
class Item:
    """A picture file and what is said of it; `shown` names it without the machine's folders."""

    path: Path
    shown: str
    annotation: Annotation


@dataclass
class Imported:
    """What became of an import.

    `near`: added pictures that look like one that was there. `classes`: label → added ones.
    `left_out`: shown name → reason.
    """

    added: int = 0
    existed: int = 0
    near: int = 0
    classes: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def merge(self, other: "Imported") -> None:
        """Count another import in."""
        self.added += other.added
        self.existed += other.existed
        self.near += other.near
        self.left_out |= other.left_out
        for label, count in other.classes.items():
            self.classes[label] = self.classes.get(label, 0) + count

    def count(self, added: Added) -> None:
        """Count a picture that was added, or found to be there."""
        self.existed += added.existed
        if not added.existed:
            label = added.entry.label
            self.added += 1
            self.near += added.near is not None
            self.classes[label] = self.classes.get(label, 0) + 1


def import_path(store: Store, path: Path, said: Said, progress: Progress | None = None) -> Imported:
    """Take in a folder or zip of class folders, or a picture file.

    With a label said, a folder need not hold class folders: all its pictures get that label.
    `progress` is told (done, in all).
    Raises: UserInputError for a path at which nothing can be taken, StorageError.
    """
    said.check()
    name = path.name or path.resolve().name  # of the folder `.` too
    with opening(path, store.data) as folder:
        if folder is None:
            found, left_out = [_list_file(path, said)], dict[str, str]()
        elif said.label:
            found, left_out = list(_list_pictures(folder, name, said)), {}
        else:
            found, left_out = list_classes(folder, name, said)
        if not found and not left_out:
            raise UserInputError(f"{name} holds no picture. Give another folder or zip.")
        return add_items(store, found, Imported(left_out=left_out), progress)


def add_items(
    store: Store, items: Sequence[Item], imported: Imported, progress: Progress | None = None
) -> Imported:
    """Add pictures in their order, decoded on all cores; returns `imported` with what became."""
    kept = leave_out_disputed(items, imported.left_out)
    with ThreadPool(count_usable_cores()) as pool:
        for start in range(0, len(kept), _BATCH):
            batch = kept[start : start + _BATCH]
            prepared = pool.imap(lambda item: _prepare(store, item), batch)
            for done, (item, found) in enumerate(zip(batch, prepared, strict=True), start + 1):
                _enter(store, item, found, imported)
                if progress:
                    progress(done, len(kept))
    imported.classes = dict(sorted(imported.classes.items()))
    return imported


@contextmanager
def opening(path: Path, scratch: Path) -> Iterator[Path | None]:
    """Give a folder's or zip's content as a folder; None for another file.

    A zip is unpacked below `scratch` for as long as the block runs.
    Raises: UserInputError for a path at which there is nothing, or a zip that is not safe.
    """
    if path.is_dir():
        yield path
    elif not path.is_file():
        raise UserInputError(f"There is nothing at {path}. Give a folder, a zip or a picture.")
    elif zipfile.is_zipfile(path):
        with tempfile.TemporaryDirectory(dir=scratch, prefix=SCRATCH) as folder:
            yield unpack_archive(path, Path(folder))
    else:
        yield None


def _list_file(path: Path, said: Said) -> Item:
    if not said.label:
        raise UserInputError(f"{path.name} is a single file: say with --label which class it is.")
    return Item(path, path.name, said.annotate(path.name))


def _list_pictures(folder: Path, name: str, said: Said) -> Iterator[Item]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.is_symlink():
            shown = f"{name}/{path.relative_to(folder).as_posix()}"
            yield Item(path, shown, said.annotate(path.name))


def list_classes(folder: Path, name: str, said: Said) -> tuple[list[Item], dict[str, str]]:
    """Return the pictures of class folders, with what a `metadata.jsonl` of ours says of them.

    And what is left out: shown name → reason.
    Raises: UserInputError for a folder without class folders, or with other lines than ours.
    """
    scan = scan_folder(folder, name)
    left_out = dict(scan.left_out)
    lines = _read_metadata(folder.resolve())
    items = []
    for found in scan.found:
        line = {"label": found.label} | lines.get(found.path, {})
        try:
            items.append(Item(found.path, found.shown, said.annotate(found.path.name, line)))
        except UserInputError as error:
            left_out[found.shown] = str(error)
    return items, left_out


def _read_metadata(folder: Path) -> dict[Path, dict[str, object]]:
    """Return what is said of each file, of the folder itself or of the one around the data."""
    inner = [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    bases = [folder, *inner] if len(inner) == 1 else [folder]
    found = [base for base in bases if (base / metadata.FILE_NAME).is_file()]
    if not found:
        return {}
    lines = metadata.read_lines(found[0] / metadata.FILE_NAME)
    return {found[0] / str(line.get("file_name", "")): line for line in lines}


def leave_out_disputed(items: Sequence[Item], left_out: dict[str, str]) -> list[Item]:
    """Return the items without unreadable ones and those that stand under several labels.

    These are written into `left_out`: shown name → reason.
    """
    labels: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    with ThreadPool(count_usable_cores()) as pool:
        hashes = pool.map(lambda item: _hash_file(item.path), items, chunksize=8)
    for item, (sha256, _) in zip(items, hashes, strict=True):
        labels[sha256, item.annotation.model].add(item.annotation.label)
    kept = []
    for item, (sha256, problem) in zip(items, hashes, strict=True):
        names = " and ".join(sorted(labels[sha256, item.annotation.model]))
        if problem:
            left_out[item.shown] = problem
        elif len(labels[sha256, item.annotation.model]) > 1:
            left_out[item.shown] = f"the same picture is labelled {names}"
        else:
            kept.append(item)
    return kept


def _hash_file(path: Path) -> tuple[str, str]:
    """Return a file's SHA-256, or the reason why it cannot be had."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            return "", f"{size / 1e6:.0f} MB; at most {MAX_BYTES / 1e6:.0f} are taken"
        return hash_bytes(path.read_bytes()), ""
    except OSError as error:
        return "", f"cannot be read: {error.strerror}"


def _prepare(store: Store, item: Item) -> Prepared | str:
    """Return a picture ready to be stored, or the reason why it is left out."""
    try:
        return store.prepare(item.path.read_bytes())
    except StorageError:
        raise
    except UserInputError as error:
        return str(error)
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _enter(store: Store, item: Item, found: Prepared | str, imported: Imported) -> None:
    if isinstance(found, str):
        imported.left_out[item.shown] = found
        return
    try:
        added = store.enter(found, item.annotation)
    except StorageError:
        raise
    except UserInputError as error:
        imported.left_out[item.shown] = str(error)
        return
    imported.count(added)
