import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from inference.versions.cards import DataCounts
from inference.versions.catalog import Catalog
from tests.inference.tiny_versions import write_version
from web.model.versions import describe, draw_versions, list_versions

TOP1 = {"value": 0.953, "n": 782, "correct": 745, "low": 0.9, "high": 0.97}
NONE = {"value": 0.0, "n": 0, "correct": 0, "low": 0, "high": 1}
COUNTS = {"counts": {"train": {"red": 1000, "green": 200}}}


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    """A shipped version 1 and a taught version 2 of `colours`; 2 is in use."""
    write_version(
        tmp_path / "exported" / "colours" / "1", data=COUNTS, metrics={"test": {"top1": TOP1}}
    )
    write_version(
        tmp_path / "data" / "models" / "colours" / "2",
        version=2,
        parent={"model": "colours", "version": 1},
        metrics={"validation": {"top1": TOP1}},
    )
    made = Catalog(tmp_path / "exported", tmp_path / "data")
    made.publish("colours", 2)
    return made


def write_comparison(catalog: Catalog, content: Any) -> None:
    path = catalog.find("colours", 2) / "comparison.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def test_versions_are_listed_newest_first_with_what_is_known(catalog: Catalog) -> None:
    taught, shipped = list_versions(catalog, "colours")
    assert describe(shipped) == (
        "2026-01-01 · ships with the page · 1,200 pictures, 3 classes · "
        "95.3% right of 782 test pictures"
    )
    assert describe(taught) == (
        "2026-01-01 · taught here from colours, version 1 · 95.3% right of 782 validation pictures"
    )


def test_remembered_pictures_are_told_apart_from_labelled_ones(catalog: Catalog) -> None:
    (listed, _) = list_versions(catalog, "colours")
    data = DataCounts(counts={"train": {"a": 29}}, remembered={"train": 1428, "validation": 682})
    taught = replace(listed, card=listed.card.model_copy(update={"data": data}))
    assert "29 pictures and 2,110 remembered, 3 classes" in describe(taught)


def test_accuracy_on_locked_pictures_goes_first(catalog: Catalog) -> None:
    write_comparison(
        catalog, {"outcome": "candidate", "new": {"top1": {**TOP1, "n": 40, "value": 0.9}}}
    )
    assert "90.0% right of 40 locked pictures" in describe(list_versions(catalog, "colours")[0])


@pytest.mark.parametrize(
    "content",
    ["{", "[]", {"outcome": "first", "new": None}, {"outcome": "first", "new": {"top1": NONE}}],
)
def test_comparison_that_says_nothing_is_passed_over(catalog: Catalog, content: Any) -> None:
    write_comparison(catalog, content)
    assert "validation" in describe(list_versions(catalog, "colours")[0])


def test_version_that_cannot_be_read_is_left_out(catalog: Catalog) -> None:
    (catalog.find("colours", 1) / "model.json").write_text("{}")
    assert [listed.number for listed in list_versions(catalog, "colours")] == [2]


def test_everybody_downloads_and_only_teachers_change(catalog: Catalog) -> None:
    seen, taught = (draw_versions(catalog, "colours", 2, may_teach=may) for may in (False, True))
    assert seen.count("Download ONNX") == taught.count("Download ONNX") == 2
    assert 'href="model.onnx?model=colours&amp;version=1"' in seen
    assert "data-act" not in seen
    for words in ("Use version 1", "Back to the shipped one (version 1)"):
        assert words in taught
    assert "Use version 2" not in taught
    assert "Delete" not in taught  # what ships and what is in use stay


def test_taught_version_that_is_not_in_use_can_be_deleted(catalog: Catalog) -> None:
    catalog.publish("colours", 1)
    html = draw_versions(catalog, "colours", 1, may_teach=True)
    assert 'aria-label="Delete version 2"' in html
    assert "Delete version 1" not in html
    assert "Back to" not in html


def test_model_that_does_not_ship_has_no_way_back_to_it(tmp_path: Path) -> None:
    write_version(tmp_path / "models" / "pets" / "1", model="pets")
    catalog = Catalog(tmp_path / "exported", tmp_path)
    assert "Back to" not in draw_versions(catalog, "pets", 1, may_teach=True)


def test_what_a_card_says_is_escaped(tmp_path: Path) -> None:
    parent = {"model": "<script>", "version": 1}
    evil = '"><script>'
    write_version(tmp_path / "e" / "colours" / "1", parent=parent, model=evil, created=evil)
    assert "<script" not in draw_versions(Catalog(tmp_path / "e"), "colours", 1, may_teach=True)
