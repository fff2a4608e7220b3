"""Images out: class folders that other programs read, with what is known of each image.

`datasets.load_dataset("imagefolder", data_dir=FOLDER)` reads the labels from `metadata.jsonl`.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from inference.atomic_files import staging_folder, sweep_all_abandoned
from inference.errors import UserInputError, explaining_files
from labelling.exchange import metadata
from labelling.exchange.importing import Progress
from labelling.store.entries import Entry
from labelling.store.store import Store

# Parts of names by which `datasets` takes a folder for a split, and ours for folders of splits.
# Source: datasets.data_files, SPLIT_KEYWORDS.
_SPLIT_WORDS = {
    *("train", "training", "validation", "valid", "dev", "val"),
    *("test", "testing", "eval", "evaluation"),
}
# What Windows keeps for itself.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
# How the name begins of a folder that is not written to its end. It lies where somebody else's
# things lie too, and is swept there: so it says whose it is.
_UNFINISHED = ".picture-classifier-export-"


@dataclass(frozen=True)
class ExportResult:
    """What was written: label → images."""

    folder: Path
    classes: dict[str, int]


def export_folder(
    store: Store,
    folder: Path,
    model: str | None,
    states: Iterable[str] = ("approved",),
    progress: Progress | None = None,
) -> ExportResult:
    """Write the labelled images of a model, of all for None, into a new folder of class folders.

    The folder appears when all is written; what a killed export left beside it is swept.
    Raises: UserInputError where there is nothing to write, or the folder is not empty.
    """
    entries = sorted(store.find(model, states=states), key=lambda entry: entry.id)
    if not entries:
        raise UserInputError("There is no such labelled picture to export. Add some first.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserInputError(f"{folder} is not empty. Give a new folder.")
    sweep_all_abandoned(folder.parent, _UNFINISHED)
    with explaining_files(folder.parent), staging_folder(folder.parent, _UNFINISHED) as fresh:
        _write_entries(store, entries, fresh, progress)
        if folder.is_dir():
            folder.rmdir()
        fresh.rename(folder)
    return ExportResult(folder, _count_labels(entries))


def name_folders(labels: Iterable[str]) -> dict[str, str]:
    """Return label → a folder's name that every system takes, all of them different."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for label in sorted(set(labels)):
        name = base = _make_safe(label)
        number = 2
        while _fold(name) in taken:
            name, number = f"{base}~{number}", number + 1
        taken.add(_fold(name))
        names[label] = name
    return names


def _write_entries(
    store: Store, entries: list[Entry], folder: Path, progress: Progress | None
) -> None:
    folders = name_folders(entry.label for entry in entries)
    for name in folders.values():
        (folder / name).mkdir()
    taken: set[str] = set()
    with (folder / metadata.FILE_NAME).open("w", encoding="utf-8") as lines:
        for done, entry in enumerate(entries, 1):
            file_name = f"{folders[entry.label]}/{entry.sha256[:32]}.jpg"
            if file_name in taken:  # labelled alike for another model
                file_name = f"{folders[entry.label]}/{entry.sha256[:32]}-{entry.id}.jpg"
            taken.add(file_name)
            (folder / file_name).write_bytes(store.read_bytes(entry.sha256))
            lines.write(metadata.write_line(entry, file_name))
            if progress:
                progress(done, len(entries))


def _count_labels(entries: Iterable[Entry]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for entry in entries:
        counts[entry.label] = counts.get(entry.label, 0) + 1
    return dict(sorted(counts.items()))


def _make_safe(label: str) -> str:
    """Return a label as a folder's name: letters, digits and a few signs, no word for a split."""
    safe = re.sub(r"[^\w +-]", "_", label).strip(" _") or "class"
    # Words as `datasets` parts them; a sign behind one makes it another.
    words = re.split(r"([-._ 0-9]+)", safe)
    safe = "".join(f"{word}+" if word.lower() in _SPLIT_WORDS else word for word in words)
    return f"{safe}+" if _DEVICES.fullmatch(safe) else safe


def _fold(name: str) -> str:
    """Return what is equal for names that some file system takes for one."""
    return unicodedata.normalize("NFKC", name).casefold()
