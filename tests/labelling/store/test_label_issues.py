"""Which label issues are open: those that the last check found and nobody has looked at since."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from labelling.store.changes import Change
from labelling.store.label_issues import LabelCheck, LabelIssue
from labelling.store.store import Store
from tests.labelling.stored import add_images

MODEL = "pets"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "data") as opened:
        yield opened


def make_issue(number: int, quality: float = 0.1, label: str = "cat") -> LabelIssue:
    return LabelIssue(number, label, "dog", 1 - quality, quality)


def fill(store: Store, count: int = 3, model: str = MODEL) -> list[int]:
    """Add images of cats, all of which look mislabelled, the first ones most."""
    ids = [added.entry.id for added in add_images(store, "cat", range(count), model)]
    issues = tuple(make_issue(number, 0.1 * (i + 1)) for i, number in enumerate(ids))
    store.put_label_check(MODEL, LabelCheck(count, ("owl",), issues))
    return ids


def list_ids(store: Store, model: str = MODEL) -> list[int]:
    found = [entry.id for entry, _ in store.find_label_issues(model)]
    assert store.count_label_issues(model) == len(found)
    return found


def test_never_checked_is_told_apart_from_nothing_found(store: Store) -> None:
    assert store.read_label_check(MODEL) is None
    assert list_ids(store) == []
    store.put_label_check(MODEL, LabelCheck(7, (), ()))
    check = store.read_label_check(MODEL)
    assert check is not None
    assert (check.images, check.too_few, check.issues) == (7, (), ())
    assert check.made.startswith("20")


def test_worst_come_first_and_page_by_page(store: Store) -> None:
    ids = fill(store)
    assert list_ids(store) == ids
    [(entry, found)] = store.find_label_issues(MODEL, limit=1, offset=1)
    assert (entry.id, entry.label, found) == (ids[1], "cat", make_issue(ids[1], 0.2))
    assert list_ids(store, "other") == []


def test_next_check_takes_the_place_of_the_one_before(store: Store) -> None:
    ids = fill(store)
    store.put_label_check(MODEL, LabelCheck(3, (), (make_issue(ids[2]),)))
    assert list_ids(store) == [ids[2]]


@pytest.mark.parametrize(
    "decision",
    [
        Change("relabel", "Ann", "dog"),
        Change("delete", "Ann", deleted=True),
        Change("reject", "Ann", state="rejected"),
        Change("confirm", "Ann", None, "approved"),
        Change("confirm", "Ann", "dog", "approved"),
    ],
    ids=["relabelled", "deleted", "rejected", "confirmed", "confirmed as another"],
)
def test_what_a_person_decided_is_no_issue_any_more_until_undone(
    store: Store, decision: Change
) -> None:
    ids = fill(store)
    (number,) = store.change(ids[:1], decision)
    assert number
    assert list_ids(store) == ids[1:]
    store.undo(number, "Ann")
    assert list_ids(store) == ids


def test_confirmed_label_is_not_asked_about_by_the_next_check(store: Store) -> None:
    ids = fill(store)
    store.confirm(ids[0], "Ann")
    store.confirm(ids[1], "Ann", "dog")
    again = (make_issue(ids[0]), make_issue(ids[1], label="dog"), make_issue(ids[2]))
    store.put_label_check(MODEL, LabelCheck(3, (), again))
    assert list_ids(store) == [ids[2]]


def test_changed_after_it_was_confirmed_is_asked_about_again(store: Store) -> None:
    ids = fill(store)
    store.confirm(ids[0], "Ann")
    store.relabel(ids[0], "dog", "Ann")
    store.put_label_check(MODEL, LabelCheck(3, (), (make_issue(ids[0], label="dog"),)))
    assert list_ids(store) == [ids[0]]


def test_confirmed_twice_is_one_change(store: Store) -> None:
    ids = fill(store)
    first = store.confirm(ids[0], "Ann")
    assert store.confirm(ids[0], "Ann") == first
    assert store.get(ids[0]).label == "cat"
    store.undo(first, "Ann")
    assert store.confirm(ids[0], "Ann") > first


def test_image_for_every_model_is_an_issue_for_one(store: Store) -> None:
    ids = fill(store, model="")
    assert list_ids(store) == ids
    own = store.add(store.read_bytes(store.get(ids[0]).sha256), "cat", model=MODEL).entry
    assert own.id not in ids
    assert list_ids(store) == ids[1:]  # the model's own label counts
