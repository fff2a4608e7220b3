"""Bundles in: everything is looked at before anything is changed, since they come from anyone.

What is here stays. Pictures keep their group and split, unless a near-duplicate that is here
stands in the other split: then they stand aside. Taking the same bundle in again changes nothing.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

from inference.errors import UserInputError
from inference.process import count_usable_cores
from inference.versions.catalog import Catalog
from labelling.exchange import metadata
from labelling.exchange.foreign_versions import Taught, inspect_version, may_travel, take_in
from labelling.exchange.importing import Imported, Progress, opening
from labelling.exchange.projects import FORMAT, KIND, LABELS, MANIFEST, REMOVED, name_picture
from labelling.images.encoding import MAX_SIDE, Prepared, check_stored, hash_bytes
from labelling.images.files import StorageError
from labelling.store.adding import Note
from labelling.store.entries import SPLITS, Tombstone
from labelling.store.store import Store

_PICTURE = re.compile(r"pictures/[0-9a-f]{2}/([0-9a-f]{64})\.jpg")
_MODEL = re.compile(r"models/([A-Za-z0-9][\w-]{0,63})/([1-9][0-9]{0,8})/(.+)", re.ASCII)


@dataclass(frozen=True)
class _Label:
    """A label with its picture, whose bytes are read when it is added."""

    prepared: Prepared
    path: Path
    note: Note


@dataclass
class _Content:
    """A bundle that was looked at and found good."""

    labels: list[_Label] = field(default_factory=list)
    removed: list[Tombstone] = field(default_factory=list)
    taught: list[Taught] = field(default_factory=list)


def restore_bundle(
    store: Store, catalog: Catalog, path: Path, progress: Progress | None = None
) -> Imported:
    """Take in a bundle's labels, pictures and taught networks, beside what is here.

    Raises: UserInputError for a bundle that is not whole or not ours; then nothing was changed.
    """
    with opening(path, store.data) as folder:
        if folder is None or not (folder / MANIFEST).is_file():
            raise UserInputError(f"{path.name} is no bundle. Make one with the command backup.")
        content = _inspect(folder, path.name, progress)
        imported = Imported()
        for done, label in enumerate(content.labels, 1):
            _enter(store, label, imported)
            if progress:
                progress(done, len(content.labels))
        for tombstone in content.removed:
            store.remember(tombstone)
        imported.versions = [take_in(taught, catalog, store.data) for taught in content.taught]
    return imported


def _inspect(folder: Path, name: str, progress: Progress | None) -> _Content:
    """Look at all that a bundle holds.

    Raises: UserInputError where anything is not as a bundle of ours has it.
    """
    hashes = _read_manifest(folder / MANIFEST, name)
    _check_files(folder, name, hashes)
    pictures = _check_pictures(folder, name, hashes, progress)
    content = _Content(removed=_read_removed(folder / REMOVED, hashes))
    for line in metadata.read_lines(folder / LABELS) if LABELS in hashes else ():
        sha256 = metadata.read_sha256(line, "sha256")
        if sha256 not in pictures:
            raise UserInputError(f"{name} holds a label without its picture. Make it anew.")
        origin = metadata.read_sha256(line, "origin_sha256")
        prepared = replace(pictures[sha256], origin_sha256=origin)
        note = metadata.read_note(line, Note(""))
        content.labels.append(_Label(prepared, folder / name_picture(sha256), note))
    found = {match.group(1, 2) for match in map(_MODEL.fullmatch, hashes) if match}
    for model, number in sorted(found):
        content.taught.append(inspect_version(folder / "models" / model / number))
    return content


def _read_manifest(path: Path, name: str) -> Mapping[str, str]:
    """Return file → SHA-256.

    Raises: UserInputError for a manifest that is not one, or of a later release.
    """
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        kind, number, files = values["kind"], values["format"], values["files"]
        if kind != KIND or not all(isinstance(value, str) for value in files.values()):
            raise UserInputError(f"{name} is no bundle of labelled pictures. Make it anew.")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, UserInputError):
            raise
        raise UserInputError(f"The manifest of {name} cannot be read. Make it anew.") from error
    if number != FORMAT:
        raise UserInputError(
            f"{name} has format {number!r:.20}, and this release reads format {FORMAT}. "
            "Use the release that wrote it."
        )
    return dict(files)


def _check_files(folder: Path, name: str, hashes: Mapping[str, str]) -> None:
    """Raise UserInputError unless exactly the files of the manifest are there, unchanged."""
    found = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    } - {MANIFEST}
    if found != set(hashes):
        other = min(found ^ set(hashes))
        raise UserInputError(
            f"{name} and its manifest disagree on {other!r:.100}. Make the bundle anew."
        )
    foreign = [inner for inner in sorted(found) if not _is_ours(inner)]
    if foreign:
        raise UserInputError(f"{name} holds {foreign[0]!r:.100}, which no bundle of ours does.")
    with ThreadPool(count_usable_cores()) as pool:
        read = pool.imap(lambda inner: hash_bytes((folder / inner).read_bytes()), hashes)
        for (inner, wanted), sha256 in zip(hashes.items(), read, strict=True):
            if sha256 != wanted:
                raise UserInputError(
                    f"{inner:.100} in {name} was changed or damaged. Make the bundle anew."
                )


def _is_ours(inner: str) -> bool:
    picture, model = _PICTURE.fullmatch(inner), _MODEL.fullmatch(inner)
    if picture:
        return inner == name_picture(picture[1])
    return may_travel(model[3]) if model else inner in (LABELS, REMOVED)


def _check_pictures(
    folder: Path, name: str, hashes: Mapping[str, str], progress: Progress | None
) -> dict[str, Prepared]:
    """Decode all pictures; returns SHA-256 → what is stored, without its bytes."""
    wanted = [match[1] for match in map(_PICTURE.fullmatch, hashes) if match]
    checked = {}
    with ThreadPool(count_usable_cores()) as pool:
        found = pool.imap(partial(_check_picture, folder, name), wanted)
        for done, (sha256, prepared) in enumerate(zip(wanted, found, strict=True), 1):
            checked[sha256] = prepared
            if progress:
                progress(done, len(wanted))
    return checked


def _check_picture(folder: Path, name: str, sha256: str) -> Prepared:
    try:
        prepared = check_stored((folder / name_picture(sha256)).read_bytes(), "")
    except UserInputError as error:
        raise UserInputError(f"{name} holds a picture that cannot be taken: {error}") from error
    if prepared.sha256 != sha256:
        raise UserInputError(f"{name} holds a picture under a wrong name. Make the bundle anew.")
    return replace(prepared, data=b"")


def _read_removed(path: Path, hashes: Mapping[str, str]) -> list[Tombstone]:
    if REMOVED not in hashes:
        return []
    return [_read_tombstone(line) for line in metadata.read_lines(path)]


def _read_tombstone(line: Mapping[str, Any]) -> Tombstone:
    texts = [metadata.read_sha256(line, name) for name in ("sha256", "dhash", "group")]
    split, width, height = (line.get(name) for name in ("split", "width", "height"))
    if split not in SPLITS or not isinstance(width, int) or not isinstance(height, int):
        raise UserInputError(f"A line of {REMOVED} is not as a store writes it. Make it anew.")
    return Tombstone(
        sha256=texts[0],
        dhash=texts[1],
        width=min(abs(width), MAX_SIDE),
        height=min(abs(height), MAX_SIDE),
        group=texts[2],
        split=str(split),
    )


def _enter(store: Store, label: _Label, imported: Imported) -> None:
    """Add a label; one that contradicts what is here is left out."""
    try:
        added = store.enter(replace(label.prepared, data=label.path.read_bytes()), label.note)
    except StorageError:
        raise
    except UserInputError as error:
        imported.left_out[label.note.name or label.prepared.sha256] = str(error)
        return
    imported.count(added)
