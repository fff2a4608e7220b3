import json
import shutil
from pathlib import Path
from typing import Any

import onnx
import pytest

from inference.cards import parse_card, read_card
from inference.catalog import Catalog
from inference.classifier import Classifier
from inference.errors import UserInputError
from inference.probes import make_probe
from labelling.taught import inspect_version, list_taught, may_travel, take_in
from tests.labelling.packed import teach


def copy_version(tmp_path: Path, folder: Path) -> Path:
    """Return a copy that may be moved away, as an unpacked bundle's is."""
    target = tmp_path / "unpacked" / "models" / folder.parent.name / folder.name
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target)
    return target


def test_a_number_that_was_used_here_is_changed_everywhere(tmp_path: Path) -> None:
    data = tmp_path / "data"
    catalog = Catalog(tmp_path / "exported", data)
    teach(data, "pets", 3, created="2026-01-01T00:00:00+00:00")
    catalog.publish("pets", 3)
    stranger = teach(tmp_path / "origin", "pets", 3, created="2026-02-02T00:00:00+00:00")
    wanted = Classifier(stranger, "cpu").predict([make_probe(40, 30, 1)])[0]
    taught = inspect_version(copy_version(tmp_path, stranger))
    told = take_in(taught, catalog, data)
    assert told == ("pets version 3 was added as version 4 and is not in use until you publish it.")
    assert catalog.read_current("pets") == 3
    taken = catalog.find("pets", 4)
    card = read_card(taken)
    assert (card.version, card.created) == (4, "2026-02-02T00:00:00+00:00")
    network = onnx.load(taken / "model.onnx")
    onnx.checker.check_model(network)
    (inner,) = (prop.value for prop in network.metadata_props if prop.key == "card")
    assert parse_card(inner) == card
    found = Classifier(taken, "cpu").predict([make_probe(40, 30, 1)])[0]
    assert (found.version, found.probabilities) == (4, wanted.probabilities)
    again = inspect_version(copy_version(tmp_path, stranger))
    assert take_in(again, catalog, data) == "pets version 3 is here already, as version 4."
    assert list(catalog.list_versions("pets")) == [3, 4]


def test_a_number_that_was_ever_used_is_not_used_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    catalog = Catalog(tmp_path / "exported", data)
    for _ in range(3):
        catalog.reserve("pets")  # tried, and deleted
    stranger = teach(tmp_path / "origin", "pets", 2)
    take_in(inspect_version(copy_version(tmp_path, stranger)), catalog, data)
    assert list(catalog.list_versions("pets")) == [4]
    assert catalog.reserve("pets")[1] == 5


def test_a_taught_network_goes_before_the_one_that_ships(tmp_path: Path) -> None:
    data = tmp_path / "data"
    catalog = Catalog(tmp_path / "exported", data)
    shipped = teach(tmp_path, "pets", 1)
    (tmp_path / "models").rename(tmp_path / "exported")
    assert catalog.read_current("pets") == 1
    assert list_taught(catalog) == []
    stranger = teach(tmp_path / "origin", "pets", 2, created="later")
    take_in(inspect_version(copy_version(tmp_path, stranger)), catalog, data)
    assert catalog.read_current("pets") == 2
    assert list_taught(catalog) == [("pets", 2, data / "models" / "pets" / "2")]
    assert shipped.name == "1"


def edit_card(folder: Path, **changes: Any) -> None:
    card = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(card | changes))


def test_a_card_that_names_another_version_is_refused(tmp_path: Path) -> None:
    folder = teach(tmp_path, "pets", 1)
    for changes in ({"model": "../x", "version": 1}, {"model": "pets", "version": 2}):
        edit_card(folder, **changes)
        with pytest.raises(UserInputError, match="The card of pets version 1 says"):
            inspect_version(folder)
    edit_card(folder, version="1")
    with pytest.raises(UserInputError):
        inspect_version(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 9},
        {"thresholds": {"x": 1}},
        {"class_names": 3},
        {"class_names": ["a", "b", 3]},
        {"class_names": ["a", "b", "c\n"]},
        {"files": [1]},
        {"files": {"memory.npz": "x"}},
    ],
    ids=str,
)
def test_cards_that_are_not_ours_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    folder = teach(tmp_path, "pets", 1)
    edit_card(folder, **changes)
    with pytest.raises(UserInputError):
        inspect_version(folder)


def test_a_network_that_gives_no_answer_is_refused(tmp_path: Path) -> None:
    folder = teach(tmp_path, "pets", 1)
    good = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(b"\x08\x00\x00\x00ORTM" + good)
    with pytest.raises(UserInputError, match="gives no answer"):
        inspect_version(folder)
    (folder / "model.onnx").write_bytes(b"junk" * 99)
    with pytest.raises(UserInputError, match="gives no answer"):
        inspect_version(folder)
    (folder / "model.onnx").write_bytes(good)
    edit_card(folder, class_names=["one", "two"])
    with pytest.raises(UserInputError, match="gives no answer"):
        inspect_version(folder)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("model.onnx", True),
        ("comparison.json", False),
        ("report/confusion.png", True),
        ("report/report.html", False),
        ("report/../x.png", False),
        ("report/.hidden.png", False),
        ("model.onnx.data", False),
        ("current", False),
        ("x/model.onnx", False),
        ("model.onnx\n", False),
    ],
)
def test_files_that_travel_are_named(name: str, wanted: bool) -> None:
    assert may_travel(name) == wanted
