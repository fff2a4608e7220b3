from dataclasses import replace

import pytest

from tests.web.pictures import make_card, make_prediction
from web.try_it.heatmap import Overlay
from web.try_it.verdict import choose_tone, describe, draw_answer, draw_error, format_percent

OVERLAY = Overlay("data:image/png;base64,AA", 0, 0, 100, 100)


@pytest.mark.parametrize(
    ("probability", "words"),
    [(1.0, "over 99%"), (0.9951, "over 99%"), (0.994, "99%"), (0.5, "50%"), (0.001, "under 1%")],
)
def test_percent_never_claims_more_than_it_is(probability: float, words: str) -> None:
    assert format_percent(probability) == words


def test_sentence_names_probability_time_and_provider() -> None:
    prediction = make_prediction({"hot_dog": 0.97, "not_hot_dog": 0.03})
    assert describe(prediction) == "97% sure · 31 ms on the CPU"
    cuda = make_prediction({"hot_dog": 0.97, "not_hot_dog": 0.03}, provider="cuda")
    assert describe(cuda).endswith("on CUDA")


def test_green_and_red_are_for_two_classes_of_which_one_is_the_rest() -> None:
    card = make_card()
    assert choose_tone("hot_dog", card) == "good"
    assert choose_tone("not_hot_dog", card) == "bad"
    assert choose_tone("hot_dog", make_card(catch_all=None)) == "plain"
    assert choose_tone("taco", make_card(("taco", "hot_dog", "not_hot_dog"))) == "plain"


def test_verdict_does_not_rest_on_colour_alone() -> None:
    card = make_card()
    yes, no = (
        draw_answer(make_prediction({a: 0.9, b: 0.1}), card, OVERLAY, None, 1)
        for a, b in (("hot_dog", "not_hot_dog"), ("not_hot_dog", "hot_dog"))
    )
    assert "<span>Hot dog</span>" in yes
    assert "<span>Not hot dog</span>" in no
    icons = [html.partition("<path d=")[2][:20] for html in (yes, no)]
    assert icons[0] != icons[1]


@pytest.mark.parametrize(
    ("certainty", "words"),
    [("unsure", "Not sure."), ("unfamiliar", "Unlike anything I was taught.")],
)
def test_doubt_stands_under_the_label(certainty: str, words: str) -> None:
    prediction = make_prediction({"hot_dog": 0.6, "not_hot_dog": 0.4}, certainty=certainty)
    html = draw_answer(prediction, make_card(), OVERLAY, None, 1)
    assert html.index("Hot dog</span>") < html.index(words)
    assert "60% · 31 ms" in html  # and not "60% sure" above "Not sure"


def test_every_class_has_its_bar_with_a_number() -> None:
    html = draw_answer(
        make_prediction({"b": 0.7, "a": 0.2, "c": 0.1}),
        make_card(("a", "b", "c")),
        OVERLAY,
        None,
        1,
    )
    for text in ("70%", "20%", "10%"):
        assert f"<td>{text}</td>" in html


def test_what_comes_from_outside_is_escaped() -> None:
    evil = "<img src=x onerror=alert(1)>"
    card = make_card((evil, "b"))
    assert "<img" not in draw_answer(make_prediction({evil: 0.9, "b": 0.1}), card, OVERLAY, None, 1)
    assert "<img" not in draw_error(evil, 1)


def test_frame_is_spoken_of_only_where_there_is_one() -> None:
    prediction = make_prediction({"hot_dog": 0.9, "not_hot_dog": 0.1})
    inside = Overlay("data:,", 10, 0, 80, 100)
    assert "outside the frame" in draw_answer(prediction, make_card(), inside, None, 1)
    assert "outside the frame" not in draw_answer(prediction, make_card(), OVERLAY, None, 1)


def test_legend_says_what_the_colours_mean() -> None:
    prediction = make_prediction({"taco": 0.6, "hot_dog": 0.3, "not_hot_dog": 0.1})
    card = make_card(("taco", "hot_dog", "not_hot_dog"))
    html = draw_answer(prediction, card, OVERLAY, None, 1)
    assert "spoke for <em>Taco</em> rather than for <em>Hot dog</em>, the runner-up" in html
    legend = html[html.index('class="legend"') :]
    assert legend.index("not at all") < legend.index("linear-gradient") < legend.index("most")
    assert "rgb(252 255 164 / 0.90)" in legend  # the brightest, as it is laid on


def test_where_no_place_spoke_nothing_is_explained_by_colours() -> None:
    prediction = make_prediction({"hot_dog": 0.9, "not_hot_dog": 0.1})
    html = draw_answer(prediction, make_card(), replace(OVERLAY, blank=True), None, 1)
    assert "No one place in the picture spoke for <em>Hot dog</em>" in html
    assert "legend" not in html


def test_what_comes_after_the_answer_stands_at_its_end() -> None:
    prediction = make_prediction({"hot_dog": 0.9, "not_hot_dog": 0.1})
    html = draw_answer(prediction, make_card(), OVERLAY, None, 1, "<i>more</i>")
    assert html.endswith("</details><i>more</i></div>")
