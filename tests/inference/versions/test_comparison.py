"""A comparison is read as it was written, and as earlier releases wrote it."""

import json
from pathlib import Path
from typing import Any

import pytest

from inference.versions.comparison import FILE, Comparison, read_comparison, write_comparison

RATE = {"correct": 9, "n": 10, "value": 0.9, "low": 0.6, "high": 0.98}
SIDE = {
    "class_names": ["cat", "dog"],
    "labels": ["cat", "dog", "hamster"],
    "top1": RATE,
    "per_class": {"cat": RATE},
    "confusion": [[1, 2], [3, 4], [0, 0]],
}
# As release 1 wrote it.
OLD: dict[str, Any] = {
    "against": {"model": "pets", "version": 1},
    "outcome": "held_back",
    "sentence": "Held back: worse.",
    "locked": 30,
    "better": 1,
    "worse": 9,
    "p": 0.02,
    "set_aside": 2,
    "new_classes": ["hamster"],
    "old": SIDE,
    "new": SIDE,
    "pictures": [
        {"label": "cat", "sha256": "ab", "row": None, "old": ["dog", 0.8], "new": ["cat", 0.7]},
        {"label": "cat", "sha256": None, "row": 3, "old": None, "new": ["cat", 0.7]},
    ],
}


def test_comparison_survives_its_file(tmp_path: Path) -> None:
    found = Comparison.model_validate(OLD)
    write_comparison(tmp_path, found)
    assert read_comparison(tmp_path) == found


def test_comparison_of_an_earlier_release_is_read(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps(OLD))
    found = read_comparison(tmp_path)
    assert found is not None
    assert not found.publishes
    assert [image.differs for image in found.images] == [True, False]
    assert found.new.labels[-1] == "hamster"


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"outcome": "first"}', "\ufeff{}"])
def test_what_is_no_comparison_is_none(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / FILE).write_text(text, encoding="utf-8")
    assert read_comparison(tmp_path) is None
