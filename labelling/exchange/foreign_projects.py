"""What a project file from anyone must be: its manifest, and everything that the manifest names.

manifest.json       kind, format, model, planned classes, the SHA-256 of every other file
labels.jsonl        every label, pending and rejected ones too, with group and split
removed.jsonl       what is left of removed images, so that they are known again
images/ab/….jpg     as stored
models/NAME/3/…     the version in use
"""

import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from inference.errors import UserInputError
from inference.process import count_usable_cores
from inference.versions.catalog import check_model_name
from labelling.exchange import metadata
from labelling.exchange.archives import BROKEN
from labelling.exchange.foreign_versions import may_travel
from labelling.exchange.importing import Progress
from labelling.images.encoding import MAX_SIDE, PreparedImage, check_stored, hash_bytes
from labelling.planned_classes import PlannedClasses
from labelling.store.adding import Annotation, LabelledFile
from labelling.store.entries import SPLITS, Tombstone
from labelling.store.labels import MAX_CLASSES, check_label

KIND, FORMAT = "project of one model", 1
NOT_A_PROJECT = "This is not a project file. Save one first."
_OLD_KIND = "labelled pictures and taught networks"
MANIFEST, LABELS, REMOVED = "manifest.json", "labels.jsonl", "removed.jsonl"
_MAX_MANIFEST = 60_000_000  # bytes; an archive holds 200,000 files, of 160 bytes each here
_IMAGE = re.compile(r"images/[0-9a-f]{2}/([0-9a-f]{64})\.jpg")
_VERSION = re.compile(r"models/([A-Za-z0-9][\w-]{0,63})/([1-9][0-9]{0,8})/(.+)", re.ASCII)


class Manifest(BaseModel):
    """What a project file says of itself; `files`: name → SHA-256."""

    model_config = ConfigDict(frozen=True, strict=True)

    kind: str
    format: int
    model: str = ""
    planned: PlannedClasses = PlannedClasses()
    created: str = ""
    files: dict[str, str]


def is_project(path: Path) -> bool:
    """Tell whether a file is a zip that says it is a project, or a backup of an earlier release."""
    if not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive, archive.open(MANIFEST) as file:
            start = file.read(10_000)
    except (*BROKEN, KeyError, RuntimeError, OSError):
        return False
    return KIND.encode() in start or _OLD_KIND.encode() in start


