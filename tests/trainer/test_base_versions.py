"""From which version a taught one starts."""

import hashlib
from pathlib import Path

import pytest

from inference.errors import UserInputError
from inference.versions.cards import read_card
from inference.versions.catalog import Catalog
from labelling.planned_classes import PlannedClasses, write_planned
from tests.inference.tiny_versions import make_card, put_card, write_version
from trainer.base_versions import find_base, find_catch_all


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    for model in ("berries", "hotdog", "colours"):
        write_version(tmp_path / "exported" / model / "1", model=model)
    return Catalog(tmp_path / "exported", tmp_path / "data")


def test_known_model_starts_from_what_is_in_use(catalog: Catalog) -> None:
    folder = catalog.reserve("colours")
    write_version(folder, version=int(folder.name))
    assert find_base(catalog, "colours") == catalog.exported / "colours" / "1"
    catalog.publish("colours", int(folder.name))
    assert find_base(catalog, "colours", "berries") == folder


def test_new_model_takes_the_shipped_backbone_or_the_one_named(catalog: Catalog) -> None:
    assert find_base(catalog, "pets") == catalog.exported / "hotdog" / "1"
    assert find_base(catalog, "pets", "berries") == catalog.exported / "berries" / "1"


def test_new_model_starts_from_what_ships_whatever_was_made_since(catalog: Catalog) -> None:
    folder = catalog.reserve("hotdog")
    write_version(folder, model="hotdog", version=int(folder.name))
    catalog.publish("hotdog", int(folder.name))
    assert find_base(catalog, "pets") == catalog.exported / "hotdog" / "1"
    folder = catalog.reserve("ours")
    write_version(folder, model="ours", version=int(folder.name))
    assert find_base(catalog, "pets", "ours") == folder


def test_catch_all_is_as_requested_as_before_or_as_planned(tmp_path: Path) -> None:
    names = ("hot_dog", "not_hot_dog")
    parent = make_card(model="hotdog", class_names=names, catch_all="not_hot_dog")
    write_planned(tmp_path, "pets", PlannedClasses(("cat", "none"), "none"))
    assert find_catch_all(parent, tmp_path, "pets", None) == "none"
    assert find_catch_all(parent, tmp_path, "pets", "dog") == "dog"
    assert find_catch_all(parent, tmp_path, "birds", None) is None
    assert find_catch_all(parent, tmp_path, "hotdog", None) == "not_hot_dog"


def test_without_hotdog_the_first_is_taken(tmp_path: Path) -> None:
    write_version(tmp_path / "zebras" / "1", model="zebras")
    assert find_base(Catalog(tmp_path), "pets") == tmp_path / "zebras" / "1"


@pytest.mark.parametrize(
    ("model", "origin", "words"),
    [("../pets", None, "cannot name"), ("pets", "lost", "There is no model named 'lost'")],
)
def test_wrong_names(catalog: Catalog, model: str, origin: str | None, words: str) -> None:
    with pytest.raises(UserInputError, match=words):
        find_base(catalog, model, origin)


def test_nothing_to_start_from(tmp_path: Path) -> None:
    with pytest.raises(UserInputError, match="no model to start from"):
        find_base(Catalog(tmp_path), "pets")


def test_nothing_is_trained_on_from_a_damaged_version(tmp_path: Path) -> None:
    folder = write_version(tmp_path / "hotdog" / "1", model="hotdog")
    weights = folder / "checkpoint.safetensors"
    weights.write_bytes(b"weights")
    named = {weights.name: hashlib.sha256(b"weights").hexdigest()}
    put_card(folder, read_card(folder).model_copy(update={"files": named}))
    catalog = Catalog(tmp_path)
    assert find_base(catalog, "hotdog") == folder
    weights.write_bytes(b"wrights")
    with pytest.raises(UserInputError, match=r"checkpoint\.safetensors .* is damaged"):
        find_base(catalog, "hotdog")
