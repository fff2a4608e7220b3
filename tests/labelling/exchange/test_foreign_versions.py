import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import onnx
import pytest

from inference.classifier import Classifier
from inference.errors import UserInputError
from inference.versions.cards import parse_card, read_card
from inference.versions.catalog import Catalog
from inference.versions.probes import make_probe
from labelling.exchange.foreign_versions import (
    _is_answer,
    inspect_version,
    list_taught,
    may_travel,
    take_in,
)
from tests.inference.tiny_versions import make_card
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


@pytest.mark.parametrize("is_named", [True, False])
def test_prose_that_the_card_does_not_name_stays_outside(tmp_path: Path, is_named: bool) -> None:
    prose = b"# Pets"
    stranger = teach(tmp_path / "origin", "pets", 1)
    (stranger / "README.md").write_bytes(prose)
    if is_named:
        edit_card(stranger, files={"README.md": hashlib.sha256(prose).hexdigest()})
    catalog = Catalog(tmp_path / "exported", tmp_path / "data")
    take_in(inspect_version(copy_version(tmp_path, stranger)), catalog, tmp_path / "data")
    assert (catalog.find("pets") / "README.md").is_file() == is_named
    if is_named:
        (stranger / "README.md").write_text("# Pets, 100% right")
        with pytest.raises(UserInputError, match="missing or changed"):
            inspect_version(stranger)


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
        {"thresholds": {"conformal": 3}},
        {"training": {"minutes": "soon"}},
        {"input": {"geometry": "x"}},
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
    edit_card(folder, class_names=["one", "two"], probes=[])
    with pytest.raises(UserInputError, match="gives no answer"):
        inspect_version(folder)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("model.onnx", True),
        ("README.md", True),
        ("report/README.md", False),
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


def break_network(folder: Path, expression: str) -> None:
    """Let a network of three classes add something to its logits, computed from the picture."""
    network = onnx.load(folder / "model.onnx")
    added = onnx.parser.parse_graph(
        "tiny (float[N, 3] logits, uint8[N, H, W, 3] image) => (float[N, 3] found) {"
        f"{expression} found = Add (logits, bad) broken = Softmax <axis = -1> (found) }}"
    )
    (last,) = [node for node in network.graph.node if "probabilities" in node.output]
    network.graph.node.remove(last)
    network.graph.node.extend([*added.node])
    network.graph.node[-1].output[0] = "probabilities"
    onnx.save(network, folder / "model.onnx")


@pytest.mark.parametrize(
    "expression",
    [
        "less = Constant <value_floats = [-1.0, -1.0, -1.0]> () bad = Log (less)",
        # log 1 for a picture of 64 x 48, log 0 for all others; infinity less itself is NaN
        "size = Shape <start = 1, end = 3> (image) known = Constant <value_ints = [48, 64]> () "
        "same = Equal (size, known) ones = Cast <to = 1> (same) "
        "one = ReduceMin <keepdims = 0> (ones) far = Log (one) bad = Sub (far, far)",
    ],
    ids=["always", "sizes"],
)
def test_a_network_whose_answers_are_no_numbers_is_refused(tmp_path: Path, expression: str) -> None:
    folder = teach(tmp_path, "pets", 1)
    break_network(folder, expression)
    with pytest.raises(UserInputError, match="gives no answer"):
        inspect_version(folder)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([0.2, 0.3, 0.5], True),
        ([0.2, 0.3, 0.5004], True),
        ([0.2, 0.3, 0.6], False),
        ([0.0, 0.0, 0.0], False),
        ([-0.5, 0.5, 1.0], False),
        ([float("nan"), 0.0, 1.0], False),
        ([float("inf"), 0.0, 1.0], False),
        ([0.5, 0.5], False),
    ],
)
def test_answers_are_probabilities_of_the_classes(values: list[float], wanted: bool) -> None:
    card = make_card()
    assert _is_answer(dict(zip(card.class_names, values, strict=False)), card) == wanted
