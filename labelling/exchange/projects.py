"""Projects: one model's labelled images, their labels and the version in use, as one zip file.

A project that is restored becomes a model of its own, beside those that are there. The file may
come from anyone: `foreign_projects` checks all of it before anything is changed.
"""

import json
import zipfile
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from inference.atomic_files import replacing_file, sweep_all_abandoned
from inference.errors import UserInputError, explaining_files
from inference.versions.catalog import Catalog, write_pointer
from labelling.exchange import metadata
from labelling.exchange.archives import open_source
from labelling.exchange.foreign_projects import (
    FORMAT,
    KIND,
    LABELS,
    MANIFEST,
    NOT_A_PROJECT,
    REMOVED,
    Manifest,
    check_files,
    find_version,
    name_image,
    read_labels,
    read_manifest,
    read_removed,
)
from labelling.exchange.foreign_versions import inspect_version, list_files, rename_version
from labelling.exchange.importing import Progress
from labelling.images.encoding import hash_bytes
from labelling.model_names import check_free, list_models
from labelling.planned_classes import read_planned, write_planned
from labelling.store.entries import STATES
from labelling.store.store import Store

# How the name begins of a file that is not written to its end; see `labelling.exchange.exporting`.
_UNFINISHED = ".picture-classifier-project-"


@dataclass(frozen=True)
class Project:
    """What was saved or restored: a model, its version in use, if any, and its labelled images."""

    model: str
    version: int | None
    images: int


def write_project(
    store: Store, catalog: Catalog, model: str, path: Path, progress: Progress | None = None
) -> Project:
    """Write a model's project, which appears when it is whole and replaces a file that was there.

    What was left in its folder by one that was killed is swept.
    Raises: UserInputError for a model that is not there, or where it cannot be written.
    """
    names = list_models(store, catalog)
    if model not in names:
        known = ", ".join(names) or "none"
        raise UserInputError(f"There is no model named {model[:64]!r}; there are: {known}.")
    with explaining_files(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep_all_abandoned(path.parent, _UNFINISHED)
        with (
            replacing_file(path, prefix=_UNFINISHED) as file,
            zipfile.ZipFile(file, "w") as archive,
        ):
            return _fill(archive, store, catalog, model, progress)


def restore_project(
    store: Store, catalog: Catalog, path: Path, model: str = "", progress: Progress | None = None
) -> Project:
    """Add the model of a project file, named `model` or else as the file names it.

    Raises: UserInputError for a name that is taken, or a file that is not whole or not ours; then
    nothing was changed.
    """
    with open_source(path, store.data) as folder:
        if folder is None:
            raise UserInputError(NOT_A_PROJECT)
        manifest = read_manifest(folder)
        name = model or manifest.model
        check_free(store, catalog, name)
        check_files(folder, manifest)
        labelled, removed = read_labels(folder, manifest, progress), read_removed(folder)
        version = find_version(manifest)
        own = folder / "models" / manifest.model
        if version is not None:
            rename_version(inspect_version(own / str(version)), name)
            write_pointer(own, version)
        write_planned(folder, manifest.model, manifest.planned)
        store.add_model(name, labelled, removed, own)
    return Project(name, version, len(labelled))


def _fill(
    archive: zipfile.ZipFile,
    store: Store,
    catalog: Catalog,
    model: str,
    progress: Progress | None,
) -> Project:
    entries = sorted(store.find(model, states=STATES), key=lambda entry: entry.id)
    confirmed, removed = store.list_confirmed(model), store.list_removed(model)
    sha256s, version = sorted({entry.sha256 for entry in entries}), catalog.read_current(model)
    hashes: dict[str, str] = {}

    def put(name: str, data: bytes) -> None:
        is_text = name.endswith((".json", ".jsonl"))
        archive.writestr(name, data, zipfile.ZIP_DEFLATED if is_text else zipfile.ZIP_STORED)
        hashes[name] = hash_bytes(data)

    for done, sha256 in enumerate(sha256s, 1):
        put(name_image(sha256), store.read_bytes(sha256))
        if progress:
            progress(done, len(sha256s))
    # A label for every model is, in a project, one for its model.
    own = ((entry.id in confirmed, replace(entry, model=model)) for entry in entries)
    lines = (metadata.write_line(e, name_image(e.sha256), confirmed=is_sure) for is_sure, e in own)
    put(LABELS, "".join(lines).encode())
    put(REMOVED, "".join(f"{json.dumps(asdict(found))}\n" for found in removed).encode())
    if version is not None:
        folder = catalog.find(model, version)
        for path in list_files(folder):
            inner = path.relative_to(folder).as_posix()
            put(f"models/{model}/{version}/{inner}", path.read_bytes())
    manifest = Manifest(
        kind=KIND,
        format=FORMAT,
        model=model,
        planned=read_planned(store.data, model),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        files=hashes,
    )
    archive.writestr(MANIFEST, manifest.model_dump_json(indent=1), zipfile.ZIP_DEFLATED)
    return Project(model, version, len(entries))
