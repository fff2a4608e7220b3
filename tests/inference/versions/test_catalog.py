"""Shipped and taught versions: which is found, put into use, put back and deleted."""

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from pathlib import Path
from typing import get_args

import pytest

from inference.errors import UserInputError
from inference.versions.cards import Rate
from inference.versions.catalog import Catalog
from inference.versions.comparison import Comparison, Outcome, SideMetrics, write_comparison
from inference.versions.folders import read_pointer, set_current, write_pointer
from tests.inference.tiny_versions import write_version


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """One shipped model with one version, and an empty data folder."""
    write_version(tmp_path / "exported" / "colours" / "1")
    set_current(tmp_path / "exported" / "colours", 1)
    return Catalog(tmp_path / "exported", tmp_path / "data")


def teach(catalog: Catalog, model: str = "colours") -> int:
    folder, number = catalog.reserve(model)
    write_version(folder / str(number), model=model, version=number)
    return number


def test_shipped_is_current_until_something_is_published(catalog: Catalog) -> None:
    number = teach(catalog)
    assert number == 2
    assert catalog.read_current("colours") == 1
    catalog.publish("colours", number)
    assert catalog.find("colours") == catalog.data / "models" / "colours" / "2"
    assert catalog.list_models() == ["colours"]
    assert list(catalog.list_versions("colours")) == [1, 2]


def test_any_version_can_be_put_back(catalog: Catalog) -> None:
    first, second = teach(catalog), teach(catalog)
    for number in (second, first, 1, second):
        catalog.publish("colours", number)
        assert catalog.read_current("colours") == number
    assert catalog.reset("colours") == 1
    assert catalog.read_current("colours") == 1


def test_stamp_changes_with_what_is_in_use(catalog: Catalog) -> None:
    stamps = [catalog.read_stamp("colours")]
    number = teach(catalog)
    assert catalog.read_stamp("colours") == stamps[0]
    catalog.publish("colours", number)
    stamps.append(catalog.read_stamp("colours"))
    catalog.publish("colours", 1)
    stamps.append(catalog.read_stamp("colours"))
    assert len(set(stamps)) == 3


def test_new_model_serves_its_newest_though_a_kill_left_no_pointer(catalog: Catalog) -> None:
    number = teach(catalog, "berries")
    assert number == 1
    assert catalog.read_current("berries") == 1
    assert catalog.list_models() == ["berries", "colours"]


def test_pointer_to_a_deleted_version_falls_back_to_the_shipped_one(catalog: Catalog) -> None:
    number = teach(catalog)
    catalog.publish("colours", number)
    shutil.rmtree(catalog.find("colours", number))
    assert catalog.read_current("colours") == 1


def test_delete_spares_what_ships_and_what_is_in_use(catalog: Catalog) -> None:
    number = teach(catalog)
    catalog.publish("colours", number)
    for version, words in ((number, "in use"), (1, "ships"), (9, "no version 9")):
        with pytest.raises(UserInputError, match=words):
            catalog.delete("colours", version)
    catalog.reset("colours")
    catalog.delete("colours", number)
    assert list(catalog.list_versions("colours")) == [1]
    assert teach(catalog) == 3  # a number is never used again


def test_the_last_taught_ones_are_kept(catalog: Catalog) -> None:
    numbers = [teach(catalog) for _ in range(5)]
    catalog.publish("colours", numbers[0])
    assert catalog.prune("colours", kept=2) == numbers[1:3]
    assert list(catalog.list_versions("colours")) == [1, numbers[0], *numbers[3:]]


def test_reset_is_refused_where_nothing_ships(catalog: Catalog) -> None:
    teach(catalog, "berries")
    with pytest.raises(UserInputError, match="no shipped one"):
        catalog.reset("berries")


def test_without_a_data_folder_only_what_ships(catalog: Catalog) -> None:
    teach(catalog)
    alone = Catalog(catalog.exported)
    assert list(alone.list_versions("colours")) == [1]
    with pytest.raises(UserInputError, match="--data"):
        alone.reserve("colours")


