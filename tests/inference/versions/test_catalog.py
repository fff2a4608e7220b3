"""Shipped and custom versions: which is found, put into use, put back and deleted."""

import multiprocessing
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from pathlib import Path
from typing import get_args

import pytest

from inference.errors import StorageError, UserInputError
from inference.versions.cards import Rate, read_card
from inference.versions.catalog import Catalog, check_model_name
from inference.versions.comparison import (
    Comparison,
    Outcome,
    SideMetrics,
    read_comparison,
    write_comparison,
)
from tests.inference.tiny_versions import put_card, write_version


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """One shipped model with one version, and an empty data folder."""
    write_version(tmp_path / "exported" / "colours" / "1")
    Catalog(tmp_path / "exported").publish("colours", 1)
    return Catalog(tmp_path / "exported", tmp_path / "data")


def add(catalog: Catalog, model: str = "colours") -> int:
    folder = catalog.reserve(model)
    write_version(folder, model=model, version=int(folder.name))
    return int(folder.name)


def make_version(model_folder: Path, version: int | str) -> Path:
    folder = model_folder / str(version)
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"network")
    return folder


def make_whole(model_folder: Path, version: int) -> Path:
    """Write a version that can be published."""
    return write_version(model_folder / str(version), model=model_folder.name, version=version)


def list_numbers(folder: Path) -> list[int]:
    """Return the numbers of the model `cats` in a folder of those that ship."""
    return list(Catalog(folder).list_versions("cats"))


def test_shipped_is_current_until_something_is_published(catalog: Catalog) -> None:
    number = add(catalog)
    assert number == 2
    assert catalog.read_current("colours") == 1
    catalog.publish("colours", number)
    assert catalog.find("colours") == catalog.data / "models" / "colours" / "2"
    assert catalog.list_models() == ["colours"]
    assert list(catalog.list_versions("colours")) == [1, 2]


def test_any_version_can_be_put_back(catalog: Catalog) -> None:
    first, second = add(catalog), add(catalog)
    for number in (second, first, 1, second):
        catalog.publish("colours", number)
        assert catalog.read_current("colours") == number
    assert catalog.reset("colours") == 1
    assert catalog.read_current("colours") == 1


def test_stamp_changes_with_what_is_in_use(catalog: Catalog) -> None:
    stamps = [catalog.read_stamp("colours")]
    number = add(catalog)
    assert catalog.read_stamp("colours") == stamps[0]
    catalog.publish("colours", number)
    stamps.append(catalog.read_stamp("colours"))
    catalog.publish("colours", 1)
    stamps.append(catalog.read_stamp("colours"))
    assert len(set(stamps)) == 3


def test_new_model_serves_its_newest_though_a_kill_left_no_pointer(catalog: Catalog) -> None:
    number = add(catalog, "berries")
    assert number == 1
    assert catalog.read_current("berries") == 1
    assert catalog.list_models() == ["berries", "colours"]


def test_pointer_to_a_deleted_version_falls_back_to_the_shipped_one(catalog: Catalog) -> None:
    number = add(catalog)
    catalog.publish("colours", number)
    shutil.rmtree(catalog.find("colours", number))
    assert catalog.read_current("colours") == 1


def test_delete_spares_what_ships_and_what_is_in_use(catalog: Catalog) -> None:
    number = add(catalog)
    catalog.publish("colours", number)
    for version, words in ((number, "in use"), (1, "ships"), (9, "no version 9")):
        with pytest.raises(UserInputError, match=words):
            catalog.delete("colours", version)
    catalog.reset("colours")
    catalog.delete("colours", number)
    assert list(catalog.list_versions("colours")) == [1]
    assert add(catalog) == 3  # a number is never used again


def test_the_last_custom_ones_are_kept(catalog: Catalog) -> None:
    numbers = [add(catalog) for _ in range(5)]
    catalog.publish("colours", numbers[0])
    assert catalog.prune("colours", kept=2) == numbers[1:3]
    assert list(catalog.list_versions("colours")) == [1, numbers[0], *numbers[3:]]


def test_reset_is_refused_where_nothing_ships(catalog: Catalog) -> None:
    add(catalog, "berries")
    with pytest.raises(UserInputError, match="no shipped one"):
        catalog.reset("berries")


def test_without_a_data_folder_only_what_ships(catalog: Catalog) -> None:
    add(catalog)
    alone = Catalog(catalog.exported)
    assert list(alone.list_versions("colours")) == [1]
    assert alone.reserve("colours") == catalog.exported / "colours" / "2"


