from pathlib import Path

import pytest

from inference.errors import UserInputError
from labelling.exchange.folders import scan_folder


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def found(root: Path) -> set[tuple[str, str, str]]:
    return {(f.split, f.label, f.path.name) for f in scan_folder(root, "data").files}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["cat/1", "dog/2"], {("train", "cat", "1"), ("train", "dog", "2")}),
        (["cat/deep/er/1", "dog/2"], {("train", "cat", "1"), ("train", "dog", "2")}),
        (["train/cat/1", "train/dog/2"], {("train", "cat", "1"), ("train", "dog", "2")}),
        (
            ["train/cat/1", "valid/cat/2", "Test/cat/3"],
            {("train", "cat", "1"), ("val", "cat", "2"), ("test", "cat", "3")},
        ),
        (["train/cat/1", "validation/cat/2"], {("train", "cat", "1"), ("val", "cat", "2")}),
        (["train/cat/1", "test/cat/2", "extra/3"], {("train", "cat", "1"), ("test", "cat", "2")}),
        (["train/1", "bus/2"], {("train", "train", "1"), ("train", "bus", "2")}),
        (["train/steam/1", "bus/2"], {("train", "train", "1"), ("train", "bus", "2")}),
        (["top/cat/1", "top/dog/2"], {("train", "cat", "1"), ("train", "dog", "2")}),
        (["top/train/cat/1", "top/test/cat/2"], {("train", "cat", "1"), ("test", "cat", "2")}),
        (["top/cat/1", "__MACOSX/cat/2"], {("train", "cat", "1")}),
        (["cat/1"], {("train", "cat", "1")}),
        (
            ["cat/1", "cat/.DS_Store", "cat/Thumbs.db", "cat/.hidden/2", ".git/3"],
            {("train", "cat", "1")},
        ),
    ],
)
def test_layouts(tmp_path: Path, files: list[str], expected: set[tuple[str, str, str]]) -> None:
    touch(tmp_path, *files)
    assert found(tmp_path) == expected


@pytest.mark.parametrize("files", [["test/cat/1"], ["train/1", "test/2"], ["1.jpg"], []])
def test_folders_without_class_folders_are_refused(tmp_path: Path, files: list[str]) -> None:
    touch(tmp_path, *files)
    with pytest.raises(UserInputError, match="Expected one folder a class"):
        scan_folder(tmp_path, "data")


def test_an_empty_class_is_still_a_label(tmp_path: Path) -> None:
    touch(tmp_path, "cat/1")
    (tmp_path / "dog").mkdir()
    assert scan_folder(tmp_path, "data").labels == {"cat", "dog"}


def test_files_that_belong_to_no_class_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "train/cat/1", "train/list.csv", "test/cat/2", "extra/3")
    assert scan_folder(tmp_path, "data").left_out == {
        "data/train/list.csv": "not in a class folder",
        "data/extra": "neither train, val nor test",
    }


def test_links_stay_inside_the_folder(tmp_path: Path) -> None:
    root, outside = tmp_path / "data", tmp_path / "outside"
    touch(root, "cat/1", "dog/2")
    touch(outside, "secret")
    (root / "cat" / "inside").symlink_to(root / "dog" / "2")
    (root / "cat" / "out").symlink_to(outside / "secret")
    (root / "cat" / "folder").symlink_to(root / "dog")
    (root / "cat" / "broken").symlink_to(root / "nothing")
    (root / "bird").symlink_to(outside)
    assert found(root) == {
        ("train", "cat", "1"),
        ("train", "cat", "inside"),
        ("train", "dog", "2"),
    }
    assert scan_folder(root, "data").left_out == {
        "data/cat/out": "a link that leads out of the folder",
        "data/cat/folder": "a link to a folder",
        "data/cat/broken": "not a file",
        "data/bird": "a link that leads out of the folder",
    }


def test_names_that_are_no_text_can_be_printed(tmp_path: Path) -> None:
    touch(tmp_path, "cat/caf\udce9.jpg", "dog/2")
    (shown,) = [f.display_name for f in scan_folder(tmp_path, "data").files if f.label == "cat"]
    assert shown == "data/cat/caf\N{REPLACEMENT CHARACTER}.jpg"


def test_the_order_is_that_of_the_names(tmp_path: Path) -> None:
    touch(tmp_path, "cat/b", "cat/a/z", "cat/c", "dog/a")
    shown = [f.display_name for f in scan_folder(tmp_path, "data").files]
    assert shown == ["data/cat/a/z", "data/cat/b", "data/cat/c", "data/dog/a"]
