import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from inference.versions.cards import DataCounts, Parent
from inference.versions.catalog import Catalog
from tests.inference.tiny_versions import write_version
from tests.web.requests import make_access
from tests.web.teach_page import serve
from web.model.versions import describe, draw_versions, list_versions, make_version_routes
from web.serving import Service

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
        training={"kind": "quick"},
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
        "1 Jan 2026 · Shipped · 1,200 pictures, 3 classes · 95.3% right on 782 test pictures"
    )
    assert re.fullmatch(
        r"1 Jan 2026, \d\d:00 · Quick, from version 1 · 95.3% right on 782 validation pictures",
        describe(taught),
    )
    assert (taught.is_custom, shipped.is_custom) == (True, False)


def test_parent_of_another_model_is_named(catalog: Catalog) -> None:
    (taught, _) = list_versions(catalog, "colours")
    parent = Parent(model="shades", version=7)
    other = replace(taught, card=taught.card.model_copy(update={"parent": parent}))
    assert "from shades, version 7" in describe(other)


def test_remembered_pictures_are_told_apart_from_labelled_ones(catalog: Catalog) -> None:
    (listed, _) = list_versions(catalog, "colours")
    remembered = {"train": 1428, "validation": 682}
    data = DataCounts(counts={"train": {"a": 29}}, remembered=remembered)
    taught = replace(listed, card=listed.card.model_copy(update={"data": data}))
    assert "29 pictures and 2,110 remembered, 3 classes" in describe(taught)


def test_accuracy_on_locked_pictures_goes_first(catalog: Catalog) -> None:
    write_comparison(
        catalog, {"outcome": "candidate", "new": {"top1": {**TOP1, "n": 40, "value": 0.9}}}
    )
    assert "90.0% right on 40 held-out pictures" in describe(list_versions(catalog, "colours")[0])


@pytest.mark.parametrize(
    "content",
    ["{", "[]", {"outcome": "first", "new": None}, {"outcome": "first", "new": {"top1": NONE}}],
)
def test_comparison_that_says_nothing_is_passed_over(catalog: Catalog, content: Any) -> None:
    write_comparison(catalog, content)
    assert "validation" in describe(list_versions(catalog, "colours")[0])


@pytest.mark.parametrize("name", ["model.json", "model.onnx"])
def test_unused_version_that_is_damaged_is_a_row_that_says_so(catalog: Catalog, name: str) -> None:
    catalog.publish("colours", 1)
    (catalog.find("colours", 2) / name).write_text("<b>{}")
    assert [listed.number for listed in list_versions(catalog, "colours")] == [2, 1]
    (row, whole) = draw_versions(catalog, "colours", 1).split("<li ")[1:]
    assert 'data-number="2" data-damaged' in row
    assert "cannot be opened" in row
    assert "model" in row
    assert "<b>{}" not in row
    assert re.findall(r'data-act="(\w+)"', row) == ["delete"]
    assert "data-damaged" not in whole


def test_everybody_downloads_and_only_teachers_change(catalog: Catalog) -> None:
    seen, taught = (draw_versions(catalog, "colours", 2, public=who) for who in ({1, 2}, None))
    assert seen.count("Download ONNX") == taught.count("Download ONNX") == 2
    assert 'href="model.onnx?model=colours&amp;version=1"' in seen
    assert "data-act" not in seen
    for words in ("Roll back to version 1", "Back to the shipped one (version 1)"):
        assert words in taught
    assert "Use version 2" not in taught
    assert "Delete" not in taught  # what ships and what is in use stay


def test_taught_version_that_is_not_in_use_can_be_deleted(catalog: Catalog) -> None:
    catalog.publish("colours", 1)
    html = draw_versions(catalog, "colours", 1)
    assert 'aria-label="Delete version 2"' in html
    assert "Delete version 1" not in html
    assert "Back to" not in html


def test_model_that_does_not_ship_has_no_way_back_to_it(tmp_path: Path) -> None:
    write_version(tmp_path / "models" / "pets" / "1", model="pets")
    catalog = Catalog(tmp_path / "exported", tmp_path)
    assert "Back to" not in draw_versions(catalog, "pets", 1)


