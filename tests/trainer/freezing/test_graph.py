import numpy as np
import onnx
import pytest
import torch

from inference.providers import open_session
from inference.versions.cards import GEOMETRIES, InputGeometry
from tests.trainer.drawn import BACKBONE, draw
from trainer.data.preprocess import preprocess
from trainer.finetuning.backbones import create_backbone
from trainer.freezing.graph import (
    OPSET,
    build_graph,
    build_preprocess,
    restore_kernels,
    set_temperature,
)

SIZES = [(64, 64), (300, 201), (201, 300), (57, 33), (640, 480)]


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    torch.manual_seed(0)
    return create_backbone(BACKBONE, 3).eval()


@pytest.fixture(scope="module")
def graph(model: torch.nn.Module) -> onnx.ModelProto:
    return build_graph(model, InputGeometry(size=64), temperature=1.5)


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_graph_preprocesses_as_pytorch_does(geometry: str, height: int, width: int) -> None:
    settings = InputGeometry(size=64, geometry=geometry)
    image = np.asarray(draw("discs", 3, 200).resize((width, height)))
    session = open_session(build_preprocess(settings).SerializeToString())
    found = session.run(None, {"image": image[None]})[0][0]
    grey_levels = np.abs(found - preprocess(image, settings).numpy()) * 127.5
    assert grey_levels.mean() < 0.2
    assert grey_levels.max() < 16  # at the edges only, where the libraries' filters differ


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 5000), (5000, 1)])
def test_extreme_shapes_give_finite_pixels(geometry: str, height: int, width: int) -> None:
    settings = InputGeometry(size=64, geometry=geometry)
    session = open_session(build_preprocess(settings).SerializeToString())
    image = np.full((1, height, width, 3), 200, dtype=np.uint8)
    found = session.run(None, {"image": image})[0]
    assert found.shape == (1, 3, 64, 64)
    assert np.isfinite(found).all()


def test_outputs_are_consistent(model: torch.nn.Module, graph: onnx.ModelProto) -> None:
    session = open_session(graph.SerializeToString())
    images = np.stack([np.asarray(draw("stripes", seed, 80).resize((80, 90))) for seed in range(3)])
    names = ["probabilities", "logits", "embedding", "heatmap"]
    probabilities, logits, embedding, heatmap = session.run(names, {"image": images})
    head = model.get_classifier()
    weight, bias = head.weight.detach().numpy(), head.bias.detach().numpy()
    assert np.allclose(probabilities, torch.softmax(torch.tensor(logits) / 1.5, 1), atol=1e-5)
    assert np.allclose(embedding @ weight.T + bias, logits, atol=1e-4)
    assert np.allclose(heatmap.mean((2, 3)) + bias, logits, atol=1e-4)


def test_kernels_alone_are_stored_as_float16(graph: onnx.ModelProto) -> None:
    kernels = {node.input[1] for node in graph.graph.node if node.op_type == "Conv"}
    kinds = {value.name: value.data_type for value in graph.graph.initializer}
    halves = {name for name, kind in kinds.items() if kind == onnx.TensorProto.FLOAT16}
    assert halves == {f"{name}_as_float16" for name in kernels}
    assert kinds["factor"] == kinds["head_weight"] == onnx.TensorProto.FLOAT


def test_kernels_are_restored_to_the_same_predictions(graph: onnx.ModelProto) -> None:
    restored = onnx.ModelProto()
    restored.CopyFrom(graph)
    restore_kernels(restored.graph)
    onnx.checker.check_model(restored, full_check=True)
    assert len(restored.SerializeToString()) > 1.5 * len(graph.SerializeToString())
    assert {v.data_type for v in restored.graph.initializer if len(v.dims) == 4} == {
        onnx.TensorProto.FLOAT
    }
    image = np.asarray(draw("discs", 1))[None]
    one, other = (
        open_session(g.SerializeToString()).run(["logits"], {"image": image})[0]
        for g in (graph, restored)
    )
    assert np.array_equal(one, other)


def test_temperature_is_replaced(graph: onnx.ModelProto) -> None:
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    set_temperature(copy, 9.0)
    image = np.asarray(draw("discs", 1))[None]
    asked = ["probabilities", "logits"]
    before, logits = open_session(graph.SerializeToString()).run(asked, {"image": image})
    after, same = open_session(copy.SerializeToString()).run(asked, {"image": image})
    assert np.array_equal(logits, same)
    assert np.allclose(after, torch.softmax(torch.tensor(logits) / 9.0, 1), atol=1e-5)
    assert not np.array_equal(before, after)


def test_graph_uses_standard_operators_and_names_nothing_of_this_machine(
    graph: onnx.ModelProto,
) -> None:
    assert [(entry.domain, entry.version) for entry in graph.opset_import] == [("", OPSET)]
    assert {node.domain for node in graph.graph.node} == {""}
    assert b"site-packages" not in graph.SerializeToString()
