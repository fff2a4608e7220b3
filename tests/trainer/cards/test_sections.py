from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
import typer.main

import trainer.__main__
from tests.inference.tiny_versions import make_card
from trainer.cards.sections import (
    escape,
    write_command,
    write_data,
    write_details,
    write_evaluation,
    write_licence,
    write_procedure,
    write_trust,
)
from trainer.evaluation.metrics import measure_rate
from trainer.evaluation.out_of_distribution import NEVER_UNFAMILIAR
from trainer.options import TrainOptions

GOOD = measure_rate(np.array([True] * 9 + [False]))
TRUST: dict[str, Any] = {
    "certainty": {
        "test": {
            "coverage": {"red": {"rate": GOOD, "low": 0.9, "high": 0.99}},
            "unsure": GOOD,
            "unfamiliar": GOOD,
            "sure_right": GOOD,
        }
    },
    "out_of_distribution": {"n": 10, "auroc": 0.971, "detected": GOOD, "kinds": {"noise": GOOD}},
    "corruptions": {"jpeg 20": GOOD},
}
SHARE = "90.0% (n = 10, 95% interval 59.6–98.2%)"


def test_trust_is_written_as_far_as_it_was_measured() -> None:
    assert write_trust(make_card()) == ""
    text = write_trust(make_card(trust=TRUST))
    assert f"| Red | {SHARE} | 90.0–99.0% |" in text
    assert f"answered with “Not sure”: {SHARE}" in text
    assert "0.971" in text
    assert f"| jpeg 20 | {SHARE} |" in text
    for key, value in TRUST.items():
        alone = write_trust(make_card(trust={key: value}))
        assert alone.count("### ") == 1
        assert alone in text


def test_where_nothing_is_ever_unfamiliar_it_is_written() -> None:
    trust = {"out_of_distribution": {"n": 10, "others": 9, "auroc": 0.971}}
    text = write_trust(make_card(trust=trust))
    assert NEVER_UNFAMILIAR in text
    assert "0.971" in text
    assert NEVER_UNFAMILIAR not in write_trust(make_card(trust=TRUST))


def test_whatever_a_split_lacks_is_left_out() -> None:
    text = write_trust(make_card(trust={"certainty": {"test": {"unsure": GOOD}}}))
    assert SHARE in text
    assert "|" not in text


def test_confusion_of_many_classes_is_left_to_its_plot() -> None:
    names = tuple(f"class {number}" for number in range(30))
    counts = np.eye(30, dtype=int).tolist()
    metrics = {"test": {"top1": GOOD, "confusion": counts}}
    text = write_evaluation(make_card(class_names=names, metrics=metrics), ["confusion"])
    assert "answered (columns)" not in text
    assert "(report/confusion.png)" in text


def test_data_are_counted_and_named_by_their_hash() -> None:
    data = {
        "counts": {"train": {"red": 1200, "green": 5}, "locked": {}},
        "remembered": {"train": 1428, "validation": 0},
        "sha256": "ab" * 32,
        "left_out": 3,
    }
    text = write_data(make_card(data=data))
    assert "| train | 1,200 | 5 | 0 |" in text
    assert "locked" not in text
    assert "1,428 train, 0 validation" in text
    assert "ab" * 32 in text
    assert "left\\_out: 3" in text
    assert write_data(make_card()) == ""


def test_every_setting_is_listed() -> None:
    text = write_procedure(make_card(training={"lr": 1.5e-4, "shares": {"1": 0.97}}))
    assert "| lr | 0.00015 |" in text
    assert "| shares 1 | 0.97 |" in text
    assert "| temperature | 1 |" in text


def test_parent_is_named() -> None:
    parent = {"model": "hotdog", "version": 1}
    assert "**Trained from:** hotdog, version 1" in write_details(make_card(parent=parent))
    assert "Trained from" not in write_details(make_card())


def test_licence_of_a_custom_version_is_its_parents() -> None:
    assert write_licence(make_card()).startswith("No licence")
    assert write_licence(make_card(licence="CC0.")) == "CC0."
    custom = write_licence(make_card(licence="CC0.", training={"kind": "quick"}))
    assert custom.startswith("Of the model that this one was trained from: CC0.")


def test_command_trains_such_a_network_anew() -> None:
    training = {"backbone": "a_net", "catch_all": "not hot", "epochs": 3, "lr": 0.1, "parity": 1}
    assert write_command(make_card(training=training)) == (
        "python -m trainer train PICTURES --model colours --backbone a_net --weights none "
        "--catch-all 'not hot' --epochs 3 --lr 0.1"
    )
    begun = make_card(training={"weights": "colours/1", "size": 64})
    assert write_command(begun).endswith("--weights colours/1 --size 64")
    for kind, name in (("quick", "head"), ("deep", "finetune")):
        command = write_command(make_card(training={"kind": kind}))
        assert command == f"python -m trainer {name} --model colours"


def test_settings_are_options_of_the_command() -> None:
    group = typer.main.get_command(trainer.__main__.app)
    known = {o for p in group.commands["train"].params for o in p.opts}  # type: ignore[attr-defined]
    options = TrainOptions("colours", weights="w", size=64)
    words = write_command(make_card(training=asdict(options))).split()
    assert {word for word in words if word.startswith("--")} <= known
    for pair in (("--weights", "w"), ("--size", "64"), ("--batch-size", "64")):
        assert words[words.index(pair[0]) + 1] == pair[1]


@pytest.mark.parametrize("text", ["a|b", "<b>", "[x](http://y)", "`code`", "a\nb", "# a", "![x]"])
def test_signs_of_markdown_are_escaped(text: str) -> None:
    found = escape(text)
    assert "\n" not in found
    for sign in "|<[`#!":
        assert found.count(sign) == found.count(f"\\{sign}")
