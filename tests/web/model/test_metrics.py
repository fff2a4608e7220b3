from typing import Any

from web.model.metrics import draw_metrics, draw_split

NAMES = ("hot_dog", "not_hot_dog")


def make_share(correct: int, n: int) -> dict[str, Any]:
    return {"correct": correct, "n": n, "value": correct / n, "low": 0.9, "high": 0.975}


FULL = {
    "top1": make_share(1900, 2000),
    "ece": 0.021,
    "per_class": {"hot_dog": make_share(95, 100)},
    "per_group": {"food101 / hot_dog": make_share(19, 20)},
    "confusion": [[1000, 10], [5, 2000]],
}


def test_accuracy_comes_with_n_and_interval() -> None:
    html = draw_split("test", FULL, NAMES)
    assert "95.0%" in html
    assert "1,900 of 2,000 pictures, 95% interval 90.0–97.5%" in html
    assert "2.1 points" in html
    assert "food101 / hot dog" in html
    assert '<td class="number right">2,000</td>' in html


def test_what_was_not_measured_is_not_spoken_of() -> None:
    assert draw_metrics({}, NAMES) == ""
    html = draw_split("validation", {"top1": make_share(1, 2)}, NAMES)
    assert "<table" not in html
    assert "calibration error" not in html


def test_test_comes_before_validation_and_names_are_escaped() -> None:
    html = draw_metrics({"validation": FULL, "test": FULL}, NAMES)
    assert html.index("<h3>Test") < html.index("<h3>Validation")
    assert "<script" not in draw_split("x", {"per_class": {"<script>": make_share(1, 2)}}, NAMES)


def test_nothing_empty_is_drawn() -> None:
    html = draw_split("locked", {**FULL, "per_source": {}, "per_group": {}}, NAMES)
    assert html.count("<table") == 2
    assert "By source" not in html
    assert "<table" not in draw_split("locked", {"per_class": {}, "confusion": []}, NAMES)


def test_what_was_taught_says_which_pictures_it_never_learned_from() -> None:
    quick = draw_metrics({"validation": FULL, "locked": FULL}, NAMES, "quick")
    assert quick.index("<h3>Locked") < quick.index("<h3>Held out in turn")
    assert "kept apart from training" not in quick
    deep = draw_metrics({"validation": FULL, "test": FULL}, NAMES, "deep")
    assert "<h3>Locked" in deep
    assert "<h3>Test" not in deep
