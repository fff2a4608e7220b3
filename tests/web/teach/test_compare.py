"""Comparisons as the trainer writes them, and which version is in use."""

import json
from typing import Any

import pytest

from tests.inference.tiny_versions import write_version
from tests.web.teach_page import MODEL, Visit, paint

RATE = {"correct": 9, "n": 10, "value": 0.9, "low": 0.6, "high": 0.98}


def add_version(visit: Visit, number: int, **comparison: Any) -> None:
    folder = visit.data / "models" / MODEL / str(number)
    parent = {"model": MODEL, "version": 1}
    counts = {"train": {"red": 8}, "locked": {"red": 2}}
    write_version(
        folder,
        version=number,
        parent=parent,
        graph_sha256="a" * 64,
        training={"kind": "quick"},
        data={"counts": counts},
    )
    values = {"outcome": "held_back", "sentence": "Held back: worse.", "new": {"top1": RATE}}
    text = json.dumps({**values, "pictures": [], **comparison})
    (folder / "comparison.json").write_text(text, encoding="utf-8")


@pytest.fixture(autouse=True)
def _in_use(visit: Visit) -> None:
    """Version 1, which ships, stays in use until another is published."""
    visit.service.catalog.publish(MODEL, 1)


def test_comparison_names_the_stored_pictures_and_counts_the_others(visit: Visit) -> None:
    stored = visit.add("red", paint("red")).json()["entry"]["sha256"]
    said = {"old": ["red", 0.8], "new": ["green", 0.7]}
    same = {"old": ["red", 0.8], "new": ["red", 0.7]}
    pictures = [
        {"sha256": stored, "row": None, "label": "red", **said},
        {"sha256": None, "row": 3, "label": "red", **said},
        {"sha256": None, "row": 4, "label": "red", **same},
        {"sha256": None, "row": 5, "label": "red", "old": None, "new": ["red", 0.7]},
    ]
    add_version(visit, 2, pictures=pictures)
    found = visit.get("comparison", model=MODEL, version=2)
    assert [picture["sha256"] for picture in found["pictures"]] == [stored]
    assert found["hidden"] == 1
    assert (found["in_use"], found["taught"], found["outcome"]) == (False, True, "held_back")


def test_versions_are_listed_newest_first(visit: Visit) -> None:
    add_version(visit, 2)
    found = visit.get("versions", model=MODEL)
    new, shipped = found["versions"]
    assert found["current"] == 1
    assert (new["version"], new["taught"], new["in_use"], new["compared"]) == (2, True, False, True)
    assert (new["pictures"], new["kind"], new["top1"]) == (10, "head", RATE)
    assert new["parent"] == {"model": MODEL, "version": 1}
    assert (shipped["taught"], shipped["in_use"], shipped["compared"]) == (False, True, False)


def test_published_version_answers_next_and_rolls_back(visit: Visit) -> None:
    add_version(visit, 2)
    assert visit.service.open(MODEL).card.version == 1
    assert visit.post("versions/publish", model=MODEL, version=2)["current"] == 2
    assert visit.service.open(MODEL).card.version == 2
    assert visit.post("versions/publish", model=MODEL, version=1)["current"] == 1
    visit.post("versions/publish", model=MODEL, version=2)
    assert visit.post("versions/reset", model=MODEL)["current"] == 1
    assert visit.service.open(MODEL).card.version == 1


def test_only_what_is_taught_and_not_in_use_is_deleted(visit: Visit) -> None:
    add_version(visit, 2)
    add_version(visit, 3)
    visit.post("versions/publish", model=MODEL, version=2)
    assert "in use" in visit.refuse("versions/delete", model=MODEL, version=2)
    assert "ships" in visit.refuse("versions/delete", model=MODEL, version=1)
    left = visit.post("versions/delete", model=MODEL, version=3)["versions"]
    assert [row["version"] for row in left] == [2, 1]
    assert "no version 3" in visit.refuse("versions/publish", model=MODEL, version=3)


@pytest.mark.parametrize("version", [None, "x", -1, 1.5, True, "٣", "9" * 30])
def test_what_is_no_version_is_a_sentence(visit: Visit, version: object) -> None:
    assert "as a whole number" in visit.refuse("versions/publish", model=MODEL, version=version)


@pytest.mark.parametrize("model", ["..", "../colours", "nobody", ""])
def test_what_is_no_model_is_a_sentence(visit: Visit, model: str) -> None:
    for act in ("publish", "delete", "reset"):
        assert visit.refuse(f"versions/{act}", model=model, version=1)


def test_shipped_version_was_compared_with_nothing(visit: Visit) -> None:
    response = visit.client.get("/teach/comparison", params={"model": MODEL, "version": 1})
    assert response.status_code == 404
    assert "was not compared" in response.json()["error"]
