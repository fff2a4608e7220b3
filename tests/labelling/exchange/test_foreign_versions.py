import hashlib
import json
from pathlib import Path
from typing import Any

import onnx
import pytest

from inference.classifier import Classifier
from inference.errors import UserInputError
from inference.versions.cards import parse_card, read_card
from inference.versions.probes import make_probe
from labelling.exchange.foreign_versions import (
    _is_answer,
    inspect_version,
    may_travel,
    rename_version,
)
from labelling.exchange.strangers import hash_backbone
from tests.inference.tiny_versions import make_card
from tests.labelling.project_files import teach


def test_a_model_that_is_renamed_is_so_everywhere(tmp_path: Path) -> None:
    folder = teach(tmp_path, "pets", 3)
    before = Classifier(folder, "cpu").predict([make_probe(40, 30, 1)])[0]
    rename_version(inspect_version(folder), "animals")
    card = read_card(folder)
    assert (card.model, card.version) == ("animals", 3)
    assert card.backbone_sha256 == hash_backbone(folder / "model.onnx")
    network = onnx.load(folder / "model.onnx")
    onnx.checker.check_model(network)
    (inner,) = (prop.value for prop in network.metadata_props if prop.key == "card")
    assert parse_card(inner) == card
    after = Classifier(folder, "cpu").predict([make_probe(40, 30, 1)])[0]
    assert (after.model, after.probabilities) == ("animals", before.probabilities)


@pytest.mark.parametrize("is_named", [True, False])
def test_prose_that_the_card_does_not_name_stays_outside(tmp_path: Path, is_named: bool) -> None:
    prose = b"# Pets"
    folder = teach(tmp_path, "pets", 1)
    (folder / "README.md").write_bytes(prose)
    if is_named:
        edit_card(folder, files={"README.md": hashlib.sha256(prose).hexdigest()})
    rename_version(inspect_version(folder), "animals")
    assert (folder / "README.md").is_file() == is_named


def test_prose_that_was_changed_is_refused(tmp_path: Path) -> None:
    folder = teach(tmp_path, "pets", 1)
    edit_card(folder, files={"README.md": hashlib.sha256(b"# Pets").hexdigest()})
    (folder / "README.md").write_text("# Pets, 100% right")
    with pytest.raises(UserInputError, match="missing or changed"):
        inspect_version(folder)


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
