from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from inference.cards import Thresholds, read_card
from inference.errors import UserInputError
from inference.versions import find_version
from labelling.strangers import check_version, hash_backbone
from tests.inference.tiny_versions import make_card, make_network
from tests.labelling.packed import write_memory
from trainer.grafting import graft
from trainer.heads import Head

RATE = {"correct": 9, "n": 10, "value": 0.9, "low": 0.6, "high": 0.98}


def check(folder: Path, **changes: Any) -> None:
    check_version(folder, make_card(**changes), "colours version 1")


def test_cards_of_ours_pass(tmp_path: Path, exported: Path) -> None:
    shipped = find_version(exported, "hotdog")
    check_version(shipped, read_card(shipped), "hotdog version 1")
    measured = {"top1": RATE, "per_class": {"red": RATE}, "ece": 0.1, "confusion": [[1, 2]]}
    check(tmp_path, metrics={"test": measured}, catch_all="red", parent={"model": "x"})


@pytest.mark.parametrize(
    "changes",
    [
        {"temperature": 0},
        {"temperature": float("nan")},
        {"temperature": "<b>"},
        {"temperature": True},
        {"thresholds": Thresholds({"red": float("inf")})},
        {"thresholds": Thresholds({}, unfamiliar="far")},  # type: ignore[arg-type]
        {"class_names": ("red", "red", "blue")},
        {"class_names": ("red",)},
        {"catch_all": "yellow"},
        {"parent": "hotdog"},
        {"licence": ["<script>"]},
        {"backbone_sha256": 3},
        {"data": []},
        {"metrics": {"test": {}}},
        {"metrics": {"test": [RATE]}},
        {"metrics": {"test": {"top1": RATE | {"n": "<script>"}}}},
        {"metrics": {"test": {"top1": RATE, "ece": None}}},
        {"metrics": {"test": {"top1": RATE, "per_group": {"a": 1}}}},
        {"metrics": {"test": {"top1": RATE, "per_class": [1]}}},
        {"metrics": {"test": {"top1": RATE, "confusion": [["<script>"]]}}},
    ],
    ids=str,
)
def test_cards_of_others_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(UserInputError, match="The card of colours version 1 is not as ours"):
        check(tmp_path, **changes)


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
    monkeypatch.setattr("labelling.strangers._MAX_MEMORY", 100)
    with pytest.raises(UserInputError, match="memory"):
        check(tmp_path)


def test_backbone_is_known_by_what_it_computes(exported: Path, tmp_path: Path) -> None:
    path = find_version(exported, "hotdog") / "model.onnx"
    known = hash_backbone(path)
    network = onnx.load(path)
    head = Head(np.ones((5, 1280), np.float32), np.zeros(5, np.float32))
    onnx.save(graft(network, head, 0.5), tmp_path / "head.onnx")
    assert hash_backbone(tmp_path / "head.onnx") == known
    weights = next(i for i in network.graph.initializer if len(i.dims) == 4)
    changed = numpy_helper.to_array(weights) * 1.01
    weights.CopyFrom(numpy_helper.from_array(changed.astype(np.float32), weights.name))
    onnx.save(network, tmp_path / "backbone.onnx")
    assert hash_backbone(tmp_path / "backbone.onnx") != known
    (tmp_path / "tiny.onnx").write_bytes(make_network())
    assert hash_backbone(tmp_path / "tiny.onnx") != known
