"""Files to import, each with the label and whatever else is known of it.

What the person says who imports goes before what a `metadata.jsonl` of ours says, and that before
the names of the class folders.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool
from pathlib import Path

from inference.errors import UserInputError
from inference.images import MAX_BYTES, SUFFIXES
from inference.process import count_usable_cores
from labelling.exchange import metadata
from labelling.exchange.folders import scan_folder
from labelling.images.encoding import hash_bytes
from labelling.store.adding import Annotation


@dataclass(frozen=True)
class ImportOptions:
    """What holds for all images of an import, whatever their files say.

    Empty: their folders' names and `metadata.jsonl` decide; without these an image is for every
    model and approved. `who` is only for images of which nobody else is named.
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
        """Return the annotation of the file `name`, of which a line of metadata may say more.

        Raises: UserInputError for a label, model or state that cannot be.
        """
        own = {"label": self.label, "model": self.model, "state": self.state}
        forced = {key: value for key, value in own.items() if value}
        default = Annotation("", name=name, who=self.who, relabel=self.relabel)
        return metadata.read_annotation({**(line or {}), **forced}, default)


@dataclass(frozen=True)
class Item:
    """An image file to import; `display_name` does not tell the machine's folders."""

    path: Path
    display_name: str
    annotation: Annotation


def list_file(path: Path, options: ImportOptions) -> list[Item]:
    """Return a single file.

    Raises: UserInputError where its label is not given.
    """
    if not options.label:
        raise UserInputError(f"{path.name} is a single file: say with --label which class it is.")
    return [Item(path, path.name, options.annotate(path.name))]


def list_images(folder: Path, name: str, options: ImportOptions) -> list[Item]:
    """Return all image files of a folder that people call `name`, however deep they lie."""
    return [
        Item(path, f"{name}/{path.relative_to(folder).as_posix()}", options.annotate(path.name))
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.is_symlink()
    ]


def list_class_folders(
    folder: Path, name: str, options: ImportOptions
) -> tuple[list[Item], dict[str, str]]:
    """Return the images of class folders, and what is left out: display name → reason.

    Raises: UserInputError for a folder without class folders, or with other metadata than ours.
    """
    scan = scan_folder(folder, name)
    left_out = dict(scan.left_out)
    lines = _read_metadata(folder.resolve())
    items = []
    for file in scan.files:
        line = {"label": file.label} | lines.get(file.path, {})
        try:
            annotation = options.annotate(file.path.name, line)
            items.append(Item(file.path, file.display_name, annotation))
        except UserInputError as error:
            left_out[file.display_name] = str(error)
    return items, left_out


def leave_out_disputed(items: Sequence[Item], left_out: dict[str, str]) -> list[Item]:
    """Return the items without unreadable ones, and without images that have several labels.

    These are written into `left_out`: display name → reason.
    """
    with ThreadPool(count_usable_cores()) as pool:
        hashes = pool.map(lambda item: _hash_file(item.path), items, chunksize=8)
    labels: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for item, (sha256, _) in zip(items, hashes, strict=True):
        labels[sha256, item.annotation.model].add(item.annotation.label)
    return list(_choose_undisputed(items, hashes, labels, left_out))


def _choose_undisputed(
    items: Sequence[Item],
    hashes: Sequence[tuple[str, str]],
    labels: Mapping[tuple[str, str], set[str]],
    left_out: dict[str, str],
) -> Iterator[Item]:
    for item, (sha256, problem) in zip(items, hashes, strict=True):
        names = sorted(labels[sha256, item.annotation.model])
        if problem:
            left_out[item.display_name] = problem
        elif len(names) > 1:
            left_out[item.display_name] = f"the same picture is labelled {' and '.join(names)}"
        else:
            yield item


def _read_metadata(folder: Path) -> dict[Path, dict[str, object]]:
    """Return file → its line in `metadata.jsonl` of the folder, or of the one folder in it."""
    inner = [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    bases = [folder, *inner] if len(inner) == 1 else [folder]
    base = next((base for base in bases if (base / metadata.FILE_NAME).is_file()), None)
    if base is None:
        return {}
    lines = metadata.read_lines(base / metadata.FILE_NAME)
    return {base / str(line.get("file_name", "")): line for line in lines}


def _hash_file(path: Path) -> tuple[str, str]:
    """Return a file's SHA-256, or the reason why it cannot be had."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            return "", f"{size / 1e6:.0f} MB; at most {MAX_BYTES / 1e6:.0f} are taken"
        return hash_bytes(path.read_bytes()), ""
    except OSError as error:
        return "", f"cannot be read: {error.strerror}"
