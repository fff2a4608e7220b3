import json
import os
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from inference.classifier import Classifier
from inference.errors import UserInputError
from inference.versions.cards import read_card
from inference.versions.catalog import Catalog
from inference.versions.probes import make_probe
from labelling.exchange.foreign_projects import MANIFEST, is_project, name_image, read_manifest
from labelling.exchange.projects import Project, restore_project, write_project
from labelling.images.encoding import hash_bytes
from labelling.planned_classes import PlannedClasses, read_planned, write_planned
from labelling.store.entries import STATES, Entry
from labelling.store.label_issues import LabelCheck, LabelIssue
from labelling.store.store import Store
from tests.labelling.project_files import change_project, fill, make_project, read_project, teach
from tests.labelling.sample_files import encode, make_image
from tests.labelling.stored import add_images, list_image_files
from tests.running import ROOT


def restore(path: Path, data: Path, model: str = "") -> Project:
    with Store(data) as store:
        return restore_project(store, Catalog(path.parent / "exported", data), path, model)


def read_entries(data: Path, model: str | None = "pets") -> list[Entry]:
    with Store(data) as store:
        return store.find(model, states=STATES)


def without_numbers(entries: list[Entry]) -> set[tuple[object, ...]]:
    """Return what must be the same in every installation, and under every name."""
    return {
        tuple(v for k, v in vars(entry).items() if k not in ("id", "model")) for entry in entries
    }


def snapshot(data: Path) -> tuple[object, ...]:
    """Return all that restoring could change."""
    tables = ("entries", "images", "changes", "origins", "arrivals")
    Store(data).close()
    connection = sqlite3.connect(data / "labels.sqlite3")
    rows = [connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables]
    connection.close()
    files = sorted(p.relative_to(data) for p in data.rglob("*") if "sqlite3" not in p.name)
    return (rows, files)


# Out


def test_a_project_holds_one_model_under_its_hashes(tmp_path: Path) -> None:
    data = tmp_path / "origin"
    fill(data)
    teach(data, "pets", 1)
    teach(data, "pets", 2)
    teach(data, "cars", 1)
    (data / "models" / "pets" / "current").write_text("1")
    files = read_project(make_project(tmp_path, data))
    manifest = json.loads(files.pop(MANIFEST))
    assert manifest["files"] == {name: hash_bytes(content) for name, content in files.items()}
    images = {Path(name).stem for name in files if name.startswith("images/")}
    assert images == {entry.sha256 for entry in read_entries(data)} < list_image_files(data)
    lines = [json.loads(line) for line in files["labels.jsonl"].splitlines()]
    assert len(lines) == 28
    assert {line["model"] for line in lines} == {"pets"}
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
        path = tmp_path / "new" / "pets.zip"
        done = write_project(store, catalog, "pets", path, lambda *count: told.append(count))
    assert done == Project("pets", version=3, images=28)
    assert told[-1] == (28, 28)


def test_a_version_that_ships_goes_along_where_it_is_in_use(tmp_path: Path) -> None:
    shipped = tmp_path / "exported" / "pets" / "2"
    shipped.parent.mkdir(parents=True)
    teach(tmp_path, "pets", 2).rename(shipped)
    path = make_project(tmp_path)
    assert any(name.startswith("models/pets/2/") for name in read_project(path))
    assert restore(path, tmp_path / "other", "mine").version == 2


def test_a_project_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = make_project(tmp_path)
    before = path.read_bytes()
    with Store(tmp_path / "origin") as store:
        store.path(store.find("pets")[0].sha256).unlink()
        with pytest.raises(UserInputError, match="not kept here"):
            write_project(store, Catalog(tmp_path / "exported", store.data), "pets", path)
    assert path.read_bytes() == before
    assert {found.name for found in tmp_path.iterdir()} == {"origin", "pets.zip"}


def test_a_model_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserInputError, match="no model named 'dogs'; there are: cars, pets"):
        fill(tmp_path / "data")
        make_project(tmp_path, tmp_path / "data", "dogs")
    assert not (tmp_path / "dogs.zip").exists()


