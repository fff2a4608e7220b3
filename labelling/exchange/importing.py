"""Images in: folders of class folders, zips of them, single files with a label.

What cannot be taken is left out and listed with the reason; it is never the end of an import.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.pool import ThreadPool
from pathlib import Path

from inference.errors import StorageError, UserInputError
from inference.process import count_usable_cores
from labelling.exchange.archives import open_source
from labelling.exchange.items import (
    ImportOptions,
    Item,
    leave_out_disputed,
    list_class_folders,
    list_file,
    list_images,
)
from labelling.images.encoding import PreparedImage
from labelling.store.entries import Added
from labelling.store.store import Store

Progress = Callable[[int, int], None]
# Images that are decoded ahead of the one writer; bounds the memory that takes.
_BATCH = 64


@dataclass
class ImportResult:
    """What became of an import.

    `near`: added images that look like one that was there. `classes`: label → added ones.
    `left_out`: display name → reason.
    """

    added: int = 0
    existed: int = 0
    near: int = 0
    classes: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def merge(self, other: "ImportResult") -> None:
        """Count another import in."""
        self.added += other.added
        self.existed += other.existed
        self.near += other.near
        self.left_out |= other.left_out
        for label, count in other.classes.items():
            self.classes[label] = self.classes.get(label, 0) + count

    def count(self, added: Added) -> None:
        """Count an image that was added, or was there."""
        self.existed += added.existed
        if not added.existed:
            label = added.entry.label
            self.added += 1
            self.near += added.near is not None
            self.classes[label] = self.classes.get(label, 0) + 1


def import_path(
    store: Store, path: Path, options: ImportOptions, progress: Progress | None = None
) -> ImportResult:
    """Take in a folder or zip of class folders, or an image file.

    With a label given, a folder need not hold class folders: all its images get that label.
    `progress` is called with how many are done, and how many there are.
    Raises: UserInputError for a path at which nothing can be taken, StorageError.
    """
    options.check()
    name = path.name or path.resolve().name  # of the folder `.` too
    left_out: dict[str, str] = {}
    with open_source(path, store.data) as folder:
        if folder is None:
            items = list_file(path, options)
        elif options.label:
            items = list_images(folder, name, options)
        else:
            items, left_out = list_class_folders(folder, name, options)
        if not items and not left_out:
            raise UserInputError(f"{name} holds no picture. Give another folder or zip.")
        return add_items(store, items, ImportResult(left_out=left_out), progress)


def add_items(
    store: Store, items: Sequence[Item], result: ImportResult, progress: Progress | None = None
) -> ImportResult:
    """Add images in their order, decoded on all cores; returns `result` with what became."""
    kept = leave_out_disputed(items, result.left_out)
    with ThreadPool(count_usable_cores()) as pool:
        for start in range(0, len(kept), _BATCH):
            batch = kept[start : start + _BATCH]
            prepared = pool.imap(lambda item: _prepare(store, item), batch)
            for done, (item, found) in enumerate(zip(batch, prepared, strict=True), start + 1):
                _enter(store, item, found, result)
                if progress:
                    progress(done, len(kept))
    result.classes = dict(sorted(result.classes.items()))
    return result


def _prepare(store: Store, item: Item) -> PreparedImage | str:
    """Return an image ready to be stored, or the reason why it is left out."""
    try:
        return store.prepare(item.path.read_bytes())
    except StorageError:
        raise
    except UserInputError as error:
        return str(error)
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _enter(store: Store, item: Item, prepared: PreparedImage | str, result: ImportResult) -> None:
    if isinstance(prepared, str):
        result.left_out[item.display_name] = prepared
        return
    try:
        result.count(store.enter(prepared, item.annotation))
    except StorageError:
        raise
    except UserInputError as error:
        result.left_out[item.display_name] = str(error)
