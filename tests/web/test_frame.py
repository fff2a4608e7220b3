import pytest

from inference.classifier import Classifier
from tests.web.pictures import make_card
from web.frame import ask, count_pictures, draw_chip, draw_strip, draw_title, format_minutes
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


def test_strip_counts_live(classifier: Classifier) -> None:
    service = Service(classifier)
    assert "<b>0</b> <span>answered here</span>" in draw_strip(service)
    service.answered = 1234
    assert "<b>1,234</b> <span>answered here</span>" in draw_strip(service)
    for place in ("pictures", "training", "download", "try"):
        assert f'href="#{place}"' in draw_strip(service)


def test_chip_says_who_answered(classifier: Classifier) -> None:
    card = classifier.card
    assert f"{card.model}, version {card.version} · CPU · 31 ms" in draw_chip(classifier, 31.2)
    assert "ms" not in draw_chip(classifier)


def test_counts_are_summed_however_they_are_nested() -> None:
    assert count_pictures({"train": {"a": 1, "b": 2}, "test": {"a": 3}}) == 6
    assert count_pictures({"a": 1, "b": 2}) == 3
    assert count_pictures({}) == 0


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (None, "once"),
        (0.3, "18 seconds"),
        (1.2, "1 minute"),
        (12.4, "12 minutes"),
        (150, "2.5 hours"),
    ],
)
def test_time_is_said_as_people_say_it(minutes: float | None, words: str) -> None:
    assert format_minutes(minutes) == words