def test_unknown_model_lists_those_there_are(catalog: Catalog) -> None:
    with pytest.raises(UserInputError, match="there are: colours"):
        catalog.find("berries")
    with pytest.raises(UserInputError, match="cannot name"):
        catalog.find("../colours")


def test_lost_pointer_brings_no_candidate_into_use(catalog: Catalog) -> None:
    top1 = Rate(correct=9, n=10, value=0.9, low=0.6, high=0.98)
    for outcome in get_args(Outcome):
        number = add(catalog, "berries")
        folder = catalog.list_versions("berries")[number]
        write_comparison(folder, Comparison(outcome=outcome, new=SideMetrics(top1=top1)))
    assert catalog.read_current("berries") == 2


@pytest.mark.parametrize("text", ["", "two", "\u00b2", "-1", "9" * 30])
def test_damaged_pointer_is_no_pointer(catalog: Catalog, text: str) -> None:
    number = add(catalog)
    catalog.publish("colours", number)
    (catalog.data / "models" / "colours" / "current").write_text(text, encoding="utf-8")
    assert catalog.read_current("colours") == 1


def test_damaged_files_of_numbers_are_read_as_none(catalog: Catalog) -> None:
    add(catalog)
    folder = catalog.data / "models" / "colours"
    for name in ("current", ".last"):
        (folder / name).write_bytes(b"\xff\xfe")
    assert catalog.read_current("colours") == 1
    assert add(catalog) == 3


def test_publishing_and_deleting_never_both_succeed(catalog: Catalog) -> None:
    """Two threads at once, many times; what was acknowledged holds."""
    folder = catalog.reserve("colours").parent
    write_version(folder / "2", version=2)

    def try_to(act: Callable[[str, int], None], number: int) -> bool:
        try:
            act("colours", number)
        except UserInputError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        for number in range(3, 60):
            shutil.copytree(folder / "2", folder / str(number))
            deleting = pool.submit(try_to, Catalog(*astuple(catalog)).delete, number)
            published = pool.submit(try_to, catalog.publish, number).result()
            assert deleting.result() != published
            assert (catalog.read_current("colours") == number) == published
            catalog.publish("colours", 2)


def test_changes_wait_for_one_another(catalog: Catalog) -> None:
    """What a publisher has found cannot be deleted before it is in use."""
    number = add(catalog)
    found, going_on = threading.Event(), threading.Event()

    class Slow(Catalog):
        def _point(self, model: str, version: int) -> None:
            found.set()
            assert going_on.wait(30)
            super()._point(model, version)

    slow = Slow(catalog.exported, catalog.data)
    with ThreadPoolExecutor(2) as pool:
        publishing = pool.submit(slow.publish, "colours", number)
        assert found.wait(30)
        deleting = pool.submit(catalog.delete, "colours", number)
        assert catalog.read_current("colours") == 1  # nobody who reads waits
        with pytest.raises(TimeoutError):
            deleting.result(0.2)
        going_on.set()
        publishing.result()
        with pytest.raises(UserInputError, match="in use"):
            deleting.result()


def test_publish_if_nothing_else_came_into_use(catalog: Catalog) -> None:
    first, second = add(catalog), add(catalog)
    assert catalog.publish_if("colours", first, 1)
    assert not catalog.publish_if("colours", second, 1)
    assert catalog.read_current("colours") == first
    assert catalog.publish_if("colours", first, 1)  # it is in use already
    with pytest.raises(UserInputError, match="no version 9"):
        catalog.publish_if("colours", 9, first)
    number = add(catalog, "berries")
    assert catalog.publish_if("berries", number, None)
    assert (catalog.data / "models" / "berries" / "current").read_text() == f"{number}\n"


def test_what_killed_deletions_left_goes_with_the_next(catalog: Catalog) -> None:
    numbers = [add(catalog) for _ in range(3)]
    folder = catalog.data / "models" / "colours"
    (folder / ".deleted-x" / "9").mkdir(parents=True)
    catalog.delete("colours", numbers[0])
    assert not list(folder.glob(".deleted-*"))
    (folder / ".deleted-x" / "9").mkdir(parents=True)
    catalog.prune("colours", kept=1)
    assert not list(folder.glob(".deleted-*"))


def test_names_that_nobody_has_make_no_folder(catalog: Catalog) -> None:
    for act in (catalog.publish, catalog.delete):
        with pytest.raises(UserInputError):
            act("berries", 1)
    assert catalog.reset("colours") == 1
    assert catalog.prune("berries") == []
    assert not (catalog.data / "models").exists()


