import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.errors import StorageError, UserInputError
from labelling.exchange.importing import ImportResult, import_path
from labelling.exchange.items import ImportOptions
from labelling.images.encoding import hash_bytes
from labelling.store.store import Store
from tests.labelling.sample_files import encode, make_image, write_images


def make_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "given"
    write_images(folder / "cat", range(4))
    write_images(folder / "dog", range(4, 7))
    return folder


def zip_folder(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder.parent))
    return path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "data") as opened:
        yield opened


@pytest.mark.parametrize("packed", [False, True])
def test_class_folders_come_in(store: Store, tmp_path: Path, packed: bool) -> None:
    path = make_folder(tmp_path)
    if packed:
        path = zip_folder(path, tmp_path / "given.zip")
    told: list[tuple[int, int]] = []
    options = ImportOptions(model="pets", who="Ann")
    found = import_path(store, path, options, lambda done, total: told.append((done, total)))
    assert found == ImportResult(added=7, classes={"cat": 4, "dog": 3})
    assert told == [(i, 7) for i in range(1, 8)]
    entries = store.find("pets")
    assert [entry.label for entry in reversed(entries)] == ["cat"] * 4 + ["dog"] * 3
    assert {(entry.who, entry.state) for entry in entries} == {("Ann", "approved")}
    assert entries[0].name == "picture-6.jpg"
    again = import_path(store, path, options)
    assert again == ImportResult(existed=7)
    assert {path.name for path in store.data.iterdir()} == {
        *("labels.sqlite3", "labels.sqlite3-wal", "labels.sqlite3-shm", "pictures"),
        *(".labels.sqlite3.lock", ".labels.sqlite3.users.lock"),
    }


