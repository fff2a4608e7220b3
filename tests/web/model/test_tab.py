from pathlib import Path
from types import SimpleNamespace

import pytest

from inference.classifier import Classifier
from inference.versions.cards import InputGeometry
from inference.versions.catalog import Catalog
from tests.inference.tiny_versions import write_version
from tests.web.pictures import make_card
from web.frame import draw_chip
from web.model.tab import (
    describe_facts,
    describe_input,
    describe_pictures,
    draw_counts,
    draw_facts,
    draw_model,
    draw_plots,
    format_parent,
)
from web.serving import Service


def test_tab_shows_the_card_and_the_provider_in_use(classifier: Classifier, exported: Path) -> None:
    service = Service(Catalog(exported), "hotdog", None, "cpu")
    html = draw_model(service, classifier, False)
    assert f"version {classifier.card.version}" in html
    assert classifier.card.backbone in html
    assert "runs here on <b>the CPU</b>" in html
    assert f'href="model.onnx?model=hotdog&amp;version={classifier.card.version}"' in html
    for place in ("pictures", "training", "versions", "download", "code"):
        assert f'<section id="{place}"' in html


def test_tab_says_what_it_is_for_where_it_falls_short_and_how_far_to_trust_it(
    tmp_path: Path,
) -> None:
    share = {"correct": 45, "n": 50, "value": 0.9, "low": 0.786, "high": 0.957}
    folder = write_version(
        tmp_path / "colours" / "1",
        metrics={"test": {"top1": share}},
        trust={"corruptions": {"blur": share}},
    )
    service = Service(Catalog(tmp_path), "colours", None, "cpu")
    html = draw_model(service, service.open(), False)
    places = [html.index(f'<section id="{name}"') for name in ("uses", "trust", "limits")]
    assert places == sorted(places)
    assert "Telling Red, Green and Blue berry apart" in html
    assert "blur made it wrong most often: 5 of 50" in html
    assert "README.md" not in html  # this version has none
    (folder / "README.md").write_text("# Colours")
    html = draw_model(service, service.open(), False)
    address = "README.md?model=colours&amp;version=1"
    assert html.count(f'href="{address}"') == 3  # read, download, and in the list of versions
    assert 'aria-label="Download the card of version 1"' in html


def test_only_plots_that_exist_are_shown_each_with_words(tmp_path: Path) -> None:
    folder = tmp_path / "hotdog" / "3"
    shown = SimpleNamespace(folder=folder, card=make_card())
    assert draw_plots(shown) == ""  # type: ignore[arg-type]
    (folder / "report").mkdir(parents=True)
    (folder / "report" / "confusion.png").touch()
    (folder / "report" / "report.html").touch()
    html = draw_plots(shown)  # type: ignore[arg-type]
    assert html.count("<img") == html.count('alt="Confusion matrix') == 1
    assert 'href="report/hotdog/3/report.html"' in html


def test_card_from_elsewhere_is_escaped(tmp_path: Path) -> None:
    evil = '"><script>'
    write_version(
        tmp_path / "colours" / "1", model=evil, backbone=evil, class_names=(evil, "a", "b")
    )
    service = Service(Catalog(tmp_path), "colours", None, "cpu")
    classifier = service.open()
    drawn = draw_model(service, classifier, True) + draw_chip(classifier)
    assert "<script" not in drawn
    assert 'data-version="colours/1"' in drawn


def test_facts_are_flattened_and_escaped() -> None:
    assert describe_facts({"a": {"b": 1, "c": None}, "d": [1, 2]}) == [("a b", "1"), ("d", "1, 2")]
    assert "<script" not in draw_facts({"<script>": "<script>"})
    assert draw_facts({}) == ""


def test_counts_are_a_table_of_splits_and_classes() -> None:
    html = draw_counts({"train": {"a": 1200, "b": 5}, "val": {"a": 7}}, ("a", "b"))
    assert ">1,200</td>" in html
    assert ">Validation</th>" in html
    assert "<table" not in draw_counts({"a": 3}, ("a",))


@pytest.mark.parametrize(
    ("geometry", "words"), [("crop", "middle square"), ("squash", "squashed"), ("pad", "grey bars")]
)
def test_input_is_described(geometry: str, words: str) -> None:
    assert words in describe_input(InputGeometry(geometry=geometry))


def test_parent_is_named_as_far_as_it_is_known() -> None:
    assert format_parent({"model": "hotdog", "version": 3}) == "hotdog, version 3"
    assert format_parent({"name": "x"}) == "name x"


def test_pictures_of_what_was_taught_are_told_by_what_they_were_for() -> None:
    counts = {"train": {"a": 20, "b": 5}, "locked": {"a": 1}}
    data = {"counts": counts, "remembered": {"train": 1428, "validation": 682}}
    quick = make_card(("a", "b"), data=data, training={"kind": "quick"})
    assert describe_pictures(quick) == (
        "It learned from 25 pictures labelled here and 1,428 remembered as numbers. Locked for "
        "comparing, and never learned from: 1 picture labelled here and 682 remembered as numbers."
    )
    assert describe_pictures(make_card(data={"counts": counts})) == (
        "It learned from, and was measured on, 26 labelled pictures."
    )
    assert not describe_pictures(make_card())
