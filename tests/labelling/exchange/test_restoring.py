import json
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import labelling.exchange.archives
from inference.errors import UserInputError
from inference.versions.cards import read_card
from inference.versions.catalog import Catalog
from labelling.exchange.importing import Imported
from labelling.exchange.projects import MANIFEST, name_picture
from labelling.exchange.restoring import restore_bundle
from labelling.exchange.strangers import hash_backbone
from labelling.store.store import STATES, Entry, Store
from tests.labelling.packed import change_bundle, fill, make_bundle, read_bundle, teach
from tests.labelling.sample_files import encode, make_image
from tests.labelling.stored import add_pictures, list_picture_files


def restore(path: Path, data: Path) -> Imported:
    with Store(data) as store:
        return restore_bundle(store, Catalog(path.parent / "exported", data), path)


def read_entries(data: Path) -> list[Entry]:
    with Store(data) as store:
        return store.find(None, states=STATES)


def without_numbers(entries: list[Entry]) -> set[tuple[object, ...]]:
    return {tuple(v for k, v in vars(entry).items() if k != "id") for entry in entries}


def snapshot(data: Path) -> tuple[object, ...]:
    """Return all that a bundle could change."""
    tables = ("entries", "pictures", "changes", "origins")
    Store(data).close()
    connection = sqlite3.connect(data / "labels.sqlite3")
    rows = [connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables]
    connection.close()
    files = sorted(p.relative_to(data) for p in data.rglob("*") if "sqlite3" not in p.name)
    return (rows, files)


def test_another_installation_goes_on_from_it(tmp_path: Path) -> None:
    path = make_bundle(tmp_path)
    data = tmp_path / "other"
    found = restore(path, data)
    assert (found.added, found.existed, found.left_out) == (29, 0, {})
    origin = read_entries(tmp_path / "origin")
    assert without_numbers(read_entries(data)) == without_numbers(origin)
    assert {entry.split for entry in origin} == {"train", "locked"}
    assert list_picture_files(data) == list_picture_files(tmp_path / "origin")
    with Store(tmp_path / "origin") as one, Store(data) as other:
        assert one.count("pets") == other.count("pets")
        removed = one.list_removed()
        assert len(removed) == 1
        assert other.list_removed() == removed
        assert other.knows([removed[0].sha256])
        assert other.add(encode(make_image(3)), "cat", model="pets").existed


def test_taking_it_in_again_changes_nothing(tmp_path: Path) -> None:
    path = make_bundle(tmp_path)
    restore(path, tmp_path / "other")
    for data in (tmp_path / "other", tmp_path / "origin"):
        before = snapshot(data)
        assert restore(path, data) == Imported(existed=29)
        assert snapshot(data) == before


def test_a_bundle_of_a_bundle_is_the_same(tmp_path: Path) -> None:
    path = make_bundle(tmp_path)
    restore(path, tmp_path / "other")
    one = read_bundle(path)
    again = read_bundle(make_bundle(tmp_path, tmp_path / "other"))
    assert {k: v for k, v in one.items() if k != MANIFEST} == {
        k: v for k, v in again.items() if k != MANIFEST
    }


def test_what_is_here_stays(tmp_path: Path) -> None:
    path = make_bundle(tmp_path)
    data = tmp_path / "other"
    with Store(data) as store:
        own = store.add(encode(make_image(2)), "tiger", model="pets").entry
        new = store.add(encode(make_image(500)), "tiger", model="pets").entry
    found = restore(path, data)
    assert found.added == 28
    (reason,) = found.left_out.values()
    assert reason.startswith("This picture is labelled 'tiger' already")
    kept = {entry.id: entry for entry in read_entries(data)}
    assert (kept[own.id], kept[new.id]) == (own, new)


