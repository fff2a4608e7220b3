"""Labelled images for training: read, checked, freed of duplicates and split.

Folders, archives and Hugging Face datasets go in; one `Dataset` comes out, the same on every
machine for the same files.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock

from inference.errors import UserInputError
from labelling.exchange.archives import unpack_archive
from labelling.exchange.folders import EXPECTED, Scan, scan_folder
from labelling.images.fingerprints import Progress, read_fingerprints
from labelling.images.near_duplicates import hash_to_fraction
from trainer.data.corrections import correct, read_corrections
from trainer.data.deduplication import (
    Candidate,
    hold_out,
    leave_out_copies,
    leave_out_crossing,
    leave_out_unreadable,
    split_off_val,
)
from trainer.data.hub import PREFIX, LocalFolder, fetch_dataset
from trainer.options import DEFAULT_VAL_FRACTION

_MAX_SOURCES = 8  # of a small data set; where prefixes are more, they are no sources
_IMAGES_PER_SOURCE = 100  # on average, in a large one
_FEWEST_TO_HALVE = 400
RENDERED = "rendered"  # what the file names of our rendered images begin with


@dataclass(frozen=True)
class LabelledImage:
    """An image to train or measure on.

    `split`: train, val or test; `source`: where its name says it came from, else ""; `sha256` of
    the file's bytes, hex; `group`: the smallest SHA-256 among its near-duplicates.
    """

    path: Path
    label: str
    split: str
    source: str
    sha256: str
    group: str

    @property
    def kind(self) -> str:
        """What a name such as `source_kind_number.jpg` says is shown, else ""."""
        kind = "-".join(self.path.stem.split("_")[1:-1])
        return kind if self.source and re.search("[a-z]", kind) else ""


@dataclass(frozen=True)
class LeftOut:
    """A file that is not used, named without the machine's folders, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Dataset:
    """All that was read; `class_names` are sorted. `corrected`: how many labels were changed."""

    class_names: tuple[str, ...]
    images: tuple[LabelledImage, ...]
    left_out: tuple[LeftOut, ...]
    corrected: int = 0

    def select(self, split: str) -> list[LabelledImage]:
        """Return the images of `train`, `val` or `test`."""
        return [image for image in self.images if image.split == split]

    def counts(self) -> dict[str, dict[str, int]]:
        """Return how many images there are: split → label → number."""
        found = Counter((image.split, image.label) for image in self.images)
        return {
            split: {label: found[split, label] for label in self.class_names}
            for split in ("train", "val", "test")
        }

    @property
    def sha256(self) -> str:
        """Return a hash of contents, labels and splits, whatever the file names and their order."""
        lines = sorted(f"{p.sha256} {p.label} {p.split}\n" for p in self.images)
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def halve_validation(images: Sequence[LabelledImage]) -> tuple[list[bool], list[bool]]:
    """Return which validation images choose among models, and which calibrate the one chosen.

    Every other group of each class calibrates, in the order of their hashes; of these images our
    rendered ones do not (`find_photos`). Where there are few images, or of one class, all do both.
    """
    labels = {image.group: image.label for image in images}
    ordered = sorted(labels, key=lambda group: (labels[group], hash_to_fraction(group, "halves")))
    second = set[str]()
    for label in set(labels.values()):
        second |= set([group for group in ordered if labels[group] == label][1::2])
    calibrates = [image.group in second for image in images]
    if len(images) < _FEWEST_TO_HALVE or {labels[group] for group in second} != set(
        labels.values()
    ):
        return [True] * len(images), find_photos(images)
    photos = iter(find_photos([i for i, kept in zip(images, calibrates, strict=True) if kept]))
    return [not kept for kept in calibrates], [kept and next(photos) for kept in calibrates]


def find_photos(images: Sequence[LabelledImage]) -> list[bool]:
    """Return which images to calibrate on: all but our rendered ones.

    Those are easier than photographs. They count where a class has no others.
    """
    is_photo = [not image.path.name.startswith(f"{RENDERED}_") for image in images]
    labels = {image.label for image in images}
    photographed = {image.label for image, kept in zip(images, is_photo, strict=True) if kept}
    return is_photo if photographed == labels else [True] * len(is_photo)


