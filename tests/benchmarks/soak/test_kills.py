"""Killed pages lose nothing that they acknowledged; and what would be lost is noticed."""

from pathlib import Path

import pytest

from benchmarks.soak.acknowledged import Acknowledged
from benchmarks.soak.kills import attack


@pytest.mark.slow
def test_killed_pages_lose_nothing(tmp_path: Path) -> None:
    """The short form of `make soak`'s second part."""
    findings = attack(4, 2, tmp_path)
    figures = {figure.name: figure.value for figure in findings.figures}
    assert not findings.failures
    assert figures["kills"] == 4
    assert figures["acknowledged labels and changes"] > 20


def make_acknowledged() -> Acknowledged:
    found = Acknowledged()
    found.add(1, "cat")
    found.add(2, "dog")
    found.add_named("a.jpg", "cat")
    return found


def test_all_that_is_there_is_not_lost() -> None:
    acknowledged = make_acknowledged()
    found = {1: "cat", 2: "dog", 3: "cat"}
    assert acknowledged.compare(found, {"a.jpg": "cat"}) == []
    assert acknowledged.labels == found
    assert acknowledged.total == 3


@pytest.mark.parametrize(
    ("found", "names", "word"),
    [
        ({1: "cat"}, {"a.jpg": "cat"}, "entry 2 is None"),
        ({1: "cat", 2: "cat"}, {"a.jpg": "cat"}, "entry 2 is cat"),
        ({1: "cat", 2: "dog"}, {}, "a.jpg is None"),
        ({1: "cat", 2: "dog"}, {"a.jpg": "dog"}, "a.jpg is dog"),
    ],
)
def test_what_is_lost_is_named(found: dict[int, str], names: dict[str, str], word: str) -> None:
    [words] = make_acknowledged().compare(found, names)
    assert word in words


def test_change_under_way_may_be_made_or_not() -> None:
    for label in ("cat", "dog"):
        acknowledged = make_acknowledged()
        acknowledged.begin_change(1, "dog")
        assert acknowledged.compare({1: label, 2: "dog"}, {"a.jpg": "cat"}) == []
    acknowledged = make_acknowledged()
    acknowledged.begin_change(1, None)
    assert acknowledged.compare({2: "dog"}, {"a.jpg": "cat"}) == []
    assert acknowledged.labels == {1: None, 2: "dog"}


def test_acknowledged_change_must_be_made() -> None:
    acknowledged = make_acknowledged()
    acknowledged.begin_change(1, None)
    acknowledged.end_change(1, made=True)
    assert acknowledged.compare({1: "cat", 2: "dog"}, {"a.jpg": "cat"}) != []
    acknowledged = make_acknowledged()
    acknowledged.begin_change(1, "dog")
    acknowledged.end_change(1, made=False)
    assert acknowledged.compare({1: "dog", 2: "dog"}, {"a.jpg": "cat"}) != []


def test_deleted_entries_are_not_chosen_again() -> None:
    acknowledged = make_acknowledged()
    acknowledged.begin_change(1, None)
    acknowledged.end_change(1, made=True)
    assert {acknowledged.choose(index) for index in range(5)} == {2}
    assert Acknowledged().choose(0) is None
