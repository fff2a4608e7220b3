"""The whole of a data folder as one zip that another installation takes in and goes on from.

manifest.json       kind, format, and the SHA-256 of every other file
labels.jsonl        every label, pending and rejected ones too, with group and split
removed.jsonl       what is left of removed pictures, so that they are known again
pictures/ab/….jpg   as stored
models/NAME/3/…     the version in use of each model that was taught here
"""

import json
import zipfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from inference.atomic_files import replacing_file
from inference.versions.catalog import Catalog
from labelling.exchange import metadata
from labelling.exchange.archives import BROKEN
from labelling.exchange.foreign_versions import list_files, list_taught
from labelling.exchange.importing import Progress
from labelling.images.encoding import hash_bytes
from labelling.images.files import explaining_files
from labelling.store.entries import STATES
from labelling.store.store import Store

KIND = "labelled pictures and taught networks"
FORMAT = 1
MANIFEST, LABELS, REMOVED = "manifest.json", "labels.jsonl", "removed.jsonl"


@dataclass(frozen=True)
class Backup:
    """What was written; `models`: name → version."""

    labels: int
    pictures: int
    models: dict[str, int]


def write_bundle(
    store: Store, catalog: Catalog, path: Path, progress: Progress | None = None
) -> Backup:
    """Write a bundle, which appears when it is whole and takes the place of one that was there.

    Raises: UserInputError where it cannot be written.
    """
    with explaining_files(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing_file(path) as file, zipfile.ZipFile(file, "w") as archive:
            backup = _fill(_Writer(archive), store, catalog, progress)
    return backup


def is_bundle(path: Path) -> bool:
    """Tell whether a file is a zip that says it is a bundle; whether it is good comes later."""
    if not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive, archive.open(MANIFEST) as file:
            return KIND.encode() in file.read(10_000)
    except (*BROKEN, KeyError, RuntimeError, OSError):
        return False


class _Writer:
    """Puts files into a zip and remembers their hashes."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self.hashes: dict[str, str] = {}

    def put(self, name: str, data: bytes) -> None:
        is_text = name.endswith((".json", ".jsonl"))
        method = zipfile.ZIP_DEFLATED if is_text else zipfile.ZIP_STORED
        self.archive.writestr(name, data, method)
        self.hashes[name] = hash_bytes(data)

    def finish(self) -> None:
        manifest = {
            "kind": KIND,
            "format": FORMAT,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "files": self.hashes,
        }
        self.archive.writestr(MANIFEST, json.dumps(manifest, indent=1))


def name_picture(sha256: str) -> str:
    """Return where a picture lies in a bundle."""
    return f"pictures/{sha256[:2]}/{sha256}.jpg"


def _fill(writer: _Writer, store: Store, catalog: Catalog, progress: Progress | None) -> Backup:
    entries = sorted(store.find(None, states=STATES), key=lambda entry: entry.id)
    removed, models = store.list_removed(), list_taught(catalog)
    sha256s = sorted({entry.sha256 for entry in entries})
    for done, sha256 in enumerate(sha256s, 1):
        writer.put(name_picture(sha256), store.read_bytes(sha256))
        if progress:
            progress(done, len(sha256s))
    lines = (metadata.write_line(entry, name_picture(entry.sha256)) for entry in entries)
    writer.put(LABELS, "".join(lines).encode())
    writer.put(REMOVED, "".join(f"{json.dumps(asdict(found))}\n" for found in removed).encode())
    for model, number, folder in models:
        for path in list_files(folder):
            inner = path.relative_to(folder).as_posix()
            writer.put(f"models/{model}/{number}/{inner}", path.read_bytes())
    writer.finish()
    taught = {model: number for model, number, _ in models}
    return Backup(len(entries), len(sha256s), taught)