def test_what_cannot_be_taken_is_left_out_with_its_reason(store: Store, tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    (folder / "cat" / "broken.jpg").write_bytes(encode(make_image(9))[:900])
    (folder / "cat" / "note.txt").write_text("no picture")
    (folder / "cat" / "empty.png").write_bytes(b"")
    (folder / "dog" / "both.jpg").write_bytes((folder / "cat" / "picture-0.jpg").read_bytes())
    (folder / "dog" / "copy.jpg").write_bytes((folder / "dog" / "picture-4.jpg").read_bytes())
    (folder / ("a" * 41)).mkdir()
    (folder / ("a" * 41) / "1.jpg").write_bytes(encode(make_image(10)))
    with (folder / "dog" / "huge.jpg").open("wb") as file:
        file.truncate(20_000_001)
    (folder / "dog" / "gone.jpg").symlink_to(tmp_path / "nowhere")
    (folder / "top.jpg").write_bytes(encode(make_image(11)))
    store.add(encode(make_image(5)), "bird")
    found = import_path(store, folder, ImportOptions())
    assert (found.added, found.existed, found.classes) == (5, 1, {"cat": 3, "dog": 2})
    reasons = {name.removeprefix("given/"): reason for name, reason in found.left_out.items()}
    assert reasons.pop("a" * 41 + "/1.jpg").startswith("The class name has 41 characters")
    assert {name: reason[:27] for name, reason in reasons.items()} == {
        "cat/broken.jpg": "This file says it is a JPEG",
        "cat/note.txt": "This file is not a picture ",
        "cat/empty.png": "This file is empty. Choose ",
        "cat/picture-0.jpg": "the same picture is labelle",
        "dog/both.jpg": "the same picture is labelle",
        "dog/picture-5.jpg": "This picture is labelled 'b",
        "dog/huge.jpg": "20 MB; at most 20 are taken",
        "dog/gone.jpg": "a link that leads out of th",
        "top.jpg": "not in a class folder",
    }


def test_one_image_may_have_a_label_a_model(store: Store, tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    import_path(store, folder, ImportOptions(model="pets"))
    assert import_path(store, folder, ImportOptions(model="zoo")).added == 7


def test_single_files_need_a_label(store: Store, tmp_path: Path) -> None:
    (path,) = write_images(tmp_path, range(1))
    with pytest.raises(UserInputError, match="say with --label"):
        import_path(store, path, ImportOptions())
    assert import_path(store, path, ImportOptions(label="cat")).classes == {"cat": 1}
    assert store.find("")[0].name == path.name


def test_a_label_that_is_said_goes_before_the_folders(store: Store, tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    (folder / "note.txt").write_text("not looked at")
    assert import_path(store, folder, ImportOptions(label="animal")) == ImportResult(
        added=7, classes={"animal": 7}
    )
    with pytest.raises(UserInputError, match="cannot name a class"):
        import_path(store, folder, ImportOptions(label="a/b"))


def test_relabelling_is_asked_for(store: Store, tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    import_path(store, folder, ImportOptions())
    assert len(import_path(store, folder, ImportOptions(label="pet")).left_out) == 7
    assert import_path(store, folder, ImportOptions(label="pet", relabel=True)).classes == {
        "pet": 7
    }


def test_near_duplicates_are_pointed_out(store: Store, tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    (folder / "cat" / "smaller.jpg").write_bytes(encode(make_image(0, side=80), quality=60))
    found = import_path(store, folder, ImportOptions())
    assert (found.added, found.near) == (8, 1)
    assert store.count("")["cat"].groups == 4


def test_images_may_wait_for_a_teacher(store: Store, tmp_path: Path) -> None:
    import_path(store, make_folder(tmp_path), ImportOptions(state="pending"))
    assert store.find("") == []
    assert len(store.find("", states=("pending",))) == 7


def test_what_metadata_says_comes_along(store: Store, tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    group = hash_bytes(b"group")
    lines = [
        '{"file_name": "cat/picture-0.jpg", "label": "tiger / lion", "who": "Eve"}',
        '{"file_name": "cat/picture-1.jpg", "label": "lion", "state": "pending", "who": "Eve"}',
        f'{{"file_name": "cat/picture-2.jpg", "split": "locked", "group": "{group}"}}',
        '{"file_name": "../outside.jpg", "label": "x"}',
        '{"label": "y"}',
    ]
    (folder / "metadata.jsonl").write_text("\n".join(lines))
    found = import_path(store, zip_folder(folder, tmp_path / "given.zip"), ImportOptions(who="Ann"))
    assert found.classes == {"cat": 2, "dog": 3, "lion": 1}
    assert list(found.left_out) == ["given.zip/given/cat/picture-0.jpg"]
    (lion,) = store.find("", states=("pending",))
    assert (lion.label, lion.who) == ("lion", "Eve")
    locked = [entry for entry in store.find("") if entry.split == "locked"]
    assert [(entry.label, entry.group, entry.who) for entry in locked] == [("cat", group, "Ann")]


def test_what_is_said_goes_before_metadata(store: Store, tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    line = '{"file_name": "cat/picture-0.jpg", "label": "lion", "state": "approved", "model": "x"}'
    (folder / "metadata.jsonl").write_text(line)
    import_path(store, folder, ImportOptions(state="pending", model="pets"))
    assert store.find("pets") == []
    assert {e.model for e in store.find(None, states=("pending",))} == {"pets"}


def test_metadata_that_cannot_be_read_is_a_sentence(store: Store, tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    (folder / "metadata.jsonl").write_text("file_name,label")
    with pytest.raises(UserInputError, match=r"Line 1 of metadata\.jsonl is not JSON"):
        import_path(store, folder, ImportOptions())


@pytest.mark.parametrize("name", ["nothing", "empty", "bare"])
def test_where_nothing_can_be_taken_is_a_sentence(store: Store, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    write_images(tmp_path / "bare", range(2))
    with pytest.raises(UserInputError):
        import_path(store, tmp_path / name, ImportOptions())
    if name == "empty":
        with pytest.raises(UserInputError, match="holds no picture"):
            import_path(store, tmp_path / name, ImportOptions(label="cat"))


@pytest.mark.parametrize("name", ["../evil.jpg", "/evil.jpg"])
def test_climbing_zips_are_refused(store: Store, tmp_path: Path, name: str) -> None:
    path = zip_folder(make_folder(tmp_path), tmp_path / "given.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"evil")
    with pytest.raises(UserInputError, match="leads out of the archive"):
        import_path(store, path, ImportOptions())
    assert store.find("") == []
    assert not list(tmp_path.rglob("evil.jpg"))


def test_a_failing_disk_ends_the_import(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    folder = make_folder(tmp_path)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match="the disk is full"):
        import_path(store, folder, ImportOptions())
