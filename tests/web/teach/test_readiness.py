"""Whether there are enough pictures, in words."""

import pytest

from labelling.store.entries import Counts
from web.teach.readiness import (
    ClassState,
    describe_class,
    estimate_finetune,
    estimate_head,
    find_finetune_obstacle,
    find_head_obstacle,
    format_estimate,
    list_warnings,
)


def make_state(
    label: str = "cat",
    groups: int = 0,
    *,
    images: int | None = None,
    known: bool = False,
    ships: bool = False,
) -> ClassState:
    count = groups if images is None else images
    return ClassState(label, Counts(count, 0, 0, groups, 0), known or ships, ships)


@pytest.mark.parametrize(
    ("groups", "known", "words"),
    [
        (0, False, "No pictures yet."),
        (0, True, "The model knows it already."),
        (1, False, "1 different picture. Few: 9 more for a start."),
        (9, True, "9 different pictures. 1 more for a start."),
        (10, False, "10 different pictures. 20 more for good."),
        (30, False, "30 different pictures. 70 more for plenty."),
        (1200, False, "1,200 different pictures. Plenty."),
    ],
)
def test_meter_in_words(groups: int, known: bool, words: str) -> None:
    assert describe_class(make_state(groups=groups, known=known)) == words


def test_burst_counts_once() -> None:
    state = make_state(groups=1, images=50)
    assert (state.level, state.images) == (0, 50)


def test_imbalance_is_a_warning() -> None:
    states = [make_state("cat", 41), make_state("old_dog", 10)]
    assert list_warnings(states) == [
        "Out of balance: Cat has 41 different pictures and Old dog only 10. Add pictures of "
        "Old dog."
    ]
    assert not list_warnings([make_state("cat", 40), make_state("dog", 10)])
    assert list_warnings([make_state("cat", 45, known=True), make_state("dog", 2, known=True)])
    assert not list_warnings([make_state("cat", 41), make_state("dog", 1, ships=True)])


def test_empty_class_is_a_warning() -> None:
    cat, dog = make_state("cat", 5), make_state("dog", known=True)
    assert list_warnings([cat, dog, make_state("none of these")]) == [
        "None of these has no pictures yet: it will be left out."
    ]
    assert list_warnings([cat, make_state("people"), make_state("bird")]) == [
        "People and Bird have no pictures yet: they will be left out."
    ]
    (many,) = list_warnings([cat, *(make_state(f"c{i}") for i in range(6))])
    assert many == "C0, C1, C2, C3 and 2 more have no pictures yet: they will be left out."
    assert not list_warnings([make_state("cat"), make_state("dog")])


def test_head_needs_images_of_two_classes_or_known_ones() -> None:
    assert find_head_obstacle([make_state("a"), make_state("b")])
    assert find_head_obstacle([make_state("a", 5), make_state("b")])
    assert not find_head_obstacle([make_state("a", 5), make_state("b", 1)])
    assert not find_head_obstacle([make_state("a", 5), make_state("b", known=True)])


def test_finetune_says_what_is_missing() -> None:
    states = [make_state("hot_dog", 20), make_state("cat", 7), make_state("dog", known=True)]
    assert find_finetune_obstacle(states) == (
        "Needs at least 20 stored pictures of each class; Cat has 7, Dog has none."
    )
    assert not find_finetune_obstacle([make_state("a", 20), make_state("b", 21), make_state("c")])
    assert find_finetune_obstacle([make_state("a", 20)])
    assert find_finetune_obstacle([make_state("a", 20), make_state("b")])
    many = find_finetune_obstacle([make_state(f"c{i}", known=True) for i in range(7)])
    assert many.endswith("C3 has none, 3 more have too few.")


def test_finetune_needs_images_that_differ() -> None:
    states = [make_state("a", 20), make_state("old_dog", 1, images=30)]
    assert find_finetune_obstacle(states) == (
        "Needs different pictures; the pictures of Old dog all look alike."
    )


def test_estimates_are_in_words() -> None:
    assert format_estimate(estimate_head(50)) == "about 3 seconds"
    assert format_estimate(60 * estimate_finetune(5100, 2)) == "about 23 minutes"
    assert format_estimate(60 * estimate_finetune(129, 2)) == "about 1 minute"
    assert format_estimate(3600 * 5) == "about 5 hours"
