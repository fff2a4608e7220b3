"""Comparisons as the trainer writes them."""

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
        backbone_sha256="a" * 64,
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


def test_shipped_version_was_compared_with_nothing(visit: Visit) -> None:
    response = visit.client.get("/teach/comparison", params={"model": MODEL, "version": 1})
    assert response.status_code == 404
    assert "was not compared" in response.json()["error"]
