from pathlib import Path

import pytest

from inference.cards import InputGeometry
from inference.classifier import Classifier
from web.model_tab import (
    describe_input,
    draw_counts,
    draw_facts,
    draw_model,
    draw_plots,
    flatten,
    format_parent,
)


def test_tab_shows_the_card_and_the_provider_in_use(classifier: Classifier) -> None:
    html = draw_model(classifier)
    assert f"version {classifier.card.version}" in html
    assert classifier.card.backbone in html
    assert "runs here on <b>the CPU</b>" in html
    assert 'href="model.onnx"' in html
    for place in ("pictures", "training", "download", "code"):
        assert f'<section id="{place}"' in html


def test_only_plots_that_exist_are_shown_each_with_words(tmp_path: Path) -> None:
    assert draw_plots(tmp_path) == ""
    (tmp_path / "confusion.png").touch()
    (tmp_path / "report.html").touch()
    html = draw_plots(tmp_path)
    assert html.count("<img") == html.count('alt="Confusion matrix') == 1
    assert 'href="report/report.html"' in html


def test_facts_are_flattened_and_escaped() -> None:
    assert flatten({"a": {"b": 1, "c": None}, "d": [1, 2]}) == [("a b", "1"), ("d", "1, 2")]
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