def test_near_duplicates_in_the_other_split_stand_aside(tmp_path: Path) -> None:
    path = make_bundle(tmp_path)
    locked = next(entry for entry in read_entries(tmp_path / "origin") if entry.split == "locked")
    seed = locked.id - 2  # the first was removed
    data = tmp_path / "other"
    with Store(data) as store:  # the first here, so it is trained on
        own = store.add(encode(make_image(seed, side=80)), "cat").entry
    restore(path, data)
    (found,) = (entry for entry in read_entries(data) if entry.sha256 == locked.sha256)
    assert (own.split, locked.split, found.split) == ("train", "locked", "aside")


def test_deleted_labels_come_back(tmp_path: Path) -> None:
    path = make_bundle(tmp_path)
    data = tmp_path / "origin"
    before = without_numbers(read_entries(data))
    with Store(data) as store:
        for entry in store.find(None):
            store.delete(entry.id, "Ann")
        store.purge(0)
    restore(path, data)
    assert {row[:6] for row in without_numbers(read_entries(data))} == {row[:6] for row in before}


# Networks


def test_taught_networks_come_along_and_into_use(tmp_path: Path) -> None:
    origin = tmp_path / "origin"
    fill(origin)
    folder = teach(origin, "pets", 4)
    path = make_bundle(tmp_path, origin)
    data = tmp_path / "other"
    found = restore(path, data)
    assert found.versions == ["pets version 4 was added and is in use."]
    catalog = Catalog(tmp_path / "exported", data)
    taken = catalog.find("pets")
    assert taken == data / "models" / "pets" / "4"
    backbone = hash_backbone(folder / "model.onnx")
    assert read_card(taken) == read_card(folder).model_copy(update={"backbone_sha256": backbone})
    names = ("memory.npz", "report/confusion.png")
    assert all((taken / name).read_bytes() == (folder / name).read_bytes() for name in names)
    assert not (taken / "report" / "report.html").exists()
    assert restore(path, data).versions == ["pets version 4 is here already, as version 4."]
    assert catalog.list_versions("pets") == {4: taken}
    assert {found.name for found in data.iterdir() if found.is_dir()} == {"models", "pictures"}


# Attacks: nothing is changed by what is not whole and ours


def edit_manifest(**changes: object) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        manifest = json.loads(read_bundle(path)[MANIFEST])
        change_bundle(path, {MANIFEST: json.dumps(manifest | changes).encode()})

    return edit


def edit_label(**changes: object) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        first, *rest = read_bundle(path)["labels.jsonl"].splitlines()
        line = json.dumps(json.loads(first) | changes).encode()
        change_bundle(path, {"labels.jsonl": b"\n".join([line, *rest])})

    return edit


def put(name: str, data: bytes = b"x", *, honest: bool = True) -> Callable[[Path], None]:
    return lambda path: change_bundle(path, {name: data}, honest=honest)


def find_picture(path: Path) -> str:
    return next(name for name in read_bundle(path) if name.startswith("pictures/"))


def change_picture(data: bytes | None, *, honest: bool = False) -> Callable[[Path], None]:
    return lambda path: change_bundle(path, {find_picture(path): data}, honest=honest)


def swap_picture(path: Path) -> None:
    """Put a picture under its own right name that no store of ours would have made."""
    from labelling.images.encoding import hash_bytes

    data = encode(make_image(1), comment=b"<script>")
    change_bundle(path, {name_picture(hash_bytes(data)): data})