def name_image(sha256: str) -> str:
    """Return where an image lies in a project."""
    return f"images/{sha256[:2]}/{sha256}.jpg"


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest in an unpacked file.

    Raises: UserInputError for one that is not a project's, or of another release.
    """
    if not (folder / MANIFEST).is_file():
        raise UserInputError(NOT_A_PROJECT)
    if (folder / MANIFEST).stat().st_size > _MAX_MANIFEST:
        raise _refuse("has a manifest that is larger than ours are")
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except ValidationError as error:
        raise _refuse("has a manifest that cannot be read") from error
    if manifest.kind == _OLD_KIND:
        raise UserInputError(
            "This is a backup of an earlier release, with all models in one file. Restore it with "
            "that release, then open its data folder with this one, which reads it as it is."
        )
    if manifest.kind != KIND:
        raise _refuse("is of another kind than a project")
    if manifest.format != FORMAT:
        raise UserInputError(
            f"This project has format {manifest.format}; this release reads format {FORMAT}. "
            "Use the release that wrote it."
        )
    planned = manifest.planned.class_names
    is_ours = len(planned) <= MAX_CLASSES and manifest.planned.catch_all in (None, *planned)
    if not is_ours or any(check_label(label) != label for label in planned):
        raise _refuse("plans classes that cannot be")
    check_model_name(manifest.model)
    return manifest


def check_files(folder: Path, manifest: Manifest) -> None:
    """Raise UserInputError unless exactly the files of the manifest are there, unchanged."""
    hashes = manifest.files
    paths = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    differing = (paths - {MANIFEST}) ^ set(hashes)
    if differing:
        raise _refuse(f"and its manifest disagree on {min(differing)!r:.100}")
    foreign = [inner for inner in sorted(hashes) if not _is_ours(inner, manifest.model)]
    if foreign:
        raise _refuse(f"holds {foreign[0]!r:.100}, which no project of ours does")
    with ThreadPool(count_usable_cores()) as pool:
        found = pool.imap(lambda inner: hash_bytes((folder / inner).read_bytes()), hashes)
        for (inner, expected), sha256 in zip(hashes.items(), found, strict=True):
            if sha256 != expected:
                raise _refuse(f"holds {inner:.100}, which was changed or damaged")


def _is_ours(inner: str, model: str) -> bool:
    image, version = _IMAGE.fullmatch(inner), _VERSION.fullmatch(inner)
    if image:
        return inner == name_image(image[1])
    if version:
        return version[1] == model and may_travel(version[3])
    return inner in (LABELS, REMOVED)


def read_labels(folder: Path, manifest: Manifest, progress: Progress | None) -> list[LabelledFile]:
    """Decode all images; returns them with their labels.

    Raises: UserInputError for an image or a label that no store of ours keeps.
    """
    images = _read_images(folder, manifest, progress)
    labelled = [_read_label(line, folder, images) for line in _read_lines(folder / LABELS)]
    if len({item.prepared.sha256 for item in labelled}) < len(labelled):
        raise _refuse("holds two labels of one image")
    return labelled


def read_removed(folder: Path) -> list[Tombstone]:
    """Return what is left of removed images.

    Raises: UserInputError for what no store of ours writes.
    """
    return [_read_tombstone(line) for line in _read_lines(folder / REMOVED)]


def _read_images(
    folder: Path, manifest: Manifest, progress: Progress | None
) -> dict[str, PreparedImage]:
    """Return SHA-256 → what is stored, without its bytes."""
    images: dict[str, PreparedImage] = {}
    sha256s = [match[1] for match in map(_IMAGE.fullmatch, manifest.files) if match]
    with ThreadPool(count_usable_cores()) as pool:
        for prepared in pool.imap(partial(_read_image, folder), sha256s):
            images[prepared.sha256] = prepared
            if progress:
                progress(len(images), len(sha256s))
    return images


def _read_image(folder: Path, sha256: str) -> PreparedImage:
    try:
        prepared = check_stored((folder / name_image(sha256)).read_bytes(), "")
    except UserInputError as error:
        raise UserInputError(f"This project holds an image that is refused: {error}") from error
    if prepared.sha256 != sha256:
        raise _refuse("holds an image under a wrong name")
    return replace(prepared, data=b"")


def _read_lines(path: Path) -> Iterator[dict[str, Any]]:
    return metadata.read_lines(path) if path.is_file() else iter(())


def _read_label(
    line: Mapping[str, Any], folder: Path, images: Mapping[str, PreparedImage]
) -> LabelledFile:
    sha256, origin = (metadata.read_sha256(line, name) for name in ("sha256", "origin_sha256"))
    if sha256 not in images:
        raise _refuse("holds a label without its image")
    annotation = metadata.read_annotation(
        line, Annotation("", confirmed=line.get("confirmed") is True)
    )
    prepared = replace(images[sha256], origin_sha256=origin)
    return LabelledFile(folder / name_image(sha256), prepared, annotation)


def _read_tombstone(line: Mapping[str, Any]) -> Tombstone:
    sha256, dhash, group = (metadata.read_sha256(line, n) for n in ("sha256", "dhash", "group"))
    split = line.get("split")
    sides = [side for name in ("width", "height") if isinstance(side := line.get(name), int)]
    if split not in SPLITS or len(sides) != 2 or not all(0 < side <= MAX_SIDE for side in sides):
        raise _refuse(f"has a line of {REMOVED} that no store writes")
    return Tombstone(sha256, dhash, sides[0], sides[1], group, str(split))


def find_version(manifest: Manifest) -> int | None:
    """Return the number of the version that comes along, None without one.

    Raises: UserInputError for several.
    """
    numbers = {int(match[2]) for match in map(_VERSION.fullmatch, manifest.files) if match}
    if len(numbers) > 1:
        raise _refuse("holds several versions")
    return min(numbers, default=None)


def _refuse(problem: str) -> UserInputError:
    return UserInputError(f"This project {problem}. Save it again.")