def test_what_ships_can_be_put_back_where_one_of_its_number_was_made_before(
    catalog: Catalog,
) -> None:
    number = add(catalog)
    catalog.publish("colours", number)
    shipped = write_version(catalog.exported / "colours" / str(number))  # a later release
    Catalog(catalog.exported).publish("colours", number)
    assert catalog.find("colours") == catalog.data / "models" / "colours" / str(number)
    assert catalog.reset("colours") == number
    for folder in (
        catalog.find("colours"),
        catalog.find("colours", number),
        catalog.list_versions("colours")[number],
    ):
        assert folder == shipped
    assert not catalog.is_custom("colours", number)
    with pytest.raises(UserInputError, match="ships"):
        catalog.delete("colours", number)
    assert catalog.prune("colours", kept=0) == []
    catalog.publish("colours", number)  # as a page does that offers it by its number
    assert catalog.find("colours", number) == shipped
    later = add(catalog)
    assert catalog.publish_if("colours", later, number)
    assert catalog.is_custom("colours", number)
    assert catalog.find("colours", number) == catalog.data / "models" / "colours" / str(number)


# Names and numbers


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
        Catalog(Path("anywhere")).find(name)


def test_only_finished_versions_are_listed(tmp_path: Path) -> None:
    for name in (1, 2, 10, "0", "007", ".staging-x", "x", "-3", "1.5"):
        make_version(tmp_path / "cats", name)
    (tmp_path / "cats" / "11").mkdir()
    (tmp_path / "cats" / "12").write_text("a file")
    assert list_numbers(tmp_path) == [1, 2, 10]
    assert list_numbers(tmp_path / "missing") == []


def test_digits_of_other_scripts_are_no_versions(tmp_path: Path) -> None:
    for name in (1, "٣", "²"):
        make_version(tmp_path / "cats", name)
    assert list_numbers(tmp_path) == [1]


def test_models_are_those_with_versions(tmp_path: Path) -> None:
    make_version(tmp_path / "cats", 1)
    make_version(tmp_path / "ants", 3)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    assert Catalog(tmp_path).list_models() == ["ants", "cats"]
    assert Catalog(tmp_path / "missing").list_models() == []


