from typing import Any

from inference.statements import NEVER_UNFAMILIAR
from web.model.trust import draw_trust

SHARE = {"correct": 45, "n": 50, "value": 0.9, "low": 0.786, "high": 0.957}
WORDS = "45 of 50 pictures, 95% interval 78.6–95.7%"
TRUST: dict[str, Any] = {
    "certainty": {
        "test": {
            "coverage": {"hot_dog": {"rate": SHARE, "low": 0.91, "high": 0.99}},
            "unsure": SHARE,
            "unfamiliar": SHARE,
            "sure_right": SHARE,
        }
    },
    "outsiders": {"n": 50, "auroc": 0.971, "found": SHARE, "kinds": {"X-ray": SHARE}},
    "corruptions": {"none": SHARE, "jpeg 20": SHARE},
}


def test_every_figure_comes_with_n_and_interval() -> None:
    html = draw_trust(TRUST)
    assert html.count(WORDS) == 4  # three of certainty, one of outsiders
    assert html.count('<td class="number">78.6–95.7%</td>') == 3  # by kind, and spoilt
    assert '<th scope="row">Hot dog</th>' in html
    assert '<td class="number">91.0–99.0%</td>' in html
    assert "97.1% of all pairs" in html
    for name in ("nothing", "jpeg 20"):
        assert f'<th scope="row">{name}</th>' in html


def test_what_was_not_measured_is_not_spoken_of() -> None:
    assert draw_trust({}) == ""
    for key, value in TRUST.items():
        assert draw_trust({key: value}).count("<h3>") == 1
    assert "<table" not in draw_trust({"certainty": {"locked": {"unsure": SHARE}}})
    assert "AUROC" not in draw_trust({"outsiders": {"found": SHARE}})


def test_what_comes_from_outside_is_escaped() -> None:
    evil = "<script>"
    coverage = {evil: {"rate": SHARE, "low": 0.9, "high": 1.0}}
    trust = {
        "certainty": {evil: {"coverage": coverage}},
        "outsiders": {"kinds": {evil: SHARE}},
        "corruptions": {evil: SHARE},
    }
    assert draw_trust(trust).count("&lt;script&gt;") == 4
    assert evil not in draw_trust(trust)


def test_where_nothing_is_ever_unfamiliar_it_says_so() -> None:
    html = draw_trust({"outsiders": {"n": 50, "others": 40, "auroc": 0.971}})
    assert NEVER_UNFAMILIAR in html
    assert "97.1% of all pairs" in html
    assert NEVER_UNFAMILIAR not in draw_trust(TRUST)
