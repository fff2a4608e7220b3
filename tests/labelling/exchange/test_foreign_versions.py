"""Versions from elsewhere: what passes, what is refused, and what is written into their cards."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from inference.classifier import Classifier
from inference.errors import UserInputError
from inference.versions.cards import Card, InputGeometry, parse_card, read_card, write_card
from inference.versions.catalog import Catalog
from inference.versions.probes import make_probe
from labelling.exchange.foreign_versions import (
    check_files,
    hash_backbone,
    inspect_version,
    is_prediction,
    may_travel,
    read_foreign_card,
    rename_version,
)
from tests.inference.tiny_versions import CLASS_NAMES, make_card, make_network, put_card
from tests.labelling.project_files import teach, write_memory
from trainer.cards.model_card import draft_model_card
from trainer.freezing.head_replacement import replace_head
from trainer.head.regression import Head
from web.frame import count_images, describe_training
from web.model.tab import draw_contract, draw_summary

RATE = {"correct": 9, "n": 10, "value": 0.9, "low": 0.6, "high": 0.98}
COVERED = {"rate": RATE, "low": 0.9, "high": 0.99}
TRUST = {
    "certainty": {"<i>": {"coverage": {"<b>": COVERED}, "unsure": RATE, "sure_right": RATE}},
    "outsiders": {"n": 9, "auroc": 0.97, "found": RATE, "kinds": {"<b>": RATE}},
    "corruptions": {"<u>": RATE},
    "later": [1],
}
PROBE = {"height": 9, "width": 8, "seed": 0, "probabilities": [0.2, 0.3, 0.5]}


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
def test_readme_that_the_card_does_not_name_stays_outside(tmp_path: Path, is_named: bool) -> None:
    readme = b"# Pets"
    folder = teach(tmp_path, "pets", 1)
    (folder / "README.md").write_bytes(readme)
    if is_named:
        files = {"README.md": hashlib.sha256(readme).hexdigest()}
        put_card(folder, read_card(folder).model_copy(update={"files": files}))
    rename_version(inspect_version(folder), "animals")
    assert (folder / "README.md").is_file() == is_named


def test_readme_that_was_changed_is_refused(tmp_path: Path) -> None:
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


def test_a_network_that_does_not_predict_is_refused(tmp_path: Path) -> None:
    folder = teach(tmp_path, "pets", 1)
    good = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(b"\x08\x00\x00\x00ORTM" + good)
    with pytest.raises(UserInputError, match="does not predict"):
        inspect_version(folder)
    (folder / "model.onnx").write_bytes(b"junk" * 99)
    with pytest.raises(UserInputError, match="does not predict"):
        inspect_version(folder)
    (folder / "model.onnx").write_bytes(good)
    edit_card(folder, class_names=["one", "two"], probes=[])
    with pytest.raises(UserInputError, match="does not predict"):
        inspect_version(folder)


@pytest.mark.parametrize(
    ("name", "travels"),
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
def test_files_that_travel_are_named(name: str, travels: bool) -> None:
    assert may_travel(name) == travels


def break_network(folder: Path, expression: str) -> None:
    """Let a network of three classes add something to its logits, computed from the image."""
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
        # log 1 for an image of 64 x 48, log 0 for all others; infinity less itself is NaN
        "size = Shape <start = 1, end = 3> (image) known = Constant <value_ints = [48, 64]> () "
        "same = Equal (size, known) ones = Cast <to = 1> (same) "
        "one = ReduceMin <keepdims = 0> (ones) far = Log (one) bad = Sub (far, far)",
    ],
    ids=["always", "sizes"],
)
def test_a_network_that_predicts_no_numbers_is_refused(tmp_path: Path, expression: str) -> None:
    folder = teach(tmp_path, "pets", 1)
    break_network(folder, expression)
    with pytest.raises(UserInputError, match="does not predict"):
        inspect_version(folder)


@pytest.mark.parametrize(
    ("values", "expected"),
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
def test_predictions_are_probabilities_of_the_classes(values: list[float], expected: bool) -> None:
    probabilities = dict(zip(CLASS_NAMES, values, strict=False))
    assert is_prediction(probabilities, CLASS_NAMES) == expected


# Cards, memories and backbones


def nest(depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(depth):
        found = {"a": found}
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of version 1 of the model `colours`, empty."""
    made = tmp_path / "colours" / "1"
    made.mkdir(parents=True)
    return made


def check(folder: Path, **changes: Any) -> Card:
    """Read a card that was changed in ways that ours never are."""
    text = json.dumps({**json.loads(write_card(make_card())), **changes})
    (folder / "model.json").write_text(text)
    card = read_foreign_card(folder)
    check_files(folder, card)
    return card


def change_input(**changes: Any) -> dict[str, Any]:
    return {"input": InputGeometry().model_dump() | changes}


