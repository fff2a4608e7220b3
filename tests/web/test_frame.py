from pathlib import Path
from types import SimpleNamespace

import pytest

from inference.classifier import Classifier
from inference.versions.catalog import Catalog
from tests.web.pictures import make_card
from web.frame import (
    ask,
    count_images,
    draw_chip,
    draw_strip,
    draw_title,
    format_minutes,
    format_size,
    name_images,
)
from web.serving import Service


@pytest.mark.parametrize(
    ("names", "question"),
    [
        (("hot_dog", "not_hot_dog"), "Hot dog or not hot dog?"),
        (("not_hot_dog", "hot_dog"), "Hot dog or not hot dog?"),
        (("taco", "pizza", "hot_dog"), "Taco, pizza or hot dog?"),
        (tuple("abcde"), "What is it?"),
    ],
)
def test_title_asks_what_the_network_can_answer(names: tuple[str, ...], question: str) -> None:
    assert ask(make_card(names)) == question


def test_title_is_escaped() -> None:
    assert "<script" not in draw_title(make_card(("<script>", "b")))


def test_strip_counts_live(classifier: Classifier, exported: Path) -> None:
    service = Service(Catalog(exported), "hotdog", None, "cpu")
    assert "<b>0</b> <span>answered here</span>" in draw_strip(service, classifier)
    service.answered = 1234
    assert "<b>1,234</b> <span>answered here</span>" in draw_strip(service, classifier)
    for place in ("pictures", "training", "download", "try"):
        assert f'href="#{place}"' in draw_strip(service, classifier)


def test_chip_says_who_answered(classifier: Classifier) -> None:
    card = classifier.card
    assert f"{card.model}, version {card.version} · CPU · 31 ms" in draw_chip(classifier, 31.2)
    assert "ms" not in draw_chip(classifier)
    assert f'data-version="{card.model}/{card.version}"' in draw_chip(classifier)


def test_size_of_a_network_that_was_deleted_meanwhile_is_told(tmp_path: Path) -> None:
    assert format_size(SimpleNamespace(folder=tmp_path)) == "gone"  # type: ignore[arg-type]


def test_title_says_whether_the_examples_fit() -> None:
    labels = frozenset({"hot_dog", "not_hot_dog"})
    assert 'data-examples="yes"' in draw_title(make_card(), labels)
    assert 'data-examples="no"' in draw_title(make_card(("cat", "dog")), labels)


def test_counts_are_summed_however_they_are_nested() -> None:
    assert count_images({"train": {"a": 1, "b": 2}, "test": {"a": 3}}) == 6
    assert count_images({"a": 1, "b": 2}) == 3
    assert count_images({}) == 0


@pytest.mark.parametrize(
    ("kind", "remembered", "words"),
    [
        (None, {}, "labelled pictures"),
        ("finetune", {}, "labelled here"),
        ("head", {"train": 0, "validation": 0}, "labelled here"),
        ("head", {"train": 1428, "validation": 682}, "labelled here, 2,110 remembered"),
    ],
)
def test_pictures_are_named_for_what_they_are(kind: str, remembered: dict, words: str) -> None:
    card = make_card(training={"kind": kind} if kind else {}, data={"remembered": remembered})
    assert name_images(card) == words


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (None, "once"),
        (0.0, "1 second"),
        (0.3, "18 seconds"),
        (1.2, "1 minute"),
        (12.4, "12 minutes"),
        (150, "2.5 hours"),
    ],
)
def test_time_is_said_as_people_say_it(minutes: float | None, words: str) -> None:
    assert format_minutes(minutes) == words