def test_what_a_card_says_is_escaped(tmp_path: Path) -> None:
    parent = {"model": "<script>", "version": 1}
    evil = '"><script>'
    write_version(tmp_path / "e" / "colours" / "1", parent=parent, model=evil, created=evil)
    assert "<script" not in draw_versions(Catalog(tmp_path / "e"), "colours", 1)


def test_versions_beyond_the_newest_two_are_folded_but_not_the_one_in_use(
    catalog: Catalog,
) -> None:
    for number in range(3, 8):
        write_version(catalog.find("colours", 2).parent / str(number), version=number)
    html = draw_versions(catalog, "colours", 2)
    shown, _, folded = html.partition("<summary>4 older</summary>")
    assert re.findall(r'data-number="(\d+)"', shown) == ["7", "6", "2"]
    assert re.findall(r'data-number="(\d+)"', folded) == ["5", "4", "3", "1"]


def test_comparison_is_offered_where_one_can_be_shown(catalog: Catalog) -> None:
    write_comparison(catalog, {"outcome": "candidate", "new": {"top1": TOP1}})
    assert 'aria-label="Compare version 2"' in draw_versions(
        catalog, "colours", 2, may_compare=True
    )
    assert "Compare" not in draw_versions(catalog, "colours", 2)
    assert re.findall(r'data-number="(\d+)" data-compared', draw_versions(catalog, "colours", 2))


def test_model_without_a_version_says_so(catalog: Catalog) -> None:
    assert "Pets has no version yet." in draw_versions(catalog, "pets", None)


# Routes


@dataclass(frozen=True)
class Page:
    """The routes as a teacher's browser calls them."""

    client: TestClient
    service: Service

    def post(self, act: str, **values: Any) -> dict[str, Any]:
        response = self.client.post(f"/versions/{act}", json={"model": "colours", **values})
        assert response.status_code == 200, response.text
        return dict(response.json())

    def refuse(self, act: str, **values: Any) -> str:
        response = self.client.post(f"/versions/{act}", json={"model": "colours", **values})
        assert response.status_code == 400
        return str(response.json()["error"])

    def list_shown(self) -> list[str]:
        html = self.client.get("/versions", params={"model": "colours"}).json()["html"]
        return re.findall(r'data-number="(\d+)"', html)


@pytest.fixture
def page(catalog: Catalog) -> Page:
    service = Service(catalog, "colours", None, "cpu")
    return Page(serve(make_version_routes(service, make_access())), service)


def test_published_version_answers_next_and_rolls_back(page: Page) -> None:
    assert page.service.open().card.version == 2
    for version in (1, 2):
        found = page.post("publish", version=version)
        assert found["sentence"] == f"Version {version} answers from now on."
        assert page.service.open().card.version == version
    assert page.post("reset")["version"] == 1
    assert page.service.open().card.version == 1


def test_only_what_is_custom_and_not_in_use_is_deleted(page: Page) -> None:
    assert page.list_shown() == ["2", "1"]
    assert "in use" in page.refuse("delete", version=2)
    assert "ships" in page.refuse("delete", version=1)
    page.post("publish", version=1)
    assert page.post("delete", version=2)["sentence"] == "Version 2 is deleted."
    assert page.list_shown() == ["1"]
    assert "no version 2" in page.refuse("publish", version=2)


def test_version_that_cannot_be_opened_is_told(page: Page, catalog: Catalog) -> None:
    page.service.open()
    (catalog.find("colours", 1) / "model.onnx").write_bytes(b"{}")
    assert "model.onnx of colours version 1 is damaged" in page.refuse("publish", version=1)
    assert "model.onnx of colours version 1 is damaged" in page.refuse("reset")
    assert page.service.open().card.version == 2


@pytest.mark.parametrize("version", [None, "x", -1, 1.5, True, "٣", "9" * 30])
def test_what_is_no_version_is_a_sentence(page: Page, version: object) -> None:
    assert "as a whole number" in page.refuse("publish", version=version)


@pytest.mark.parametrize("model", ["..", "../colours", "nobody", ""])
def test_what_is_no_model_is_a_sentence(page: Page, model: str) -> None:
    for act in ("publish", "delete", "reset"):
        assert page.refuse(act, model=model, version=1)