def test_cards_of_ours_pass(folder: Path, exported: Path) -> None:
    shipped = Catalog(exported).find("hotdog")
    check_files(shipped, read_foreign_card(shipped))
    measured = {"top1": RATE, "per_class": {"red": RATE}, "ece": 0.1, "confusion": [[1, 2, 3]] * 3}
    check(folder, metrics={"test": measured}, catch_all="red", parent={"model": "x", "version": 1})
    check(
        folder,
        training={"minutes": 1.5, "seconds": 90, "device": "cpu", "shares": {"1": 0.9}},
        data={"counts": {"train": {"red": 3}, "locked": {}}, "left_out": 0},
        thresholds={
            "conformal": {"red": 0.5, "green": 0.4, "blue_berry": 0.3},
            "unfamiliar": 0.2,
        },
        libraries={"numpy": "2.4.6"},
        probes=[PROBE],
        trust=TRUST,
    )
    (folder / "README.md").write_text("# Colours")
    check(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"temperature": 0},
        {"temperature": float("nan")},
        {"temperature": "<b>"},
        {"temperature": True},
        {"thresholds": {"conformal": {"red": float("inf"), "green": 1, "blue_berry": 1}}},
        {"thresholds": {"unfamiliar": "far"}},
        {"thresholds": {"neighbour": 0}},
        {"thresholds": {"neighbour": 1.5}},
        {"thresholds": {"ceiling": float("nan")}},
        {"thresholds": {"spreads": {"red": 0.0}}},
        {"thresholds": {"spreads": {"mauve": 1.5}}},
        {"thresholds": {"spreads": [1.5]}},
        {"class_names": ("red", "red", "blue")},
        {"class_names": ("red",)},
        {"catch_all": "yellow"},
        {"parent": "hotdog"},
        {"licence": ["<script>"]},
        {"backbone_sha256": 3},
        {"data": {"remembered": "soon"}},
        {"data": {"remembered": {"train": {"a": 1}}}},
        {"data": {"calibrating": {"red": "many"}}},
        {"data": []},
        {"metrics": {"test": {}}},
        {"metrics": {"test": [RATE]}},
        {"metrics": {"test": {"top1": RATE | {"n": "<script>"}}}},
        {"metrics": {"test": {"top1": RATE, "ece": "0.1"}}},
        {"metrics": {"test": {"top1": RATE, "per_group": {"a": 1}}}},
        {"metrics": {"test": {"top1": RATE, "per_class": [1]}}},
        {"metrics": {"test": {"top1": RATE, "confusion": [["<script>"] * 3] * 3}}},
        {"metrics": {"test": {"top1": RATE, "confusion": []}}},
        {"metrics": {"test": {"top1": RATE, "confusion": [[1], [1, 2, 3, 4], [1, 2, 3]]}}},
        {"metrics": {"test": {"top1": RATE, "confusion": [[1, 2, 3.5]] * 3}}},
        {"trust": [RATE]},
        {"trust": {"certainty": [RATE]}},
        {"trust": {"certainty": {"test": RATE | {"unsure": "<b>"}}}},
        {"trust": {"certainty": {"test": {"coverage": {"red": RATE}}}}},
        {"trust": {"certainty": {"test": {"coverage": {"red": COVERED | {"low": "0"}}}}}},
        {"trust": {"outsiders": 3}},
        {"trust": {"outsiders": {"auroc": "<b>"}}},
        {"trust": {"outsiders": {"found": {"n": 3}}}},
        {"trust": {"outsiders": {"kinds": {"noise": 0.5}}}},
        {"trust": {"corruptions": {"blur": 0.5}}},
        {"temperature": 10**400},
        {"version": True},
        {"training": {"minutes": "soon"}},
        {"training": {"minutes": [1]}},
        {"training": {"minutes": float("nan")}},
        {"training": {"minutes": -1}},
        {"training": {"seconds": "soon"}},
        {"training": {"device": ["cpu"]}},
        {"training": {"kind": {"a": 1}}},
        {"training": {"lr": 10**400}},
        {"data": {"counts": "many"}},
        {"data": {"counts": {"train": 3}}},
        {"data": {"counts": {"train": {"red": {"a": 1}}}}},
        {"data": {"counts": {"train": {"red": 10**400}}}},
        {"data": {"counts": {"train": {"red": 0.5}}}},
        change_input(geometry="x"),
        change_input(geometry=["crop"]),
        change_input(size="224"),
        change_input(size=10**9),
        change_input(size=0),
        change_input(crop_ratio=0),
        change_input(crop_ratio=float("nan")),
        change_input(mean=(0.5, 0.5)),
        change_input(mean="abc"),
        change_input(std=(0, 0.5, 0.5)),
        change_input(interpolation=3),
        {"thresholds": {"conformal": 3}},
        {"thresholds": {"conformal": {"red": 0.5}}},
        {"thresholds": {"conformal": {"red": 0.5, "green": 0.5, "blue_berry": 0.5, "x": 0.5}}},
        {"probes": "many"},
        {"probes": [3]},
        {"probes": [PROBE | {"height": 10**6}]},
        {"probes": [PROBE | {"seed": "0"}]},
        {"probes": [PROBE | {"probabilities": [0.5, 0.5]}]},
        {"probes": [PROBE] * 100},
        {"libraries": {"a": {"b": "c"}}},
        {"libraries": nest(90)},
        {"libraries": nest(900)},
        {"data": nest(90)},
        {"training": nest(90)},
        {"data": nest(900)},
        {"data": {"a": [0] * 300_000}},
        {"licence": "a" * 20_000},
        {"licence": "\ud800"},
        {"parent": {"\ud800": 1}},
        {"parent": {"model": "x", "version": float("inf")}},
        {"files": {"memory.npz": 3}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_cards_of_others_are_refused(folder: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(UserInputError, match="The card of colours version 1 is not one that"):
        check(folder, **changes)


def test_endless_readme_is_refused(folder: Path) -> None:
    (folder / "README.md").write_bytes(b"a" * 4_000_001)
    with pytest.raises(UserInputError, match=r"The README\.md of colours version 1 is not"):
        check(folder)


def test_memories_of_ours_pass(folder: Path) -> None:
    check(folder)
    write_memory(folder / "memory.npz")
    check(folder)
    write_memory(folder / "memory.npz", sha256=None, group=None)
    check(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"embeddings": None},
        {"is_val": None},
        {"embeddings": np.ones((4, 3), np.int64)},
        {"embeddings": np.ones((4, 3, 1), np.float16)},
        {"embeddings": np.full((4, 3), np.nan, np.float16)},
        {"embeddings": np.ones((5, 3), np.float16)},
        {"targets": np.array([0, 1, 2, 3])},
        {"targets": np.array([0, 1, 2, -2])},
        {"targets": np.ones(4)},
        {"is_val": np.zeros(4, np.int64)},
        {"group": np.array([b"\xff"] * 4)},
        {"group": np.array([{}] * 4)},
        {"group": np.array("a")},
    ],
    ids=lambda changes: f"{next(iter(changes))}-{next(iter(changes.values()))!r:.40}",
)
def test_memories_of_others_are_refused(folder: Path, changes: dict[str, Any]) -> None:
    write_memory(folder / "memory.npz", **changes)
    with pytest.raises(UserInputError, match="The memory of colours version 1 is not one that"):
        check(folder)