def test_projects_are_told_from_other_files(tmp_path: Path) -> None:
    path = make_project(tmp_path)
    assert is_project(path)
    make_old_backup(path)
    assert is_project(path)
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("cat/1.jpg", b"")
    assert not is_project(other)
    with zipfile.ZipFile(other, "a") as archive:
        archive.writestr("manifest.json", b"{}")
    assert not is_project(other)
    (tmp_path / "text").write_text("no zip")
    assert not is_project(tmp_path / "text")
    assert not is_project(tmp_path)


# In


def test_another_installation_goes_on_from_it(tmp_path: Path) -> None:
    path = make_project(tmp_path)
    origin, data = tmp_path / "origin", tmp_path / "other"
    assert restore(path, data) == Project("pets", version=None, images=28)
    entries, restored = read_entries(origin), read_entries(data)
    assert without_numbers(restored) == without_numbers(entries)
    assert {entry.model for entry in restored} == {"pets"}
    assert {entry.split for entry in restored} == {"train", "locked"}
    with Store(origin) as one, Store(data) as other:
        for entry in entries:
            assert one.read_bytes(entry.sha256) == other.read_bytes(entry.sha256)
        assert one.count("pets") == other.count("pets")
        removed = one.list_removed("pets")
        assert len(removed) == 1
        assert other.list_removed("pets") == removed
        assert other.knows([removed[0].sha256])
        assert other.list_models() == ["pets"]
        assert other.add(encode(make_image(3)), "cat", model="pets").existed
    assert {found.name for found in data.iterdir() if found.is_dir()} == {"models", "pictures"}


def test_a_project_of_a_restored_project_is_the_same(tmp_path: Path) -> None:
    path = make_project(tmp_path)
    restore(path, tmp_path / "other")
    first = read_project(path)
    again = read_project(make_project(tmp_path, tmp_path / "other"))
    assert {k: v for k, v in first.items() if k != MANIFEST} == {
        k: v for k, v in again.items() if k != MANIFEST
    }


def test_two_projects_stand_side_by_side(tmp_path: Path) -> None:
    path = make_project(tmp_path)
    data = tmp_path / "other"
    restore(path, data)
    before = read_entries(data)
    assert restore(path, data, "pets_of_Ann").images == 28
    assert read_entries(data) == before
    second = read_entries(data, "pets_of_Ann")
    assert without_numbers(second) == without_numbers(before)
    with Store(data) as store:
        store.delete(second[0].id, "Ann")
        assert store.list_models() == ["pets", "pets_of_Ann"]
    assert read_entries(data) == before


def take_by_label(data: Path) -> None:
    with Store(data) as store:
        store.add(encode(make_image(500)), "tiger", model="pets")


def take_by_plan(data: Path) -> None:
    write_planned(data, "pets", PlannedClasses(("a", "b")))


def take_by_shipped_version(data: Path) -> None:
    teach(data.parent, "pets", 1)
    (data.parent / "models").rename(data.parent / "exported")


def take_by_former_version(data: Path) -> None:
    """Leave what a model leaves whose versions are deleted: numbers that are never used again."""
    Catalog(data.parent / "exported", data).reserve("pets")


TAKEN: dict[str, Callable[[Path], object]] = {
    "labels": take_by_label,
    "plan": take_by_plan,
    "version": lambda data: teach(data, "pets", 1),
    "shipped version": take_by_shipped_version,
    "former version": take_by_former_version,
    "spelling": lambda data: write_planned(data, "Pets", PlannedClasses(("a", "b"))),
}


@pytest.mark.parametrize("name", TAKEN)
def test_a_name_that_is_taken_is_asked_for_and_nothing_is_merged(tmp_path: Path, name: str) -> None:
    path = make_project(tmp_path)
    data = tmp_path / "other"
    data.mkdir()
    TAKEN[name](data)
    before = snapshot(data)
    for model in ("", "pets"):
        with pytest.raises(UserInputError, match=r"name pets is taken.*never merged.*--model NAME"):
            restore(path, data, model)
    assert snapshot(data) == before
    assert restore(path, data, "other_pets").model == "other_pets"
    assert len(read_entries(data, "other_pets")) == 28
    with pytest.raises(UserInputError, match="cannot name a model"):
        restore(path, data, "../x")