def test_newest_ships_as_current_unless_another_is_named(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    assert catalog.read_shipped("cats") is None
    for number in (1, 2, 10):
        make_whole(tmp_path / "cats", number)
    assert catalog.read_shipped("cats") == catalog.read_current("cats") == 10
    catalog.publish("cats", 2)
    assert catalog.read_shipped("cats") == catalog.read_current("cats") == 2
    assert (tmp_path / "cats" / "current").read_text() == "2\n"
    with pytest.raises(UserInputError, match="no version 5"):
        catalog.publish("cats", 5)
    assert catalog.read_current("cats") == 2


@pytest.mark.parametrize("text", ["", "\n", "9", "-1", "two", "1 2", "../1", "²"])
def test_current_that_names_no_version_gives_the_newest(tmp_path: Path, text: str) -> None:
    make_version(tmp_path / "cats", 1)
    make_version(tmp_path / "cats", 3)
    (tmp_path / "cats" / "current").write_text(text, encoding="utf-8")
    assert Catalog(tmp_path).read_current("cats") == 3


def test_current_whose_version_was_deleted(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    for number in (1, 2):
        make_whole(tmp_path / "cats", number)
    catalog.publish("cats", 1)
    shutil.rmtree(tmp_path / "cats" / "1")
    assert catalog.find("cats") == tmp_path / "cats" / "2"


def test_find_lists_what_there_is(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    for number in (1, 2):
        make_version(tmp_path / "cats", number)
    assert catalog.find("cats") == tmp_path / "cats" / "2"
    assert catalog.find("cats", 1) == tmp_path / "cats" / "1"
    with pytest.raises(UserInputError, match=r"has no version 7; it has: 1, 2\."):
        catalog.find("cats", 7)
    with pytest.raises(UserInputError, match=r"no model named 'dogs'; there are: cats\."):
        catalog.find("dogs")
    with pytest.raises(UserInputError, match=r"there are: none\."):
        Catalog(tmp_path / "missing").find("cats")


def test_readers_never_see_half_a_pointer(tmp_path: Path) -> None:
    """While `current` is written again and again it always says one of the two numbers."""
    catalog, folder = Catalog(tmp_path), tmp_path / "cats"
    for number in (1, 22):
        make_whole(folder, number)
    catalog.publish("cats", 1)
    seen: set[str] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add((folder / "current").read_text(encoding="utf-8"))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(10):
        catalog.publish("cats", 22)
        catalog.publish("cats", 1)
    done.set()
    reader.join()
    assert seen <= {"1\n", "22\n"}
    assert seen
    assert {path.name for path in folder.iterdir()} - {".lock"} == {"1", "22", "current"}


def test_failed_write_leaves_the_pointer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = Catalog(tmp_path)
    for number in (1, 2):
        make_whole(tmp_path / "cats", number)
    catalog.publish("cats", 1)

    def fail(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(StorageError, match="disk full"):
        catalog.publish("cats", 2)
    assert catalog.read_current("cats") == 1


def test_numbers_go_on_after_deletion(tmp_path: Path) -> None:
    catalog, folder = Catalog(tmp_path / "new"), tmp_path / "new" / "cats"
    assert catalog.reserve("cats") == folder / "1"
    assert catalog.reserve("cats").name == "2"
    make_version(folder, 2)
    shutil.rmtree(folder / "2")
    assert catalog.reserve("cats").name == "3"
    make_version(folder, 9)  # copied in from another machine
    assert catalog.reserve("cats").name == "10"
    assert catalog.reserve("cats", lowest=5).name == "11"
    assert catalog.reserve("cats", lowest=20).name == "20"


def _reserve_many(folder: Path, count: int) -> list[int]:
    return [int(Catalog(folder).reserve("cats").name) for _ in range(count)]


def test_processes_get_different_numbers(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found = pool.starmap(_reserve_many, [(tmp_path, 12)] * 2)
    assert sorted(number for numbers in found for number in numbers) == list(range(1, 25))


def test_a_version_appears_by_one_rename_and_replaces_none(tmp_path: Path) -> None:
    catalog, folder = Catalog(tmp_path), tmp_path / "cats"
    target = catalog.reserve("cats")
    staging = make_version(folder, ".staging-1")
    assert list_numbers(tmp_path) == []
    staging.rename(target)
    assert list_numbers(tmp_path) == [1]
    with pytest.raises(OSError, match="1"):
        make_version(folder, ".staging-2").rename(target)


# What cannot be opened is not published


def damage(folder: Path) -> None:
    path = folder / "model.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def lie(folder: Path) -> None:
    """Let a card say of its probes what the network does not answer."""
    card = read_card(folder)
    answers = {"probabilities": (1.0, 0.0, 0.0)}
    probes = tuple(probe.model_copy(update=answers) for probe in card.probes)
    put_card(folder, card.model_copy(update={"probes": probes}))


@pytest.mark.parametrize(("spoil", "words"), [(damage, "is damaged"), (lie, "is broken")])
def test_nothing_is_published_that_does_not_answer_its_probes(
    catalog: Catalog, spoil: Callable[[Path], None], words: str
) -> None:
    number = add(catalog)
    spoil(catalog.find("colours", number))
    with pytest.raises(UserInputError, match=words):
        catalog.publish("colours", number)
    with pytest.raises(UserInputError, match=words):
        catalog.publish_if("colours", number, 1)
    assert catalog.read_current("colours") == 1
    catalog.publish("colours", add(catalog))
    spoil(catalog.find("colours", 1))
    with pytest.raises(UserInputError, match=words):
        catalog.reset("colours")
    assert catalog.read_current("colours") == 3


@pytest.mark.parametrize("text", [b"", b"\xff\x00", b"9" * 5000, b"-3", b"3\n3"])
def test_pointer_that_was_damaged_names_nothing(catalog: Catalog, text: bytes) -> None:
    number = add(catalog)
    catalog.publish("colours", number)
    (catalog.data / "models" / "colours" / "current").write_bytes(text)
    assert catalog.read_current("colours") == 1
    assert catalog.find_lost("colours") is None


def test_pointer_that_is_a_folder_names_nothing(catalog: Catalog) -> None:
    (catalog.data / "models" / "colours" / "current").mkdir(parents=True)
    assert catalog.read_current("colours") == 1
    assert catalog.read_stamp("colours")


def test_data_folder_that_is_a_file_holds_nothing(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = Catalog(catalog.exported, tmp_path / "file")
    assert found.read_current("colours") == 1
    assert found.list_models() == ["colours"]


@pytest.mark.parametrize("name", ["my model", ".hidden", "ü" * 3])
def test_folder_that_names_no_model_is_none(catalog: Catalog, name: str) -> None:
    make_version(catalog.exported / name, 1)
    assert catalog.list_models() == ["colours"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b'{"outcome": 3}'])
def test_comparison_that_was_damaged_is_none(catalog: Catalog, content: bytes) -> None:
    folder = catalog.find("colours", add(catalog))
    (folder / "comparison.json").write_bytes(content)
    assert read_comparison(folder) is None
    (folder / "comparison.json").unlink()
    (folder / "comparison.json").mkdir()
    assert read_comparison(folder) is None