def test_damaged_and_huge_memories_are_refused(folder: Path) -> None:
    (folder / "memory.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(UserInputError, match="memory"):
        check(folder)
    write_memory(folder / "memory.npz")
    card = check(folder)
    with pytest.raises(UserInputError, match="memory"):
        check_files(folder, card, max_memory=100)


def test_backbone_is_known_by_what_it_computes(exported: Path, tmp_path: Path) -> None:
    path = Catalog(exported).find("hotdog") / "model.onnx"
    known = hash_backbone(path)
    network = onnx.load(path)
    head = Head(np.ones((5, 1280), np.float32), np.zeros(5, np.float32))
    onnx.save(replace_head(network, head, 0.5), tmp_path / "head.onnx")
    assert hash_backbone(tmp_path / "head.onnx") == known
    weights = next(i for i in network.graph.initializer if len(i.dims) == 4)
    changed = numpy_helper.to_array(weights) * 1.01
    weights.CopyFrom(numpy_helper.from_array(changed.astype(np.float32), weights.name))
    onnx.save(network, tmp_path / "backbone.onnx")
    assert hash_backbone(tmp_path / "backbone.onnx") != known
    (tmp_path / "tiny.onnx").write_bytes(make_network())
    assert hash_backbone(tmp_path / "tiny.onnx") != known


@pytest.mark.parametrize(
    "libraries",
    ["[" * 100_000, "9" * 5000, '"' + "a" * 5_000_000 + '"'],
    ids=["deep", "long", "big"],
)
def test_files_of_cards_are_bounded(folder: Path, libraries: str) -> None:
    text = write_card(make_card(licence="REST"))
    (folder / "model.json").write_text(text.replace('"REST"', libraries))
    with pytest.raises(UserInputError, match="The card of colours version 1 is not one that"):
        read_foreign_card(folder)
    (folder / "model.json").write_bytes(b"\xff\xfe")
    with pytest.raises(UserInputError, match="The card of colours version 1 is not one that"):
        read_foreign_card(folder)


def test_what_passes_can_be_shown(folder: Path) -> None:
    """What the page draws of a card never fails on one that was added."""
    card = check(
        folder,
        training={"minutes": 1e15, "device": "\u202e<b>", "outcome": [[{}], None]},
        data={"counts": {"<b>": {"<i>": 5}, "val": {}}, "x": [[{"a": ["b"]}]]},
        metrics={"<u>": {"top1": RATE, "confusion": [[1, 2, 3]] * 3, "per_class": {"": RATE}}},
        parent={"model": "<b>", "version": 1},
        created="",
        trust=TRUST,
    )
    assert describe_training(card.training)[0].endswith("hours")
    assert count_images(card.data.counts) == 5
    shown = draw_summary(card) + draw_contract(card)
    text = draft_model_card(card, [])
    assert not re.search(r"(?<!\\)<[biu]", shown + text.partition("\n---\n")[2])
    assert "later" not in text
