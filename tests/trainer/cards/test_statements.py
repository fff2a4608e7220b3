from typing import Any

import pytest

from inference.versions.cards import Rate
from tests.inference.tiny_versions import make_card
from trainer.cards.statements import (
    NEVER_UNFAMILIAR,
    choose_split,
    describe_wrong,
    join_names,
    leave_out_few,
    list_limits,
    list_uses,
    list_wrong_uses,
    name_group,
)

GOOD = {"correct": 98, "n": 100, "value": 0.98, "low": 0.93, "high": 0.994}
POOR = {"correct": 80, "n": 100, "value": 0.8, "low": 0.711, "high": 0.867}
FEW = {"correct": 5, "n": 10, "value": 0.5, "low": 0.237, "high": 0.763}
NONE = {"correct": 0, "n": 0, "value": 0.0, "low": 0.0, "high": 1.0}


def measure(**parts: Any) -> dict[str, Any]:
    return {"test": {"top1": GOOD, **parts}}


def find(sentences: list[str], words: str) -> str:
    """Return the one sentence that holds the words."""
    (found,) = [sentence for sentence in sentences if words in sentence]
    return found


def test_split_furthest_from_training_counts() -> None:
    assert choose_split(make_card()) is None
    metrics = {"validation": {"top1": GOOD}, "locked": {"top1": POOR}, "test": {"top1": NONE}}
    assert choose_split(make_card(metrics=metrics)) == "locked"
    assert choose_split(make_card(metrics=metrics | measure())) == "test"


def test_uses_name_the_classes_and_the_rest() -> None:
    assert join_names(make_card()) == "Red, Green and Blue berry"
    assert "Red, Green and Blue berry" in list_uses(make_card())[0]
    assert len(list_uses(make_card())) == 1
    assert "come out as Green" in list_uses(make_card(catch_all="green"))[1]


def test_without_a_catch_all_other_things_are_no_use() -> None:
    words = "Pictures of anything else"
    assert any(words in sentence for sentence in list_wrong_uses(make_card()))
    assert not any(words in sentence for sentence in list_wrong_uses(make_card(catch_all="red")))


def test_wrong_answers_are_counted_with_their_interval() -> None:
    assert describe_wrong(Rate(**POOR)) == "20 of 100 (20.0%, 95% interval 13.3–28.9%)"


def test_class_missed_most_often_is_named() -> None:
    rates = {"red": GOOD, "green": POOR, "blue_berry": NONE}
    limits = list_limits(make_card(metrics=measure(per_class=rates)))
    found = find(limits, "missed most often")
    assert "Green is missed most often: 20 of 100" in found
    assert "Red least often: 2 of 100" in found
    assert "chance" not in found
    assert "No test pictures: Blue berry." in limits


def test_difference_that_may_be_chance_is_called_so() -> None:
    rates = {"red": GOOD, "green": FEW | {"high": 0.96}}
    limits = list_limits(make_card(metrics=measure(per_class=rates)))
    assert "may be chance" in find(limits, "missed most often")
    same = list_limits(make_card(metrics=measure(per_class={"red": GOOD, "green": GOOD})))
    assert not any("missed most often" in sentence for sentence in same)


def test_groups_with_few_pictures_are_set_apart() -> None:
    groups = {"a / red": GOOD, "b / blue_berry": POOR, "c / red": FEW}
    limits = list_limits(make_card(metrics=measure(per_group=groups)))
    assert "b / blue berry: 20 of 100" in find(limits, "wrong on most often")
    assert "c / red (10)" in find(limits, "Fewer than 30 test pictures")


@pytest.mark.parametrize(
    ("weights", "source", "told"),
    [
        ("tf_efficientnet_lite0.in1k.safetensors", "imagenet", True),
        ("resnet18.fb_swsl_ig1b_ft_in1k.safetensors", "imagenet", True),
        ("tf_efficientnet_lite0.in1k.safetensors", "food101", False),
        ("checkpoint.safetensors", "imagenet", False),
        (None, "imagenet", False),
    ],
)
def test_sources_seen_in_pretraining_are_told(weights: str, source: str, told: bool) -> None:
    metrics = measure(per_source={source: GOOD})
    limits = list_limits(make_card(metrics=metrics, training={"weights": weights}))
    assert any("may be too good" in sentence for sentence in limits) == told


def test_figures_that_also_chose_are_called_so() -> None:
    limits = list_limits(make_card(metrics={"validation": {"top1": GOOD}}))
    assert "may be too good" in limits[0]


def test_kinds_that_are_confused_most_are_named() -> None:
    kinds = {"bun / red": GOOD, "berry-pie / blue_berry": POOR, "ice-cream / green": GOOD}
    metrics = measure() | {"validation": {"top1": GOOD, "per_kind": kinds}}
    words = find(list_limits(make_card(metrics=metrics)), "Of what validation pictures show")
    assert "berry pie (20 of 100 (20.0%" in words
    assert words.index("berry pie") < words.index("bun (2 of 100") < words.index("ice cream (")
    alone = {"validation": {"top1": GOOD, "per_kind": {"bun / red": GOOD}}}
    assert not any("Of what" in line for line in list_limits(make_card(metrics=alone)))


def test_of_many_groups_those_with_few_pictures_are_left_out() -> None:
    few, many = Rate(**FEW), Rate(**GOOD)
    some = {"a": few, "b": many}
    assert leave_out_few(some) == some
    assert leave_out_few({str(n): few for n in range(12)} | {"b": many}) == {"b": many}


def test_what_was_not_measured_is_said() -> None:
    limits = list_limits(make_card())
    assert limits[0] == "How often it is right has not been measured."
    assert limits[-1].startswith("Not measured: how reliable “Not sure” is; how many out-of")


def test_trust_tells_its_limits() -> None:
    coverage = {
        "red": {"rate": POOR, "low": 0.9, "high": 0.99},
        "green": {"rate": GOOD, "low": 0.9, "high": 0.99},
    }
    trust = {
        "certainty": {"test": {"coverage": coverage}},
        "outsiders": {"found": GOOD, "kinds": {"noise": GOOD, "X-ray": POOR}},
        "corruptions": {"none": FEW, "blur": POOR, "dark": GOOD},
    }
    limits = list_limits(make_card(metrics=measure(), trust=trust))
    off = find(limits, "95% sets")
    assert "Red 80.0% (expected 90.0–99.0%)" in off
    assert "Green" not in off
    assert "most often X-ray (20.0%)" in find(limits, "out-of-distribution pictures, 2 of 100")
    found = find(limits, "corruptions that were tried")
    assert "blur made it wrong most often: 20 of 100" in found
    assert "as they are, 5 of 10" in found
    assert not any(sentence.startswith("Not measured") for sentence in limits)


def test_where_nothing_is_ever_unfamiliar_it_is_a_limit() -> None:
    trust = {"outsiders": {"n": 600, "others": 40, "auroc": 0.9}}
    assert NEVER_UNFAMILIAR in list_limits(make_card(metrics=measure(), trust=trust))
    found = {"outsiders": {"found": GOOD, "kinds": {}}}
    assert NEVER_UNFAMILIAR not in list_limits(make_card(metrics=measure(), trust=found))
    assert NEVER_UNFAMILIAR not in list_limits(make_card(metrics=measure()))


def test_groups_are_written_as_people_do() -> None:
    assert name_group("a_b / hot_dog") == "a_b / hot dog"
    assert name_group("hot_dog") == "hot dog"
