import json
import zipfile
from pathlib import Path

import pytest

from inference.errors import UserInputError
from inference.versions.catalog import Catalog
from labelling.exchange.projects import is_bundle, write_bundle
from labelling.images.encoding import hash_bytes
from labelling.store.store import Store
from tests.labelling.packed import fill, make_bundle, read_bundle, teach
from tests.labelling.stored import list_picture_files


def test_a_bundle_holds_everything_under_its_hash(tmp_path: Path) -> None:
    data = tmp_path / "origin"
    fill(data)
    teach(data, "pets", 1)
    teach(data, "pets", 2)
    (data / "models" / "pets" / "current").write_text("1")
    files = read_bundle(make_bundle(tmp_path, data))
    manifest = json.loads(files.pop("manifest.json"))
    assert manifest["files"] == {name: hash_bytes(content) for name, content in files.items()}
    pictures = {Path(name).stem for name in files if name.startswith("pictures/")}
    assert pictures == list_picture_files(data)
    assert len(files["labels.jsonl"].splitlines()) == 29
    assert len(files["removed.jsonl"].splitlines()) == 1
    assert {name for name in files if name.startswith("models/")} == {
        f"models/pets/1/{name}"
        for name in ("model.onnx", "model.json", "memory.npz", "report/confusion.png")
    }


def test_what_it_counts(tmp_path: Path) -> None:
    fill(tmp_path / "data")
    teach(tmp_path / "data", "pets", 3)
    told: list[tuple[int, int]] = []
    with Store(tmp_path / "data") as store:
        catalog = Catalog(tmp_path / "exported", tmp_path / "data")
        path = tmp_path / "new" / "bundle.zip"
        done = write_bundle(store, catalog, path, lambda *count: told.append(count))
    assert (done.labels, done.pictures, done.models) == (29, 28, {"pets": 3})
    assert told[-1] == (28, 28)


def test_networks_that_ship_stay(tmp_path: Path) -> None:
    data = tmp_path / "origin"
    fill(data)
    taught = teach(data, "pets", 2)
    shipped = tmp_path / "exported" / "pets" / "1"
    shipped.parent.mkdir(parents=True)
    taught.rename(shipped)
    assert not any(name.startswith("models") for name in read_bundle(make_bundle(tmp_path, data)))


def test_a_bundle_appears_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_bundle(tmp_path)
    before = path.read_bytes()
    with Store(tmp_path / "origin") as store:
        next(iter((tmp_path / "origin" / "pictures").rglob("*.jpg"))).unlink()
        with pytest.raises(UserInputError, match="not kept here"):
            write_bundle(store, Catalog(tmp_path / "exported", store.data), path)
    assert path.read_bytes() == before
    assert {found.name for found in tmp_path.iterdir()} == {"origin", "bundle.zip"}


def test_bundles_are_told_from_other_files(tmp_path: Path) -> None:
    assert is_bundle(make_bundle(tmp_path))
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("cat/1.jpg", b"")
    assert not is_bundle(other)
    with zipfile.ZipFile(other, "a") as archive:
        archive.writestr("manifest.json", b"{}")
    assert not is_bundle(other)
    (tmp_path / "text").write_text("no zip")
    assert not is_bundle(tmp_path / "text")
    assert not is_bundle(tmp_path)
