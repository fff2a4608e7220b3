"""Version numbers are given once, `current` always names one that is whole."""

import multiprocessing
import shutil
import threading
from pathlib import Path

import pytest

from inference.errors import UserInputError
from inference.versions.folders import (
    add_version,
    check_model_name,
    find_version,
    list_models,
    list_versions,
    read_current,
    reserve_version,
    set_current,
)


def make_version(model_folder: Path, version: int | str) -> Path:
    folder = model_folder / str(version)
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"network")
    return folder


@pytest.mark.parametrize("name", ["hotdog", "A", "7", "a-b_c", "x" * 64])
def test_good_model_names(name: str) -> None:
    assert check_model_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "a\\b", "-x", "_x", ".x", "a b", "a\n", "é", "x" * 65, "a\0"],
)
def test_bad_model_names(name: str) -> None:
    with pytest.raises(UserInputError, match="cannot name a model"):
        check_model_name(name)
    with pytest.raises(UserInputError, match="cannot name a model"):
        find_version(Path("anywhere"), name)


def test_only_finished_versions_are_listed(tmp_path: Path) -> None:
    for name in (1, 2, 10, "0", "007", ".staging-x", "x", "-3", "1.5"):
        make_version(tmp_path, name)
    (tmp_path / "11").mkdir()
    (tmp_path / "12").write_text("a file")
    assert list_versions(tmp_path) == [1, 2, 10]
    assert list_versions(tmp_path / "missing") == []


def test_digits_of_other_scripts_are_no_versions(tmp_path: Path) -> None:
    make_version(tmp_path, 1)
    make_version(tmp_path, "٣")
    make_version(tmp_path, "²")
    assert list_versions(tmp_path) == [1]


def test_models_are_those_with_versions(tmp_path: Path) -> None:
    make_version(tmp_path / "cats", 1)
    make_version(tmp_path / "ants", 3)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    assert list_models(tmp_path) == ["ants", "cats"]
    assert list_models(tmp_path / "missing") == []


def test_current_is_the_newest_unless_told(tmp_path: Path) -> None:
    assert read_current(tmp_path) is None
    for number in (1, 2, 10):
        make_version(tmp_path, number)
    assert read_current(tmp_path) == 10
    set_current(tmp_path, 2)
    assert read_current(tmp_path) == 2
    assert (tmp_path / "current").read_text() == "2\n"


@pytest.mark.parametrize("text", ["", "\n", "9", "-1", "two", "1 2", "../1", "²"])
def test_current_that_names_no_version_gives_the_newest(tmp_path: Path, text: str) -> None:
    make_version(tmp_path, 1)
    make_version(tmp_path, 3)
    (tmp_path / "current").write_text(text, encoding="utf-8")
    assert read_current(tmp_path) == 3


def test_current_whose_version_was_deleted(tmp_path: Path) -> None:
    for number in (1, 2):
        make_version(tmp_path / "cats", number)
    set_current(tmp_path / "cats", 1)
    shutil.rmtree(tmp_path / "cats" / "1")
    assert find_version(tmp_path, "cats") == tmp_path / "cats" / "2"


def test_set_current_refuses_what_is_not_there(tmp_path: Path) -> None:
    make_version(tmp_path, 1)
    set_current(tmp_path, 1)
    with pytest.raises(UserInputError, match="no version 5"):
        set_current(tmp_path, 5)
    assert read_current(tmp_path) == 1


def test_find_version(tmp_path: Path) -> None:
    for number in (1, 2):
        make_version(tmp_path / "cats", number)
    assert find_version(tmp_path, "cats") == tmp_path / "cats" / "2"
    assert find_version(tmp_path, "cats", 1) == tmp_path / "cats" / "1"
    with pytest.raises(UserInputError, match=r"has no version 7; it has: 1, 2\."):
        find_version(tmp_path, "cats", 7)
    with pytest.raises(UserInputError, match=r"no model named 'dogs'; it has: cats\."):
        find_version(tmp_path, "dogs")
    with pytest.raises(UserInputError, match=r"it has: none\."):
        find_version(tmp_path / "missing", "cats")


def test_readers_never_see_half_a_pointer(tmp_path: Path) -> None:
    """While `current` is written again and again it always says one of the two numbers."""
    for number in (1, 22):
        make_version(tmp_path, number)
    set_current(tmp_path, 1)
    seen: set[str] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add((tmp_path / "current").read_text(encoding="utf-8"))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(10):
        set_current(tmp_path, 22)
        set_current(tmp_path, 1)
    done.set()
    reader.join()
    assert seen <= {"1\n", "22\n"}
    assert seen
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1", "22", "current"]


def test_failed_write_leaves_the_pointer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2):
        make_version(tmp_path, number)
    set_current(tmp_path, 1)

    def fail(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        set_current(tmp_path, 2)
    assert read_current(tmp_path) == 1


def test_numbers_go_on_after_deletion(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "cats"
    assert reserve_version(folder) == 1
    assert reserve_version(folder) == 2
    make_version(folder, 2)
    shutil.rmtree(folder / "2")
    assert reserve_version(folder) == 3
    make_version(folder, 9)  # copied in from another machine
    assert reserve_version(folder) == 10


def _reserve_many(folder: Path, count: int) -> list[int]:
    return [reserve_version(folder) for _ in range(count)]


def test_processes_get_different_numbers(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found = pool.starmap(_reserve_many, [(tmp_path, 12)] * 2)
    assert sorted(number for numbers in found for number in numbers) == list(range(1, 25))


def test_add_version_is_one_rename(tmp_path: Path) -> None:
    staging = make_version(tmp_path, ".staging-1")
    assert list_versions(tmp_path) == []
    assert add_version(staging, tmp_path, 4) == tmp_path / "4"
    assert list_versions(tmp_path) == [4]
    assert not staging.exists()


def test_add_version_never_replaces_one(tmp_path: Path) -> None:
    make_version(tmp_path, 4)
    (tmp_path / "4" / "model.onnx").write_bytes(b"first")
    with pytest.raises(OSError, match="4"):
        add_version(make_version(tmp_path, ".staging-1"), tmp_path, 4)
    assert (tmp_path / "4" / "model.onnx").read_bytes() == b"first"
