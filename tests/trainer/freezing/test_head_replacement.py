from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from safetensors.numpy import load_file
from scipy.special import softmax

from inference.errors import UserInputError
from inference.providers import open_session
from tests.inference.tiny_versions import make_network
from tests.trainer.drawn import draw
from trainer.freezing.head_replacement import (
    HeadReplacementError,
    prove,
    read_head,
    replace_checkpoint_head,
    replace_head,
)
from trainer.freezing.version_folder import Version
from trainer.head.regression import Head

IMAGES = [np.asarray(draw("discs", 1)), np.asarray(draw("stripes", 2, size=120))]


def make_head(network: onnx.ModelProto, classes: int) -> Head:
    rng = np.random.default_rng(0)
    width = read_head(network).weight.shape[1]
    weight = rng.normal(size=(classes, width)).astype(np.float32)
    return Head(weight, rng.normal(size=classes).astype(np.float32))


@pytest.fixture
def network(drawn_version: Version) -> onnx.ModelProto:
    return onnx.load(drawn_version.folder / "model.onnx")


@pytest.mark.parametrize("classes", [2, 3, 100])
def test_graph_computes_what_its_new_head_does(
    network: onnx.ModelProto, drawn_version: Version, classes: int, tmp_path: Path
) -> None:
    head = make_head(network, classes)
    replaced = replace_head(network, head, 0.7)
    path = tmp_path / "model.onnx"
    onnx.save(replaced, path)
    onnx.checker.check_model(str(path), full_check=True)
    session, parent = open_session(path), open_session(drawn_version.folder / "model.onnx")
    assert prove(session, parent, IMAGES, head, 0.7) < 1e-4
    found, embedding, heatmap = session.run(
        ["probabilities", "embedding", "heatmap"], {"image": IMAGES[0][None]}
    )
    assert found[0] == pytest.approx(softmax(head.score(embedding) / 0.7, axis=1)[0], abs=1e-5)
    assert heatmap.shape[1] == classes
    assert [output.shape[1] for output in session.get_outputs()[:2]] == [classes, classes]


def test_new_head_leaves_the_backbone_and_drops_the_card(network: onnx.ModelProto) -> None:
    replaced = replace_head(network, make_head(network, 5), 1.0)
    assert not replaced.metadata_props
    assert network.metadata_props
    changed = {
        before.name
        for before, after in zip(network.graph.initializer, replaced.graph.initializer, strict=True)
        if not np.array_equal(numpy_helper.to_array(before), numpy_helper.to_array(after))
    }
    assert changed == {"head_weight", "head_bias", "temperature", "num_classes"}


def test_wrong_head_is_detected(network: onnx.ModelProto, drawn_version: Version) -> None:
    session = open_session(replace_head(network, make_head(network, 3), 1.0).SerializeToString())
    parent = open_session(drawn_version.folder / "model.onnx")
    head = make_head(network, 3)
    other = Head(head.weight, head.bias + 0.01)
    with pytest.raises(HeadReplacementError, match="off those of its new head"):
        prove(session, parent, IMAGES, other, 1.0)
    with pytest.raises(HeadReplacementError):
        prove(session, parent, IMAGES, head, 1.1)


def test_graph_of_another_program_is_refused() -> None:
    with pytest.raises(UserInputError, match="no head that can be replaced"):
        read_head(onnx.load_from_string(make_network()))


def test_checkpoint_gets_the_new_head_by_its_values(
    network: onnx.ModelProto, drawn_version: Version
) -> None:
    weights = load_file(drawn_version.folder / "checkpoint.safetensors")
    head = make_head(network, 4)
    found = replace_checkpoint_head(weights, read_head(network), head)
    assert {name for name in weights if found[name] is not weights[name]} == {
        "classifier.weight",
        "classifier.bias",
    }
    assert (found["classifier.weight"] == head.weight).all()
    with pytest.raises(HeadReplacementError, match="does not hold the head"):
        replace_checkpoint_head(weights, head, head)