def test_what_other_models_have_stays(tmp_path: Path) -> None:
    path = make_project(tmp_path)
    data = tmp_path / "other"
    with Store(data) as store:
        store.add(encode(make_image(2)), "tiger", model="zoo")
        store.add(encode(make_image(500)), "tiger", model="zoo")
    teach(data, "zoo", 1)
    before = read_entries(data, "zoo")
    restore(path, data)
    assert read_entries(data, "zoo") == before
    with Store(data) as store:
        (found,) = (entry for entry in store.find("pets") if entry.sha256 == before[1].sha256)
    assert found.label == "cat"


def test_near_duplicates_in_the_other_split_are_left_out_of_both(tmp_path: Path) -> None:
    path = make_project(tmp_path)
    locked = next(entry for entry in read_entries(tmp_path / "origin") if entry.split == "locked")
    seed = locked.id - 2  # the first was removed
    data = tmp_path / "other"
    with Store(data) as store:  # the first here, so it is trained on
        own = store.add(encode(make_image(seed, side=80)), "cat").entry
    restore(path, data)
    (found,) = (entry for entry in read_entries(data) if entry.sha256 == locked.sha256)
    assert (own.split, locked.split, found.split) == ("train", "locked", "excluded")


def test_a_model_whose_labels_were_deleted_comes_back(tmp_path: Path) -> None:
    path = make_project(tmp_path)
    data = tmp_path / "origin"
    before = read_entries(data)
    with Store(data) as store:
        for entry in store.find(None):
            store.delete(entry.id, "Ann")
        store.purge(0)
    restore(path, data)
    assert {row[:5] for row in without_numbers(read_entries(data))} == {
        row[:5] for row in without_numbers(before)
    }


def test_planned_classes_go_along(tmp_path: Path) -> None:
    data = tmp_path / "origin"
    plan = PlannedClasses(("cat", "dog", "none of these"), "none of these")
    write_planned(data, "pets", plan)
    path = make_project(tmp_path, data)
    assert restore(path, tmp_path / "other", "mine") == Project("mine", None, 0)
    assert read_planned(tmp_path / "other", "mine") == plan


def test_labels_that_somebody_confirmed_stay_so(tmp_path: Path) -> None:
    data = tmp_path / "origin"
    with Store(data) as store:
        first, second, third = (added.entry for added in add_images(store, "cat", range(3), "pets"))
        store.confirm(first.id, "Ann")
        store.undo(store.confirm(second.id, "Ann"), "Ann")
    restore(make_project(tmp_path, data), tmp_path / "other")
    with Store(tmp_path / "other") as store:
        entries = store.find("pets")
        issues = [LabelIssue(entry.id, "cat", "dog", 0.9, 0.1) for entry in entries]
        store.put_label_check("pets", LabelCheck(3, (), tuple(issues)))
        doubted = {entry.sha256 for entry, _ in store.find_label_issues("pets")}
    assert doubted == {second.sha256, third.sha256}


# Versions


def test_the_version_in_use_comes_along_and_answers_the_same(tmp_path: Path) -> None:
    origin, data = tmp_path / "origin", tmp_path / "other"
    fill(origin)
    folder = teach(origin, "pets", 4)
    path = make_project(tmp_path, origin)
    assert restore(path, data, "mine").version == 4
    catalog = Catalog(tmp_path / "exported", data)
    restored = catalog.find("mine")
    assert restored == data / "models" / "mine" / "4"
    changes = {"model": "mine", "backbone_sha256": read_card(restored).backbone_sha256}
    assert read_card(restored) == read_card(folder).model_copy(update=changes)
    names = ("memory.npz", "report/confusion.png")
    assert all((restored / name).read_bytes() == (folder / name).read_bytes() for name in names)
    assert not (restored / "report" / "report.html").exists()
    image = [make_probe(40, 30, 1)]
    before, after = (Classifier(f, "cpu").predict(image)[0] for f in (folder, restored))
    assert after.probabilities == before.probabilities
    assert (after.model, after.version, after.label) == ("mine", 4, before.label)
    assert catalog.reserve("mine").name == "5"


def test_a_later_version_that_was_not_published_stays_behind(tmp_path: Path) -> None:
    origin = tmp_path / "origin"
    fill(origin)
    for number in (1, 2):
        teach(origin, "pets", number)
    Catalog(tmp_path / "exported", origin).publish("pets", 1)
    restore(make_project(tmp_path, origin), tmp_path / "other")
    catalog = Catalog(tmp_path / "exported", tmp_path / "other")
    assert list(catalog.list_versions("pets")) == [1]