HEX = "ab" * 32
ATTACKS: dict[str, tuple[Callable[[Path], None], str]] = {
    "newer": (edit_manifest(format=2), "format 2.*Use the release that wrote it"),
    "odd format": (edit_manifest(format=[1]), "this release reads format 1"),
    "kind": (edit_manifest(kind="x"), "no bundle of labelled pictures"),
    "no files": (edit_manifest(files={}), "disagree on"),
    "files list": (edit_manifest(files=["a"]), "manifest of bundle.zip cannot be read"),
    "files null": (edit_manifest(files={"a": None}), "no bundle of labelled pictures"),
    "no manifest": (lambda path: change_bundle(path, {MANIFEST: None}, honest=False), "no bundle"),
    "junk manifest": (put(MANIFEST, b"[[", honest=False), "manifest of bundle.zip cannot be read"),
    "deep manifest": (put(MANIFEST, b"[" * 200_000, honest=False), "cannot be read"),
    "list manifest": (put(MANIFEST, b"[]", honest=False), "cannot be read"),
    "wrong hash": (change_picture(encode(make_image(7))), "was changed or damaged"),
    "missing picture": (change_picture(None), "disagree on"),
    "label without picture": (change_picture(None, honest=True), "a label without its picture"),
    "picture misnamed": (change_picture(encode(make_image(7)), honest=True), "under a wrong name"),
    "no picture": (change_picture(b"<html>", honest=True), "a picture that cannot be taken"),
    "comment": (swap_picture, "not as a store keeps it"),
    "extra": (put("extra.txt", honest=False), "disagree on 'extra.txt'"),
    "foreign": (put("extra.txt"), "which no bundle of ours does"),
    "pointer": (put("models/pets/current"), "which no bundle of ours does"),
    "misplaced": (put(f"pictures/cd/{HEX}.jpg"), "which no bundle of ours does"),
    "script": (put("models/pets/1/run.py"), "which no bundle of ours does"),
    "page": (put("models/pets/1/report/x.html"), "which no bundle of ours does"),
    "model name": (put("models/..x/1/model.onnx"), "which no bundle of ours does"),
    "climbing": (put("../evil.txt"), "leads out of the archive"),
    "climbing model": (put("models/../x/1/model.onnx"), "leads out of the archive"),
    "absolute": (put("/tmp/evil.txt"), "leads out of the archive"),
    "label": (edit_label(label="a/b"), "cannot name a class"),
    "no label": (edit_label(label=""), "no name"),
    "label model": (edit_label(model="../x"), "cannot name a model"),
    "label state": (edit_label(state="x"), "is no state"),
    "label hash": (edit_label(sha256="../../x"), "not a SHA-256"),
    "origin hash": (edit_label(origin_sha256=[]), "not a text"),
    "lines": (put("labels.jsonl", b"\xff"), "not text in UTF-8"),
    "removed": (put("removed.jsonl", b'{"sha256": "x"}'), "not a SHA-256"),
    "removed split": (
        put("removed.jsonl", json.dumps(dict.fromkeys(("sha256", "dhash", "group"), HEX)).encode()),
        "not as a store writes it",
    ),
    "empty network": (put("models/pets/1/model.onnx"), "holds no model.json"),
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("bundle")
    with Store(folder / "origin") as store:
        add_pictures(store, "cat", range(3))
    return make_bundle(folder, folder / "origin").read_bytes()


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_are_a_sentence_and_change_nothing(
    tmp_path: Path, bundle: bytes, name: str
) -> None:
    attack, sentence = ATTACKS[name]
    path = tmp_path / "bundle.zip"
    path.write_bytes(bundle)
    attack(path)
    data = tmp_path / "data"
    with Store(data) as store:
        store.add(encode(make_image(50)), "cat")
    before = snapshot(data)
    with pytest.raises(UserInputError, match=sentence):
        restore(path, data)
    assert snapshot(data) == before
    assert {found.name for found in tmp_path.iterdir()} == {"bundle.zip", "data"}


def test_bombs_are_refused(tmp_path: Path, bundle: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labelling.exchange.archives, "_HARMLESS_BYTES", 1_000_000)
    path = tmp_path / "bundle.zip"
    path.write_bytes(bundle)
    change_bundle(path, {"labels.jsonl": bytes(20_000_000)})
    with pytest.raises(UserInputError, match="times its size"):
        restore(path, tmp_path / "data")


@pytest.mark.parametrize("name", ["folder", "text", "zip"])
def test_what_is_no_bundle_is_a_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("text")
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        archive.writestr("cat/1.jpg", b"")
    with pytest.raises(UserInputError, match=f"{name} is no bundle"):
        restore(tmp_path / name, tmp_path / "data")