def read_dataset(
    locations: Sequence[str],
    *,
    folder: Path,
    validation: float | Path = DEFAULT_VAL_FRACTION,
    corrections: Path | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Read labelled images from one or several locations and merge them.

    `locations`: folders of class folders, with or without train, val and test around them; zips
    of either; `hf://owner/name`. `folder` is that of the run: what is unpacked and hashed
    is kept there, so that resuming is quick. `validation`: the part (0–1) of the training images of
    each class without validation images that is split off, or a text file that names them, one
    `class/file` a line. `corrections`: a CSV that corrects labels of training and
    validation images (`trainer.data.corrections`). `progress` gets (files done, in all).

    Raises: UserInputError where there is nothing to train on, or a location cannot be read.
    """
    names = read_names(validation) if isinstance(validation, Path) else set[str]()
    if not isinstance(validation, Path) and not 0 < validation < 1:
        raise UserInputError(
            f"{validation} cannot be the part of the pictures to validate on. Use 0.05 to 0.5."
        )
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "reading.lock"):  # processes of one run read one after the other
        scan = _scan_all(locations, folder)
        paths = [file.path for file in scan.files]
        fingerprints = read_fingerprints(paths, folder / "index.jsonl", progress)
    left_out = dict(scan.left_out)
    candidates = leave_out_unreadable(scan.files, fingerprints, left_out)
    candidates = hold_out(candidates, names)
    candidates = leave_out_copies(candidates, left_out)
    candidates = leave_out_crossing(candidates, left_out)
    if not isinstance(validation, Path):
        candidates = split_off_val(candidates, validation)
    corrected = 0
    if corrections:
        candidates, corrected = correct(candidates, read_corrections(corrections), left_out)
    _check_classes(candidates, scan.labels, left_out)
    return replace(_assemble(candidates, sorted(scan.labels), left_out), corrected=corrected)


def read_names(path: Path) -> set[str]:
    """Read the names of validation images, `class/file`, one a line.

    Raises: UserInputError for a file that cannot be read or names none.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserInputError(
            f"The names of validation pictures in {path} cannot be read ({error}). "
            "Give a text file with one class/file a line."
        ) from error
    names = {line.strip() for line in lines} - {""}
    if not names:
        raise UserInputError(f"{path} names no validation pictures. Write one class/file a line.")
    return names


def _scan_all(locations: Sequence[str], folder: Path) -> Scan:
    merged, names = Scan(), Counter[str]()
    for location in locations:
        opened = _open(location, folder)
        names[opened.name] += 1
        # Two folders may have the same last name: what is left out must not hide the other's.
        number = f" ({names[opened.name]})" if names[opened.name] > 1 else ""
        scan = scan_folder(opened.path, opened.name + number)
        merged.files += scan.files
        merged.labels |= scan.labels
        merged.left_out |= scan.left_out | opened.left_out
    return merged


def _open(location: str, folder: Path) -> LocalFolder:
    """Return a folder of class folders; archives and datasets are unpacked into `folder`."""
    if location.startswith(PREFIX):
        return fetch_dataset(location, folder)
    path = Path(location).expanduser().resolve()
    if path.is_dir():
        return LocalFolder(path, path.name)
    if path.is_file():
        return LocalFolder(unpack_archive(path, folder), path.name)
    raise UserInputError(f"There is nothing at {location}. {EXPECTED}")


def _check_classes(candidates: list[Candidate], labels: set[str], left_out: dict[str, str]) -> None:
    if not candidates:
        raise UserInputError(f"No picture could be used. {EXPECTED}{_give_example(left_out)}")
    if len(labels) < 2:
        raise UserInputError(
            f"Only the class {min(labels)} was found; at least two are needed. "
            "Add a folder of pictures that show something else."
        )
    sides = Counter((c.file.label, c.split) for c in candidates)
    for label in sorted(labels):
        train, val = sides[label, "train"], sides[label, "val"]
        if not train or not val:
            of_class = {name: why for name, why in left_out.items() if f"/{label}/" in name}
            raise UserInputError(
                f"The class {label} has {train} pictures to train on and {val} others to validate "
                "on; both need at least 1, and near-duplicates stay together. Add different "
                f"pictures to it or remove its folder.{_give_example(of_class)}"
            )


def _give_example(left_out: dict[str, str]) -> str:
    if not left_out:
        return ""
    name, reason = next(iter(left_out.items()))
    return f" Files left out: {len(left_out)}, such as {name}: {reason}"


def _assemble(
    candidates: list[Candidate], class_names: list[str], left_out: dict[str, str]
) -> Dataset:
    sources = find_sources([c.file.path.name for c in candidates])
    images = [
        LabelledImage(c.file.path, c.file.label, c.split, source, c.fingerprint.sha256, c.group)
        for c, source in zip(candidates, sources, strict=True)
    ]
    images.sort(key=lambda image: (image.split, image.label, image.sha256))
    reasons = tuple(LeftOut(name, reason) for name, reason in sorted(left_out.items()))
    return Dataset(tuple(class_names), tuple(images), reasons)


def find_sources(file_names: Sequence[str]) -> list[str]:
    """Return where each image came from; all "" where the names have too many prefixes to tell."""
    found = [_find_prefix(name) for name in file_names]
    limit = max(_MAX_SOURCES, len(found) // _IMAGES_PER_SOURCE)
    return found if len(set(found) - {""}) <= limit else [""] * len(found)


def _find_prefix(file_name: str) -> str:
    """Return what stands before the first underscore, such as `imagenet` or `food101`."""
    first, underscore, _ = file_name.partition("_")
    return first if underscore and first.isalnum() else ""