# Kills


@pytest.fixture(scope="module")
def taught_project(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("taught")
    with Store(folder / "origin") as store:
        add_images(store, "cat", range(3), "pets")
    write_planned(folder / "origin", "pets", PlannedClasses(("cat", "dog")))
    teach(folder / "origin", "pets", 4)
    return make_project(folder, folder / "origin").read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize(
    ("pattern", "is_taken_in"),
    [
        ("pictures/*/*.jpg", False),
        (".arrived-*", False),
        ("models/pets/4", True),
        ("models/pets/classes.json", True),
        ("models/pets/current", True),
    ],
)
def test_a_kill_leaves_all_of_it_or_nothing(
    tmp_path: Path, taught_project: bytes, pattern: str, is_taken_in: bool
) -> None:
    path, data = tmp_path / "pets.zip", tmp_path / "data"
    path.write_bytes(taught_project)
    command = [sys.executable, "-m", "tests.labelling.killed_restore", data, path, data / pattern]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == -9, done.stderr.decode()
    Store(data).close()  # whoever opens the data folder next
    catalog = Catalog(tmp_path / "exported", data)
    assert len(read_entries(data, None)) == (3 if is_taken_in else 0)
    assert catalog.list_models() == (["pets"] if is_taken_in else [])
    if not is_taken_in:
        assert restore(path, data).version == 4
    assert catalog.read_current("pets") == 4
    assert read_planned(data, "pets") == PlannedClasses(("cat", "dog"))
    assert len(read_entries(data)) == 3
    assert not list(data.glob("models/.*"))


def test_a_disk_that_fails_at_the_end_changes_nothing(
    tmp_path: Path, taught_project: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, data = tmp_path / "pets.zip", tmp_path / "data"
    path.write_bytes(taught_project)
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if target.name.startswith(".arrived-"):
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(UserInputError, match="the disk is full"):
        restore(path, data)
    assert read_entries(data, None) == []
    assert not (data / "models").exists()
    monkeypatch.undo()
    assert restore(path, data).images == 3


# Attacks: nothing is changed by what is not whole and ours


def edit_manifest(**changes: object) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        manifest = json.loads(read_project(path)[MANIFEST])
        change_project(path, {MANIFEST: json.dumps(manifest | changes).encode()})

    return edit


make_old_backup = edit_manifest(kind="labelled pictures and taught networks")


def edit_label(**changes: object) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        first, *rest = read_project(path)["labels.jsonl"].splitlines()
        line = json.dumps(json.loads(first) | changes).encode()
        change_project(path, {"labels.jsonl": b"\n".join([line, *rest])})

    return edit


def put(name: str, data: bytes = b"x", *, honest: bool = True) -> Callable[[Path], None]:
    return lambda path: change_project(path, {name: data}, honest=honest)


def find_image(path: Path) -> str:
    return next(name for name in read_project(path) if name.startswith("images/"))


def change_image(data: bytes | None, *, honest: bool = False) -> Callable[[Path], None]:
    return lambda path: change_project(path, {find_image(path): data}, honest=honest)


def swap_image(path: Path) -> None:
    """Put an image under its own right name that no store of ours would have made."""
    data = encode(make_image(1), comment=b"<script>")
    change_project(path, {name_image(hash_bytes(data)): data})


def repeat_label(path: Path) -> None:
    first, *rest = read_project(path)["labels.jsonl"].splitlines()
    change_project(path, {"labels.jsonl": b"\n".join([first, first, *rest])})


def put_removed(**changes: object) -> Callable[[Path], None]:
    line = dict.fromkeys(("sha256", "dhash", "group"), HEX) | changes
    return put("removed.jsonl", json.dumps(line).encode())


HEX = "ab" * 32
FOREIGN = "which no project of ours does"
ATTACKS: dict[str, tuple[Callable[[Path], None], str]] = {
    "newer": (edit_manifest(format=2), "format 2.*Use the release that wrote it"),
    "odd format": (edit_manifest(format=[1]), "manifest that cannot be read"),
    "kind": (edit_manifest(kind="x"), "is of another kind"),
    "older release": (make_old_backup, "a backup of an earlier release.*Restore it with that"),
    "no files": (edit_manifest(files={}), "disagree on"),
    "files list": (edit_manifest(files=["a"]), "manifest that cannot be read"),
    "files null": (edit_manifest(files={"a": None}), "manifest that cannot be read"),
    "model": (edit_manifest(model="../x"), "cannot name a model"),
    "no model": (edit_manifest(model=""), "cannot name a model"),
    "planned": (edit_manifest(planned={"class_names": ["a/b"]}), "cannot name a class"),
    "planned form": (edit_manifest(planned={"class_names": [" a"]}), "plans classes"),
    "planned catch-all": (edit_manifest(planned={"catch_all": "x"}), "plans classes"),
    "many planned": (
        edit_manifest(planned={"class_names": [str(n) for n in range(101)]}),
        "plans classes",
    ),
    "no manifest": (
        lambda path: change_project(path, {MANIFEST: None}, honest=False),
        "is not a project",
    ),
    "junk manifest": (put(MANIFEST, b"[[", honest=False), "manifest that cannot be read"),
    "deep manifest": (put(MANIFEST, b"[" * 200_000, honest=False), "cannot be read"),
    "list manifest": (put(MANIFEST, b"[]", honest=False), "cannot be read"),
    "wrong hash": (change_image(encode(make_image(7))), "was changed or damaged"),
    "missing image": (change_image(None), "disagree on"),
    "label without image": (change_image(None, honest=True), "a label without its image"),
    "two labels of one image": (repeat_label, "two labels of one image"),
    "image misnamed": (change_image(encode(make_image(7)), honest=True), "under a wrong name"),
    "no image": (change_image(b"<html>", honest=True), "an image that is refused"),
    "comment": (swap_image, "not as a store keeps it"),
    "extra": (put("extra.txt", honest=False), "disagree on 'extra.txt'"),
    "foreign": (put("extra.txt"), FOREIGN),
    "pointer": (put("models/pets/current"), FOREIGN),
    "misplaced": (put(f"images/cd/{HEX}.jpg"), FOREIGN),
    "script": (put("models/pets/1/run.py"), FOREIGN),
    "page": (put("models/pets/1/report/x.html"), FOREIGN),
    "model name": (put("models/..x/1/model.onnx"), FOREIGN),
    "other model": (put("models/cars/1/model.onnx"), FOREIGN),
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
    "removed split": (put_removed(), "that no store writes"),
    "removed size": (put_removed(split="train", width=0, height=2000), "that no store writes"),
    "empty version": (put("models/pets/1/model.onnx"), "holds no model.json"),
    "two versions": (
        lambda path: change_project(
            path, {f"models/pets/{number}/model.onnx": b"x" for number in (1, 2)}
        ),
        "holds several versions",
    ),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("project")
    with Store(folder / "origin") as store:
        add_images(store, "cat", range(3), "pets")
    return make_project(folder, folder / "origin").read_bytes()


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_are_a_sentence_and_change_nothing(
    tmp_path: Path, project: bytes, name: str
) -> None:
    attack, sentence = ATTACKS[name]
    path = tmp_path / "pets.zip"
    path.write_bytes(project)
    attack(path)
    data = tmp_path / "data"
    with Store(data) as store:
        store.add(encode(make_image(50)), "cat")
    before = snapshot(data)
    with pytest.raises(UserInputError, match=sentence):
        restore(path, data)
    assert snapshot(data) == before
    assert {found.name for found in tmp_path.iterdir()} == {"pets.zip", "data"}


def test_bombs_are_refused(tmp_path: Path, project: bytes) -> None:
    path = tmp_path / "pets.zip"
    path.write_bytes(project)
    change_project(path, {"labels.jsonl": bytes(101_000_000)})
    with pytest.raises(UserInputError, match="times its size"):
        restore(path, tmp_path / "data")


@pytest.mark.parametrize("name", ["folder", "text", "zip"])
def test_what_is_no_project_is_a_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("text")
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        archive.writestr("cat/1.jpg", b"")
    with pytest.raises(UserInputError, match="is not a project file"):
        restore(tmp_path / name, tmp_path / "data")


def test_endless_manifest_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / MANIFEST).open("wb") as file:
        file.truncate(60_000_001)
    with pytest.raises(UserInputError, match="larger than ours are"):
        read_manifest(tmp_path)
