import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from inference.errors import UserInputError
from inference.versions.cards import Card, InputGeometry, read_card, write_card
from inference.versions.catalog import Catalog
from labelling.exchange.strangers import check_version, hash_backbone, read_foreign_card
from tests.inference.tiny_versions import make_card, make_network
from tests.labelling.project_files import write_memory
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


def nest(depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(depth):
        found = {"a": found}
    return found


def check(folder: Path, **changes: Any) -> Card:
    """Read a card that was changed in ways that ours never are."""
    text = json.dumps({**json.loads(write_card(make_card())), **changes})
    (folder / "model.json").write_text(text)
    card = read_foreign_card(folder, "colours version 1")
    check_version(folder, card, "colours version 1")
    return card


def change_input(**changes: Any) -> dict[str, Any]:
    return {"input": InputGeometry().model_dump() | changes}


def test_cards_of_ours_pass(tmp_path: Path, exported: Path) -> None:
    shipped = Catalog(exported).find("hotdog")
    check_version(shipped, read_card(shipped), "hotdog version 1")
    measured = {"top1": RATE, "per_class": {"red": RATE}, "ece": 0.1, "confusion": [[1, 2, 3]] * 3}
    check(
        tmp_path, metrics={"test": measured}, catch_all="red", parent={"model": "x", "version": 1}
    )
    check(
        tmp_path,
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
    (tmp_path / "README.md").write_text("# Colours")
    check(tmp_path)


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
def test_cards_of_others_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(UserInputError, match="The card of colours version 1 is not as ours"):
        check(tmp_path, **changes)


def test_endless_prose_is_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_bytes(b"a" * 4_000_001)
    with pytest.raises(UserInputError, match="The card of colours version 1 is not as ours"):
        check(tmp_path)


def test_memories_of_ours_pass(tmp_path: Path) -> None:
    check(tmp_path)
    write_memory(tmp_path / "memory.npz")
    check(tmp_path)
    write_memory(tmp_path / "memory.npz", sha256=None, group=None)
    check(tmp_path)


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
def test_memories_of_others_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    write_memory(tmp_path / "memory.npz", **changes)
    with pytest.raises(UserInputError, match="The memory of colours version 1 is not as ours"):
        check(tmp_path)


def test_damaged_and_huge_memories_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "memory.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(UserInputError, match="memory"):
        check(tmp_path)
    write_memory(tmp_path / "memory.npz")
    monkeypatch.setattr("labelling.exchange.strangers._MAX_MEMORY", 100)
    with pytest.raises(UserInputError, match="memory"):
        check(tmp_path)


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
def test_files_of_cards_are_bounded(tmp_path: Path, libraries: str) -> None:
    text = write_card(make_card(licence="REST"))
    (tmp_path / "model.json").write_text(text.replace('"REST"', libraries))
    with pytest.raises(UserInputError, match="The card of colours version 1 is not as ours"):
        read_foreign_card(tmp_path, "colours version 1")
    (tmp_path / "model.json").write_bytes(b"\xff\xfe")
    with pytest.raises(UserInputError, match="The card of colours version 1 is not as ours"):
        read_foreign_card(tmp_path, "colours version 1")


def test_what_passes_can_be_shown(tmp_path: Path) -> None:
    """What the page draws of a card never fails on one that was taken in."""
    card = check(
        tmp_path,
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
