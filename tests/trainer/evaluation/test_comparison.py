"""The gate: what is published, held back or left to a person, and the figures behind it."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from inference.versions.cards import Parent
from inference.versions.catalog import Catalog
from inference.versions.comparison import (
    ComparedImage,
    Comparison,
    read_comparison,
    write_comparison,
)
from tests.inference.tiny_versions import write_version
from trainer.evaluation.comparison import Locked, Side, compare, publish

NAMES = ("cat", "dog")
AGAINST = Parent(model="pets", version=1)


def make_side(answers: list[str], names: tuple[str, ...] = NAMES) -> Side:
    probabilities = np.full((len(answers), len(names)), 0.2 / max(1, len(names) - 1))
    for i, answer in enumerate(answers):
        probabilities[i, names.index(answer)] = 0.8
    return Side(names, probabilities)


def judge(cats: int, lost: int, won: int, dogs: int = 0) -> Comparison:
    """Compare on cats of which the new version loses some and wins others, and on right dogs."""
    old = ["dog"] * won + ["cat"] * (cats - won) + ["dog"] * dogs
    new = ["cat"] * (cats - lost) + ["dog"] * lost + ["dog"] * dogs
    labels = ["cat"] * cats + ["dog"] * dogs
    locked = [Locked(label, row=i) for i, label in enumerate(labels)]
    return compare(locked, make_side(new), make_side(old), AGAINST)


@pytest.mark.parametrize(
    ("cats", "lost", "won", "dogs", "outcome"),
    [
        (30, 0, 0, 30, "published"),
        (30, 0, 9, 30, "published"),
        (200, 4, 0, 0, "published"),  # one-sided p = 0.06, 2 points
        (200, 5, 0, 0, "held_back"),  # p = 0.03
        (200, 9, 2, 0, "held_back"),  # p = 0.03
        (30, 2, 0, 30, "held_back"),  # p = 0.25, but the class lost 6.7 points
        (30, 1, 0, 30, "published"),  # 3.3 points
        (20, 1, 0, 30, "published"),  # exactly 5 points
        (60, 3, 0, 30, "published"),  # exactly 5 points
        (19, 3, 0, 30, "published"),  # too few of the class for the floor; p = 0.125
        (19, 0, 9, 0, "candidate"),
        (10, 0, 0, 9, "candidate"),
        (20, 0, 0, 0, "published"),
    ],
)
def test_gate(cats: int, lost: int, won: int, dogs: int, outcome: str) -> None:
    found = judge(cats, lost, won, dogs)
    assert (found.outcome, found.better, found.worse) == (outcome, won, lost)
    assert found.publishes == (outcome == "published")
    starts = {"published": "Published: ", "held_back": "Held back: ", "candidate": "Not publ"}
    assert found.sentence.startswith(starts[outcome])


def test_p_is_mcnemars() -> None:
    found = judge(200, 9, 2)
    assert found.p == pytest.approx(binomtest(2, 11, 0.5).pvalue)


def test_first_version_has_nothing_to_be_compared_with() -> None:
    found = compare([Locked("cat", sha256="ab")], make_side(["cat"]))
    assert (found.outcome, found.old, found.p, found.publishes) == ("first", None, None, True)
    assert found.images == (ComparedImage(label="cat", sha256="ab", new=("cat", 0.8)),)


def test_without_locked_images_the_sentence_says_so() -> None:
    empty = Side(NAMES, np.zeros((0, 2)))
    assert "No picture is held out" in compare([], empty).sentence
    assert compare([], empty, empty, AGAINST).outcome == "candidate"


def test_new_class_is_reported_apart() -> None:
    """A hamster that the old network could not know is no error of the old or merit of the new."""
    labels = ["cat"] * 30 + ["hamster"] * 4
    old = make_side(["cat"] * 30 + ["dog"] * 4)
    new = make_side(["cat"] * 30 + ["hamster"] * 3 + ["dog"], (*NAMES, "hamster"))
    found = compare([Locked(label) for label in labels], new, old, AGAINST)
    assert (found.locked, found.better, found.worse) == (30, 0, 0)
    assert found.new_classes == ("hamster",)
    assert found.new.per_class["hamster"].correct == 3
    assert found.old is not None
    assert found.old.labels == ("cat", "dog", "hamster")
    assert found.old.confusion == ((30, 0), (0, 0), (0, 4))


def test_file_holds_all(tmp_path: Path) -> None:
    found = judge(30, 0, 1)
    write_comparison(tmp_path, found)
    assert read_comparison(tmp_path) == found
    assert (found.outcome, found.better, len(found.images)) == ("published", 1, 30)
    assert found.images[0].old == ("dog", 0.8)
    assert found.against == AGAINST


def make_published() -> Comparison:
    found = judge(30, 0, 3, 30)
    assert found.outcome == "published"
    return found


def test_what_the_gate_lets_through_comes_into_use(tmp_path: Path) -> None:
    catalog = make_catalog(tmp_path)
    found = publish(catalog, catalog.find("colours", 2), make_published(), 1)
    assert (found.outcome, catalog.read_current("colours")) == ("published", 2)


def test_a_person_who_put_another_back_meanwhile_goes_before_the_gate(tmp_path: Path) -> None:
    catalog = make_catalog(tmp_path)
    catalog.publish("colours", 3)
    folder = catalog.find("colours", 2)
    found = publish(catalog, folder, make_published(), 1)
    assert (found.outcome, catalog.read_current("colours")) == ("candidate", 3)
    assert "version 3 came into use" in found.sentence
    assert read_comparison(folder) == found


def test_held_back_stays_out_of_use(tmp_path: Path) -> None:
    catalog = make_catalog(tmp_path)
    found = publish(catalog, catalog.find("colours", 2), judge(200, 9, 2), 1)
    assert (found.outcome, catalog.read_current("colours")) == ("held_back", 1)


def make_catalog(tmp_path: Path) -> Catalog:
    """Version 1 ships, 2 and 3 were taught."""
    write_version(tmp_path / "exported" / "colours" / "1")
    catalog = Catalog(tmp_path / "exported", tmp_path / "data")
    for _ in range(2):
        folder = catalog.reserve("colours")
        write_version(folder, version=int(folder.name))
    return catalog
