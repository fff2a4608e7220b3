"""Project files made in the tests, and made again with something changed."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from inference.versions.catalog import Catalog
from labelling.exchange.foreign_projects import MANIFEST
from labelling.exchange.projects import write_project
from labelling.images.encoding import hash_bytes
from labelling.store.entries import STATES
from labelling.store.store import Store
from tests.inference.tiny_versions import write_version
from tests.labelling.sample_files import encode, make_image
from tests.labelling.stored import add_images


def teach(data: Path, model: str, number: int, **changes: object) -> Path:
    """Add a custom version of a model that is small enough to be tried out fast."""
    folder = data / "models" / model / str(number)
    write_version(folder, model=model, version=number, **changes)
    write_memory(folder / "memory.npz")
    (folder / "report").mkdir()
    (folder / "report" / "confusion.png").write_bytes(b"picture")
    (folder / "report" / "report.html").write_text("<script>")
    return folder


def write_memory(path: Path, **changes: object) -> None:
    """Write what a version of two classes remembers, with some of its arrays changed."""
    arrays: dict[str, Any] = {
        "embeddings": np.ones((4, 3), np.float16),
        "targets": np.array([0, 1, -1, 1], np.int16),
        "is_val": np.array([False, True, False, True]),
        "sha256": np.array(["a" * 64] * 4, "S64"),
        "group": np.array([""] * 4, "S64"),
    }
    np.savez(path, **{k: v for k, v in (arrays | changes).items() if v is not None})


def fill(data: Path) -> None:
    """Fill a data folder: three states, groups, a removed image, other models' labels too.

    Of `pets` are 28 labels of 28 images: 25 of its own and 3 for every model.
    """
    with Store(data) as store:
        gone = store.add(encode(make_image(99)), "cat").entry
        store.delete(gone.id, "Ann")
        store.purge(0)
        add_images(store, "cat", range(12), model="pets")
        add_images(store, "dog", range(12, 24), model="pets")
        store.add(encode(make_image(0, side=80)), "cat", model="pets")  # a near-duplicate
        for seed, state in enumerate(STATES, 24):
            store.add(encode(make_image(seed)), "bird", state=state, who="Ann", name="b.jpg")
        store.add(encode(make_image(0)), "animal")  # which is a cat for pets
        add_images(store, "bus", range(30, 33), model="cars")


def make_project(tmp_path: Path, data: Path | None = None, model: str = "pets") -> Path:
    """Write a model's project, by default of a new data folder without versions."""
    if data is None:
        data = tmp_path / "origin"
        fill(data)
    path = tmp_path / f"{model}.zip"
    with Store(data) as store:
        write_project(store, Catalog(tmp_path / "exported", data), model, path)
    return path


def read_project(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def change_project(path: Path, changes: dict[str, bytes | None], *, honest: bool = True) -> None:
    """Put other files into a project, with a manifest that fits them if it is to be `honest`."""
    files = {
        name: data for name, data in (read_project(path) | changes).items() if data is not None
    }
    if honest and MANIFEST not in changes:
        manifest = json.loads(files.pop(MANIFEST))
        manifest["files"] = {name: hash_bytes(data) for name, data in files.items()}
        files[MANIFEST] = json.dumps(manifest).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
