"""Labelled images of a Hugging Face dataset, written as class folders without decoding.

Streamed: nothing but the images themselves is kept on the disk.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from inference.errors import UserInputError
from labelling.exchange.archives import MAX_BYTES, is_finished, replacing
from labelling.exchange.folders import SPLIT_NAMES

PREFIX = "hf://"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
# Hidden, so that it is not taken for a class.
_LEFT_OUT = ".left_out.json"
# Where rows that hold no bytes may point: an untrusted dataset could name files of this machine.
_ON_HUB = "hf://datasets/"
_UNSAFE = re.compile(r"[\x00-\x1f/\\]|^\.")


@dataclass(frozen=True)
class LocalFolder:
    """A data set in a folder; `left_out`: what did not get there, and why."""

    path: Path
    name: str
    left_out: dict[str, str] = field(default_factory=dict)


def fetch_dataset(location: str, folder: Path) -> LocalFolder:
    """Write the images of `hf://owner/name` below `folder`, unless this run has done so before.

    Raises: UserInputError where it cannot be reached, or has no images with class labels.
    """
    name = location.removeprefix(PREFIX)
    if not _NAME.fullmatch(name):
        raise UserInputError(f"{location} names no dataset. Write it like hf://owner/name.")
    target = folder / "unpacked" / f"hub--{name.replace('/', '--')}"
    if not is_finished(target, {"dataset": name}):
        with replacing(target, {"dataset": name}) as fresh:
            left_out = _download(name, fresh)
            (fresh / _LEFT_OUT).write_text(json.dumps(left_out), encoding="utf-8")
    left_out = json.loads((target / _LEFT_OUT).read_text(encoding="utf-8"))
    return LocalFolder(target, location, left_out)


def write_splits(
    splits: Mapping[str, Any], name: str, target: Path, origin: str = _ON_HUB
) -> dict[str, str]:
    """Write the images of each train, validation and test split below `target`.

    `splits`: split name → `datasets.Dataset` or `IterableDataset`. `origin`: how the address of
    an image must begin where a row holds no bytes. Returns what was left out: display name →
    reason.
    Raises: UserInputError where there is no train split or no image and label columns.
    """
    if "train" not in [SPLIT_NAMES.get(split) for split in splits]:
        found = ", ".join(splits) or "no splits"
        raise UserInputError(f"{name} holds {found}; expected a train split. Choose another one.")
    left_out = {}
    writer = _Writer(target, name, origin)
    for split, rows in splits.items():
        if split not in SPLIT_NAMES:
            left_out[f"{PREFIX}{name}/{split}"] = "neither train, validation nor test"
            continue
        skipped = writer.write(SPLIT_NAMES[split], rows)
        if skipped:
            left_out[f"{PREFIX}{name}/{split}"] = f"{skipped} rows lack a picture or a label"
    return left_out


class _Writer:
    """Writes rows as files and counts their bytes."""

    def __init__(self, target: Path, name: str, origin: str) -> None:
        self.target, self.name = target, name
        self.address = re.compile(rf"(zip://[^:]*::)?{re.escape(origin)}")
        self.size = 0

    def write(self, split: str, rows: Any) -> int:  # noqa: ANN401  (its two types share no base)
        """Write every row and return how many had no image or no label."""
        from datasets import Image  # noqa: PLC0415  (a second and a half that folders never need)

        image_column, label_column = find_columns(rows.features or {}, self.name)
        folders = name_folders(rows.features[label_column].names, self.name)
        rows = rows.select_columns([image_column, label_column])
        skipped = 0
        for number, row in enumerate(rows.cast_column(image_column, Image(decode=False))):
            image, target = row[image_column], row[label_column]
            if image is None or target is None or target < 0:
                skipped += 1
            else:
                self._write_file(self.target / split / folders[target], number, image)
        return skipped

    def _write_file(self, folder: Path, number: int, image: dict[str, Any]) -> None:
        path = image["path"] or ""
        data = self._fetch(path) if image["bytes"] is None else image["bytes"]
        self.size += len(data)
        if self.size > MAX_BYTES:
            raise UserInputError(
                f"{self.name} holds more than {MAX_BYTES / 1e9:.0f} GB of pictures. "
                "Download it and give its folder instead."
            )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _name_file(path, number)).write_bytes(data)

    def _fetch(self, path: str) -> bytes:
        """Read an image that its row only points at."""
        import fsspec  # type: ignore[import-untyped]  # noqa: PLC0415

        if not self.address.match(path):
            raise UserInputError(
                f"{self.name} points at {path!r}, which is not on the Hub. Download its pictures "
                "and give their folder instead."
            )
        with fsspec.open(path, "rb") as file:
            data: bytes = file.read()
        return data


def find_columns(features: Mapping[str, Any], name: str) -> tuple[str, str]:
    """Return the names of the image column and the label column.

    Where there are several, those called image and label.
    Raises: UserInputError that lists the columns.
    """
    from datasets import ClassLabel, Image  # noqa: PLC0415

    images = [key for key, feature in features.items() if isinstance(feature, Image)]
    labels = [key for key, feature in features.items() if isinstance(feature, ClassLabel)]
    images = ["image"] if "image" in images else images
    labels = ["label"] if "label" in labels else labels
    if len(images) != 1 or len(labels) != 1:
        found = ", ".join(f"{key} ({type(value).__name__})" for key, value in features.items())
        raise UserInputError(
            f"{name} holds the columns {found or 'of no declared type'}; expected one of type "
            "Image and one of type ClassLabel. Download it and sort it into class folders."
        )
    return images[0], labels[0]


def name_folders(class_names: list[str], name: str) -> list[str]:
    """Return a folder name for each class: its own, but for what a folder cannot be called.

    Raises: UserInputError where two classes would share a folder.
    """
    folders = [_UNSAFE.sub("_", class_name.strip()) or "_" for class_name in class_names]
    twice = [folder for folder, count in Counter(folders).items() if count > 1]
    if twice:
        raise UserInputError(f"{name} has two classes that read {twice[0]!r}. Rename one of them.")
    return folders


def _download(name: str, target: Path) -> dict[str, str]:
    import datasets  # noqa: PLC0415
    import httpx2  # noqa: PLC0415  (what the Hub's client lets through when a line drops)

    try:
        return write_splits(datasets.load_dataset(name, streaming=True), name, target)
    except UserInputError:
        raise
    except (OSError, httpx2.HTTPError, ValueError, RuntimeError) as error:
        raise UserInputError(
            f"The dataset {name} cannot be read from huggingface.co: {_first_line(error)}. Check "
            "its name and the connection; a private one needs HF_TOKEN in the environment."
        ) from error


def _name_file(path: str, number: int) -> str:
    """Keep the name, which may tell the source; the row's number keeps names apart."""
    original = PurePosixPath(path.split("::", maxsplit=1)[0].replace("\\", "/"))
    stem = _UNSAFE.sub("-", original.stem)[:80]
    return f"{stem or 'picture'}-{number:08d}{original.suffix[:8]}"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
