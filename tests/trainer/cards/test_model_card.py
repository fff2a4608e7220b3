"""`README.md` of a version, as the Hub and as people read it."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from huggingface_hub import ModelCard
from PIL import Image

from inference.images import decode
from inference.versions.cards import Card, read_card
from tests.inference.tiny_versions import make_card, make_network
from tests.web.pictures import CAT
from trainer.cards.model_card import (
    FILE,
    draft_model_card,
    find_base_model,
    find_licence,
    write_model_card,
)
from trainer.evaluation.metrics import measure
from trainer.freezing.version_folder import write_version

CLEAR = "The weights are Apache-2.0. They were trained on drawings."


def make_measured(**changes: Any) -> Card:
    """Make a card whose figures are measured on six images of two sources."""
    targets = np.array([0, 0, 1, 1, 2, 2])
    probabilities = np.eye(3)[[0, 1, 1, 1, 2, 2]] * 0.7 + 0.1
    found = measure(probabilities, targets, ["web", "phone"] * 3, ("red", "green", "blue_berry"))
    values = {"metrics": {"validation": found, "test": found}, "licence": CLEAR}
    return make_card(**{**values, **changes})


@pytest.fixture
def version_folder(tmp_path: Path) -> Path:
    """The folder of a tiny version, written as every version is."""
    (tmp_path / "report").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "report" / "confusion.png")
    write_version(tmp_path, onnx.load_from_string(make_network()), make_measured())
    return tmp_path


def test_hub_reads_it_without_asking_anyone(
    version_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr("socket.socket.connect", refuse)
    card = ModelCard.load(version_folder / FILE)
    data = card.data.to_dict()
    assert data["library_name"] == "onnx"
    assert data["pipeline_tag"] == "image-classification"
    assert data["license"] == "apache-2.0"
    assert "onnx" in data["tags"]
    assert card.text.strip().startswith("# Colours")


def test_accuracies_come_back_by_split_and_group(version_folder: Path) -> None:
    results = ModelCard.load(version_folder / FILE).data.eval_results
    found = {(r.dataset_split, r.dataset_config): r.metric_value for r in results}
    assert len(found) == len(results) == 2 * (1 + 3 + 2 + 6)
    assert found["test", "default"] == pytest.approx(5 / 6, abs=1e-4)
    assert found["test", "red"] == 0.5
    assert found["test", "phone / red"] == 0.0
    assert found["validation", "web / red"] == 1.0
    assert {r.metric_type for r in results} == {"accuracy"}
    assert {r.metric_name for r in results if r.dataset_config == "red"} == {"Accuracy (n = 2)"}


def test_its_hash_is_listed_with_the_others(version_folder: Path) -> None:
    expected = hashlib.sha256((version_folder / FILE).read_bytes()).hexdigest()
    assert read_card(version_folder).files[FILE] == expected


def test_snippet_answers(version_folder: Path) -> None:
    text = (version_folder / FILE).read_text(encoding="utf-8")
    (script,) = re.findall(r"```python\n(.*?)```", text, re.S)
    done = subprocess.run(
        [sys.executable, "-c", script, str(CAT)],
        cwd=version_folder,
        capture_output=True,
        text=True,
        check=True,
    )
    path, label, probability = done.stdout.strip().split("\t")
    mean = decode(CAT.read_bytes()).mean(axis=(0, 1)) / 255 * 10 + (0.5, 0.0, -0.5)
    shares = np.exp(mean - mean.max()) / np.exp(mean - mean.max()).sum()
    assert path == str(CAT)
    assert label == ("red", "green", "blue_berry")[shares.argmax()]
    assert float(probability) == pytest.approx(shares.max(), abs=2e-3)


def test_only_plots_that_exist_are_shown(version_folder: Path) -> None:
    text = (version_folder / FILE).read_text(encoding="utf-8")
    assert re.findall(r"!\[[^]]*\]\(([^)]*)\)", text) == ["report/confusion.png"]


def test_sections_come_in_the_order_of_the_format() -> None:
    titles = re.findall(
        r"^## (.*)$", draft_model_card(make_measured(data={"sha256": "ab"}), []), re.M
    )
    assert titles == [
        "Model details",
        "Uses",
        "How to use it",
        "Training data",
        "Training procedure",
        "Evaluation",
        "Limits",
        "Licence",
        "Reproduce it",
    ]  # fmt: skip  (nothing to trust was measured, so there is no Trust)


def test_card_that_measured_nothing_is_a_card_too(tmp_path: Path) -> None:
    write_model_card(tmp_path, make_card())
    card = ModelCard.load(tmp_path / FILE)
    assert card.data.eval_results is None
    assert card.data.get("license") is None
    assert "has not been measured" in card.text


def test_names_from_outside_break_neither_front_matter_nor_tables(tmp_path: Path) -> None:
    names = ("a|b", "---\nlicense: mit\n---", "<img src=x>")
    found = measure(np.eye(3), np.arange(3), ["web", "phone", "web"], names)
    card = make_card(class_names=names, metrics={"test": found}, licence="<script>")
    write_model_card(tmp_path, card)
    loaded = ModelCard.load(tmp_path / FILE)
    assert loaded.data.license == "other"
    assert not re.search(r"(?<!\\)<(img|script)", loaded.text)
    (row,) = [line for line in loaded.text.splitlines() if line.startswith("| A\\|b |")]
    assert len(re.findall(r"(?<!\\)\|", row)) == 5  # a table of three classes: four cells


@pytest.mark.parametrize(
    ("backbone", "weights", "expected"),
    [
        ("a_net", "a_net.in1k.safetensors", "timm/a_net.in1k"),
        ("a_net.in1k", "hub", "timm/a_net.in1k"),
        ("a_net", "hub", None),
        ("a_net", "checkpoint.safetensors", None),
        ("a_net", "other.in1k.safetensors", None),
        ("a_net", None, None),
    ],
)
def test_base_model_is_named_only_where_it_is_known(
    backbone: str, weights: str | None, expected: str | None
) -> None:
    card = make_card(backbone=backbone, training={"weights": weights})
    assert find_base_model(card) == expected


def test_base_model_of_what_was_trained_on_is_what_its_ancestor_began_with() -> None:
    training = {"weights": "a/1", "first_weights": "a_net.in1k.safetensors"}
    card = make_card(backbone="a_net", training=training)
    assert find_base_model(card) == "timm/a_net.in1k"


@pytest.mark.parametrize(
    ("licence", "kind", "expected"),
    [
        (CLEAR, None, "apache-2.0"),
        ("The weights are MIT, as is the code.", None, "mit"),
        ("The weights are MIT or something else.", None, "other"),
        ("Trained on CC0-1.0 drawings.", None, "other"),
        (CLEAR, "quick", "other"),  # of the parent's; what was taught since has no note
        ("", None, None),
    ],
)
def test_licence_is_named_only_where_it_is_clear(
    licence: str, kind: str | None, expected: str | None
) -> None:
    training = {"kind": kind} if kind else {}
    assert find_licence(make_card(licence=licence, training=training)).get("license") == expected