def test_unknown_model_lists_those_there_are(catalog: Catalog) -> None:
    with pytest.raises(UserInputError, match="there are: colours"):
        catalog.find("berries")
    with pytest.raises(UserInputError, match="cannot name"):
        catalog.find("../colours")


def test_lost_pointer_brings_no_candidate_into_use(catalog: Catalog) -> None:
    top1 = Rate(correct=9, n=10, value=0.9, low=0.6, high=0.98)
    for outcome in get_args(Outcome):
        number = teach(catalog, "berries")
        folder = catalog.list_versions("berries")[number]
        write_comparison(folder, Comparison(outcome=outcome, new=SideMetrics(top1=top1)))
    assert catalog.read_current("berries") == 2


@pytest.mark.parametrize("text", ["", "two", "\u00b2", "-1", "9" * 30])
def test_damaged_pointer_is_no_pointer(catalog: Catalog, text: str) -> None:
    number = teach(catalog)
    catalog.publish("colours", number)
    (catalog.data / "models" / "colours" / "current").write_text(text, encoding="utf-8")
    assert catalog.read_current("colours") == 1


def test_damaged_files_of_numbers_are_read_as_none(catalog: Catalog) -> None:
    teach(catalog)
    folder = catalog.data / "models" / "colours"
    for name in ("current", ".last"):
        (folder / name).write_bytes(b"\xff\xfe")
    assert catalog.read_current("colours") == 1
    assert teach(catalog) == 3


def test_publishing_and_deleting_never_both_succeed(catalog: Catalog) -> None:
    """Two threads at once, many times; what was acknowledged holds."""
    folder, _ = catalog.reserve("colours")
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


def test_changes_wait_for_one_another(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a publisher has found cannot be deleted before it is in use."""
    number = teach(catalog)
    found, going_on = threading.Event(), threading.Event()

    def point(folder: Path, version: int) -> None:
        found.set()
        assert going_on.wait(30)
        write_pointer(folder, version)

    monkeypatch.setattr("inference.versions.catalog.write_pointer", point)
    with ThreadPoolExecutor(2) as pool:
        publishing = pool.submit(catalog.publish, "colours", number)
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
    first, second = teach(catalog), teach(catalog)
    assert catalog.publish_if("colours", first, 1)
    assert not catalog.publish_if("colours", second, 1)
    assert catalog.read_current("colours") == first
    assert catalog.publish_if("colours", first, 1)  # it is in use already
    with pytest.raises(UserInputError, match="no version 9"):
        catalog.publish_if("colours", 9, first)
    number = teach(catalog, "berries")
    assert catalog.publish_if("berries", number, None)
    assert read_pointer(catalog.data / "models" / "berries") == number


def test_what_killed_deletions_left_goes_with_the_next(catalog: Catalog) -> None:
    numbers = [teach(catalog) for _ in range(3)]
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


def test_what_ships_can_be_put_back_where_one_of_its_number_was_taught_before(
    catalog: Catalog,
) -> None:
    number = teach(catalog)
    catalog.publish("colours", number)
    shipped = write_version(catalog.exported / "colours" / str(number))  # a later release
    set_current(catalog.exported / "colours", number)
    assert catalog.find("colours") == catalog.data / "models" / "colours" / str(number)
    assert catalog.reset("colours") == number
    for folder in (
        catalog.find("colours"),
        catalog.find("colours", number),
        catalog.list_versions("colours")[number],
    ):
        assert folder == shipped
    assert not catalog.is_taught("colours", number)
    with pytest.raises(UserInputError, match="ships"):
        catalog.delete("colours", number)
    assert catalog.prune("colours", kept=0) == []
    catalog.publish("colours", number)  # as a page does that offers it by its number
    assert catalog.find("colours", number) == shipped
    later = teach(catalog)
    assert catalog.publish_if("colours", later, number)
    assert catalog.is_taught("colours", number)
    assert catalog.find("colours", number) == catalog.data / "models" / "colours" / str(number)
