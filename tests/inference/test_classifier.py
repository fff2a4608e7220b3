"""One frozen version, asked in every way; with a network small enough to know its answers."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from inference.classifier import Classifier, find_min_side
from inference.errors import UserInputError
from inference.versions.cards import InputGeometry, Thresholds
from tests.inference.tiny_versions import BIAS, CLASS_NAMES, write_version


def paint(colour: tuple[int, int, int], height: int = 8, width: int = 12) -> np.ndarray:
    return np.full((height, width, 3), colour, dtype=np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_version(tmp_path / "1")


def test_answer(folder: Path) -> None:
    found = Classifier(folder, "cpu").predict([paint((0, 255, 0))])[0]
    logits = np.array([0, 10, 0]) + BIAS
    expected = np.exp(logits) / np.exp(logits).sum()
    assert found.label == "green"
    assert list(found.probabilities) == ["green", "red", "blue_berry"]
    for name, value in zip(CLASS_NAMES, expected, strict=True):
        assert found.probabilities[name] == pytest.approx(value, abs=1e-6)
    assert (found.model, found.version, found.provider) == ("colours", 1, "cpu")
    assert found.certainty == "sure"
    assert found.milliseconds > 0
    assert found.heatmap.shape == (3, 8, 12)
    np.testing.assert_allclose(found.heatmap.mean((1, 2)) + BIAS, logits, atol=1e-5)


def test_answers_are_in_the_order_given(folder: Path) -> None:
    images = [paint((0, 0, 255)), paint((255, 0, 0), 1, 1), paint((0, 255, 0), 3, 50)]
    labels = [found.label for found in Classifier(folder, "cpu").predict(iter(images))]
    assert labels == ["blue_berry", "red", "green"]


def test_no_picture_no_answer(folder: Path) -> None:
    assert Classifier(folder, "cpu").predict([]) == []


def test_threads_share_a_classifier(folder: Path) -> None:
    classifier = Classifier(folder, "cpu")
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)] * 20
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda colour: classifier.predict([paint(colour)])[0], colours))
    assert [prediction.label for prediction in found] == list(CLASS_NAMES) * 20


def test_json_keeps_the_order_and_the_heatmap_only_if_asked(folder: Path) -> None:
    found = Classifier(folder, "cpu").predict([paint((0, 255, 0), 2, 2)])[0]
    plain = json.loads(json.dumps(found.to_json()))
    assert list(plain) == [
        "label",
        "probabilities",
        "certainty",
        "model",
        "version",
        "provider",
        "milliseconds",
    ]
    assert list(plain["probabilities"]) == ["green", "red", "blue_berry"]
    assert sum(plain["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    heatmap = json.loads(json.dumps(found.to_json(with_heatmap=True)))["heatmap"]
    np.testing.assert_allclose(heatmap, found.heatmap, atol=1e-4)


def test_memory_makes_the_unfamiliar_known(tmp_path: Path) -> None:
    folder = write_version(tmp_path / "1", thresholds=Thresholds(unfamiliar=0.1))
    reds = np.array([[10, 0, 0], [9, 1, 0]], dtype=np.float16)
    np.savez(folder / "memory.npz", embeddings=reds)
    classifier = Classifier(folder, "cpu")
    red, green = classifier.predict([paint((255, 0, 0)), paint((0, 255, 0))])
    assert (red.certainty, green.certainty) == ("sure", "unfamiliar")
    assert green.label == "green"


def test_memory_is_measured_as_the_card_says(tmp_path: Path) -> None:
    """Twenty reds and one green of one class: the second nearest of a green is a red."""
    thresholds = {
        "nearest": Thresholds(unfamiliar=0.1),
        "second": Thresholds(unfamiliar=0.1, neighbour=2),
    }
    rows = np.array([[10, 0, 0]] * 20 + [[0, 10, 0]], dtype=np.float16)
    found = {}
    for name, limits in thresholds.items():
        folder = write_version(tmp_path / name, thresholds=limits)
        np.savez(folder / "memory.npz", embeddings=rows, targets=np.zeros(21, np.int16))
        found[name] = Classifier(folder, "cpu").predict([paint((0, 255, 0))])[0].certainty
    assert found == {"nearest": "sure", "second": "unfamiliar"}


def test_empty_memory_is_none(tmp_path: Path) -> None:
    folder = write_version(tmp_path / "1", thresholds=Thresholds(unfamiliar=0.0))
    np.savez(folder / "memory.npz", embeddings=np.zeros((0, 3), np.float16))
    assert Classifier(folder, "cpu").predict([paint((0, 255, 0))])[0].certainty == "sure"


def test_without_memory_nothing_is_unfamiliar(tmp_path: Path) -> None:
    classifier = Classifier(
        write_version(tmp_path / "1", thresholds=Thresholds(unfamiliar=0.0)), "cpu"
    )
    assert classifier.predict([paint((0, 255, 0))])[0].certainty == "sure"


def test_memory_is_never_unpickled(folder: Path) -> None:
    np.savez(folder / "memory.npz", embeddings=np.array([{"a": 1}], dtype=object))
    with pytest.raises(UserInputError, match=r"memory\.npz .* is damaged") as found:
        Classifier(folder, "cpu")
    assert "allow_pickle" in str(found.value.__cause__)


@pytest.mark.parametrize("name", ["model.json", "model.onnx"])
def test_folder_without_a_part(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(UserInputError, match=f"holds no {name}"):
        Classifier(folder, "cpu")


def test_probes_are_not_asked_of_the_cpu(tmp_path: Path) -> None:
    """The CPU wrote them; another version of onnxruntime on it must not lock people out."""
    probes = [{"height": 4, "width": 4, "seed": 0, "probabilities": [0.0, 0.0, 1.0]}]
    assert Classifier(write_version(tmp_path / "1", probes=probes), "cpu").provider == "cpu"


@pytest.mark.parametrize(
    ("probabilities", "words"),
    [
        (None, None),
        ([0.0, 0.0, 1.0], "differ by 0.[0-9]+ from those of the CPU"),
    ],
)
def test_wrong_probe_is_named(
    tmp_path: Path, probabilities: list[float] | None, words: str | None
) -> None:
    changes = {}
    if probabilities:
        changes["probes"] = [{"height": 4, "width": 4, "seed": 0, "probabilities": probabilities}]
    classifier = Classifier(write_version(tmp_path / "1", **changes), "cpu")
    found = classifier.find_wrong_probe(classifier.session)
    if words is None:
        assert found is None
    else:
        assert found is not None
        assert re.search(words, found)


def test_provider_that_answers_no_numbers_is_wrong(tmp_path: Path) -> None:
    nothing = SimpleNamespace(run=lambda *_: [np.full((1, 3), np.nan)])
    classifier = Classifier(write_version(tmp_path / "1"), "cpu")
    assert "differ by nan" in str(classifier.find_wrong_probe(nothing))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size", "ratio", "expected"), [(224, 0.875, 410), (224, 1.0, 358), (192, 0.9, 341)]
)
def test_min_side(size: int, ratio: float, expected: int) -> None:
    assert find_min_side(InputGeometry(size=size, crop_ratio=ratio)) == expected


def test_a_network_that_answers_no_numbers_is_named(tmp_path: Path) -> None:
    folder = write_version(tmp_path / "1", whole=False, probes=())
    network = onnx.load(folder / "model.onnx")
    (bias,) = (found for found in network.graph.initializer if found.name == "head_bias")
    bias.CopyFrom(numpy_helper.from_array(np.full(3, np.nan, np.float32), "head_bias"))
    onnx.save(network, folder / "model.onnx")
    with pytest.raises(UserInputError, match="Version 1 of colours is broken"):
        Classifier(folder, "cpu").predict([paint((0, 255, 0))])
