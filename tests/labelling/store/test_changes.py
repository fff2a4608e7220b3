import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.errors import UserInputError
from labelling.store.changes import Change
from labelling.store.entries import Entry
from labelling.store.store import Store
from tests.labelling.sample_files import encode, make_image
from tests.labelling.stored import add_images, enter, make_dhash, make_sha256

Act = Callable[[Store, int], int]
ACTS: dict[str, Act] = {
    "relabel": lambda store, number: store.relabel(number, "dog", "Ann"),
    "approve": lambda store, number: store.approve(number, "Ann"),
    "approve as": lambda store, number: store.approve(number, "Ann", "bird"),
    "reject": lambda store, number: store.reject(number, "Ann"),
    "delete": lambda store, number: store.delete(number, "Ann"),
}


def add_pending(store: Store) -> Entry:
    return store.add(encode(make_image(1)), "cat", state="pending", who="Bob").entry


@pytest.mark.parametrize(
    ("name", "label", "state"),
    [
        ("relabel", "dog", "pending"),
        ("approve", "cat", "approved"),
        ("approve as", "bird", "approved"),
        ("reject", "cat", "rejected"),
    ],
)
def test_labels_are_changed_and_changed_back(
    tmp_path: Path, name: str, label: str, state: str
) -> None:
    with Store(tmp_path) as store:
        before = add_pending(store)
        change = ACTS[name](store, before.id)
        after = store.get(before.id)
        assert (after.label, after.state) == (label, state)
        assert (after.who, after.created, after.split) == ("Bob", before.created, before.split)
        assert store.undo(change, "Ann") == before == store.get(before.id)


def test_deleting_is_undone(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        before = add_pending(store)
        change = store.delete(before.id, "Ann")
        for act in (store.get, *(lambda n, a=act: a(store, n) for act in list(ACTS.values())[:4])):
            with pytest.raises(UserInputError, match="was deleted"):
                act(before.id)
        assert store.count("") == {}
        assert store.undo(change, "Ann") == before == store.get(before.id)


def test_adding_is_undone(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        added = store.add(encode(make_image(1)), "cat")
        store.undo(added.change, "Ann")
        assert store.find("") == []
        again = store.add(encode(make_image(1)), "cat")
        assert not again.existed
        assert store.find("") == [again.entry]


@pytest.mark.parametrize("name", ACTS)
def test_a_button_pressed_twice_is_one_change(tmp_path: Path, name: str) -> None:
    with Store(tmp_path) as store:
        before = add_pending(store)
        change = ACTS[name](store, before.id)
        assert ACTS[name](store, before.id) == change
        assert store.undo(change, "Ann") == before


def test_what_is_so_already_is_no_change_of_one_s_own(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        (added,) = add_images(store, "cat", range(1))
        assert store.approve(added.entry.id, "Ann") == 0
        assert store.relabel(added.entry.id, "cat", "Ann") == 0


def test_only_the_last_change_is_undone(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        before = add_pending(store)
        first = store.approve(before.id, "Ann")
        second = store.relabel(before.id, "dog", "Bob")
        with pytest.raises(UserInputError, match="changed again since"):
            store.undo(first, "Ann")
        assert store.undo(second, "Ann").label == "cat"
        with pytest.raises(UserInputError, match="undone already"):
            store.undo(second, "Ann")
        assert store.undo(first, "Ann") == before


def test_labels_are_checked_before_anything_is_changed(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        before = add_pending(store)
        with pytest.raises(UserInputError, match="no name"):
            store.approve(before.id, "Ann", label="")
        with pytest.raises(UserInputError, match="cannot name a class"):
            store.relabel(before.id, "a/b", "Ann")
        assert store.get(before.id) == before


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(sorted(ACTS)), max_size=6))
def test_undoing_all_leads_back(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder)) as store:
        before = enter(store, make_sha256(1), make_dhash(1))
        done: dict[int, Entry] = {}
        for name in names:
            try:
                entry = store.get(before.id)
                done.setdefault(ACTS[name](store, before.id), entry)
            except UserInputError:
                assert "delete" in names  # nothing else is refused
        done.pop(0, None)
        for change, entry in sorted(done.items(), reverse=True):
            assert store.undo(change, "Ann") == entry
        assert store.get(before.id) == before


def test_what_is_done_to_several_is_done_to_all_or_none(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        numbers = [store.add(encode(make_image(seed)), "cat").entry.id for seed in range(3)]
        with pytest.raises(UserInputError, match="There is no label 99"):
            store.change([*numbers, 99], Change("relabel", "Ann", label="dog"))
        assert {entry.label for entry in store.find(None)} == {"cat"}
        changes = store.change(numbers, Change("relabel", "Ann", label="dog"))
        assert {entry.label for entry in store.find(None)} == {"dog"}
        with pytest.raises(UserInputError, match="There is no change"):
            store.undo_all([*changes, 10**6], "Ann")
        assert {entry.label for entry in store.find(None)} == {"dog"}
        store.undo_all(changes, "Ann")
        assert {entry.label for entry in store.find(None)} == {"cat"}
