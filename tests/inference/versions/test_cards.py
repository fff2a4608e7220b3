"""A card survives its JSON text; what is not a card is refused in a sentence."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from inference.errors import UserInputError
from inference.versions.cards import (
    FORMAT,
    GEOMETRIES,
    InputGeometry,
    Rate,
    Thresholds,
    name_for_display,
    parse_card,
    read_card,
    write_card,
)
from inference.versions.catalog import Catalog
from tests.inference.tiny_versions import make_card

RATE = {"correct": 9, "n": 10, "value": 0.9, "low": 0.6, "high": 0.98}


def test_card_survives_its_text() -> None:
    card = make_card(
        class_names=("jalapeño", "日本", "not_hot_dog"),
        input=InputGeometry(
            size=192,
            geometry=GEOMETRIES[1],
            crop_ratio=0.9,
            mean=(0.1, 0.2, 0.3),
            std=(0.4, 0.5, 0.6),
        ),
        thresholds=Thresholds(spreads={"jalapeño": 1.25}, unfamiliar=0.375),
        catch_all="not_hot_dog",
        parent={"model": "colours", "version": 3},
        metrics={"test": {"top1": RATE}},
        trust={"certainty": {"test": {"unsure": RATE}}, "corruptions": {"noise": RATE}},
        training={"kind": "head", "lr": 0.1, "shares": {"1": 0.97}, "corrections": None},
        files={"memory.npz": "00ff"},
    )
    text = write_card(card)
    assert parse_card(text) == card
    assert "jalapeño" in text
    assert json.loads(text)["format"] == FORMAT


def test_defaults_survive_their_text() -> None:
    assert parse_card(write_card(make_card())) == make_card()


def test_card_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        make_card().version = 2  # type: ignore[misc]


def _change(**changes: object) -> str:
    return json.dumps({**json.loads(write_card(make_card())), **changes})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '"card"',
        "null",
        "7",
        json.dumps({"format": FORMAT}),
        _change(input={"side": 3}),
        _change(input=None),
        _change(input=5),
        _change(thresholds=[1]),
        _change(class_names=None),
    ],
)
def test_what_is_no_card_is_refused(text: str) -> None:
    with pytest.raises(UserInputError, match=r"^This is not a model card: .*Export the model anew"):
        parse_card(text)


def test_what_a_later_release_added_is_ignored() -> None:
    assert parse_card(_change(unknown_field=1)) == parse_card(_change())
    later = {"corruptions": {"noise": RATE | {"later": 1}}, "later": [1]}
    assert parse_card(_change(trust=later)).trust.corruptions["noise"].n == 10


def test_names_of_earlier_releases_are_read() -> None:
    outsiders = {"n": 10, "others": 9, "auroc": 0.9, "found": RATE, "kinds": {}}
    text = _change(trust={"outsiders": outsiders}, training={"kind": "quick", "minutes": 1})
    card = parse_card(text)
    assert card.training.kind == "head"
    assert card.trust.out_of_distribution is not None
    assert card.trust.out_of_distribution.detected == Rate(**RATE)
    assert parse_card(write_card(card)) == card
    assert parse_card(_change(training={"kind": "deep"})).training.kind == "finetune"


def test_cards_that_ship_are_read(exported: Path) -> None:
    for folder in Catalog(exported).list_versions("hotdog").values():
        card = read_card(folder)
        assert parse_card(write_card(card)) == card
        assert card.training.settings["epochs"] == 14


def test_other_format_names_both() -> None:
    with pytest.raises(UserInputError, match=rf"format 99; .* format {FORMAT}\. Use the release"):
        parse_card(_change(format=99))


def test_folder_without_card(tmp_path: Path) -> None:
    with pytest.raises(UserInputError, match=r"holds no model\.json"):
        read_card(tmp_path)


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("not_hot_dog", "Not hot dog"),
        ("hot_dog", "Hot dog"),
        ("BMW", "BMW"),
        ("éclair", "Éclair"),
        ("", ""),
        ("_", ""),
        ("日本", "日本"),
    ],
)
def test_name_for_display(label: str, shown: str) -> None:
    assert name_for_display(label) == shown
