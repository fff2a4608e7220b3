"""The frozen model as one ONNX graph: preprocessing, backbone and head joined.

The two ends are written as ONNX text, since torch.export cannot trace a crop whose size depends
on the image; the backbone comes from PyTorch.
"""

import warnings
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import compose, numpy_helper, parser
from torch import Tensor, nn

from inference.geometry import ROUNDING
from inference.versions.cards import InputGeometry
from trainer.finetuning.backbones import compute_features, get_head

OPSET = 20
IR_VERSION = 10
_HALF = "_as_float16"  # ends the names of kernels that are stored so
_HEADER = f'<ir_version: {IR_VERSION}, opset_import: ["" : {OPSET}]>'

# Crops the uint8 image first: scaling first takes gigabytes on a 1 x 5000 image.
_CROP = """
    shape = Shape <start: int = 1, end: int = 3> (image)
    shorter = ReduceMin <keepdims = 1> (shape)
    shorter_float = Cast <to = 1> (shorter)
    scaled = Mul (shorter_float, crop_ratio)
    lowered = Sub (scaled, rounding)
    ceiled = Ceil (lowered)
    atleast = Max (ceiled, one_float)
    side = Cast <to = 7> (atleast)
    sides = Concat <axis = 0> (side, side)
    region = CenterCropPad <axes = [1, 2]> (image, sides)
"""
_WHOLE = "region = Identity (image)\n"
_FIT = """
    shape = Shape <start: int = 1, end: int = 3> (image)
    shape_float = Cast <to = 1> (shape)
    longer = ReduceMax <keepdims = 1> (shape_float)
    scale = Div (size_float, longer)
    exact = Mul (shape_float, scale)
    half_up = Add (exact, half)
    floored = Floor (half_up)
    fitted = Max (floored, one_float)
    resized_sides = Cast <to = 7> (fitted)
"""
_FILL = "resized_sides = Identity (square)\n"
_RESIZE = """
    batch = Shape <start: int = 0, end: int = 1> (image)
    planes = Transpose <perm = [0, 3, 1, 2]> (region)
    values = Cast <to = 1> (planes)
    sizes = Concat <axis = 0> (batch, three, resized_sides)
    resized = Resize <mode = "cubic", antialias = 1, cubic_coeff_a = -0.5> (values, , , sizes)
    clipped = Clip (resized, low, high)
    multiplied = Mul (clipped, factor)
    normalised = Sub (multiplied, offset)
    padded = CenterCropPad <axes = [2, 3]> (normalised, square)
    pixels = Reshape (padded, pixels_shape)
"""


class _Features(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        return compute_features(self.model, pixels)


def build_graph(model: nn.Module, geometry: InputGeometry, temperature: float) -> onnx.ModelProto:
    """Return the whole frozen network: `image` → probabilities, logits, embedding, heatmap."""
    head = get_head(model)
    weight = head.weight.detach().cpu().numpy()  # type: ignore[union-attr,operator]
    bias = head.bias.detach().cpu().numpy()  # type: ignore[union-attr,operator]
    backbone = export_backbone(model, geometry.size)
    front = compose.merge_models(
        build_preprocess(geometry),
        backbone,
        io_map=[("pixels", "backbone_pixels")],
        outputs=["backbone_features"],
    )
    graph = compose.merge_models(
        front, build_head(weight, bias, temperature), io_map=[("backbone_features", "features")]
    )
    # Joined, it names the operator set once for each part, which quantisers stumble over.
    del graph.opset_import[:]
    graph.opset_import.append(onnx.helper.make_opsetid("", OPSET))
    graph.producer_name = "teachable-picture-classifier"
    _halve_kernels(graph.graph)
    onnx.checker.check_model(graph, full_check=True)
    return graph


def set_temperature(graph: onnx.ModelProto, temperature: float) -> None:
    """Replace the temperature in a frozen graph."""
    for initializer in graph.graph.initializer:
        if initializer.name == "temperature":
            initializer.CopyFrom(numpy_helper.from_array(np.float32(temperature), "temperature"))


def build_preprocess(geometry: InputGeometry) -> onnx.ModelProto:
    """Return the graph from an image (N, H, W, 3) uint8 to pixels (N, 3, S, S) float32."""
    size = geometry.size
    parts = {
        "crop": _CROP + _FILL + _RESIZE,
        "squash": _WHOLE + _FILL + _RESIZE,
        "pad": _WHOLE + _FIT + _RESIZE,
    }
    model = parser.parse_model(
        f"{_HEADER} preprocess (uint8[N, H, W, 3] image) "
        f"=> (float[N, 3, {size}, {size}] pixels) {{ {parts[geometry.geometry]} }}"
    )
    std = np.array(geometry.std, dtype=np.float32)
    mean = np.array(geometry.mean, dtype=np.float32)
    constants: dict[str, NDArray[Any]] = {
        "crop_ratio": np.array([geometry.crop_ratio], dtype=np.float32),
        "rounding": np.array([ROUNDING], dtype=np.float32),
        "one_float": np.array([1], dtype=np.float32),
        "half": np.array([0.5], dtype=np.float32),
        "size_float": np.array([size], dtype=np.float32),
        "square": np.array([size, size], dtype=np.int64),
        "three": np.array([3], dtype=np.int64),
        "pixels_shape": np.array([-1, 3, size, size], dtype=np.int64),
        "low": np.array(0, dtype=np.float32),
        "high": np.array(255, dtype=np.float32),
        "factor": (1 / (255 * std))[None, :, None, None].astype(np.float32),
        "offset": (mean / std)[None, :, None, None].astype(np.float32),
    }
    _add_constants(model, constants)
    return model


def build_head(
    weight: NDArray[np.float32], bias: NDArray[np.float32], temperature: float
) -> onnx.ModelProto:
    """Return the graph from a feature map (N, D, h, w) to the four outputs.

    `weight` (C, D), `bias` (C,). They and `temperature` are initializers of these names, so that
    a new head can be put into a frozen file without PyTorch.
    """
    classes, width = weight.shape
    model = parser.parse_model(
        f"{_HEADER} head (float[N, {width}, h, w] features) => (float[N, {classes}] probabilities, "
        f"float[N, {classes}] logits, float[N, {width}] embedding, "
        f"float[N, {classes}, h, w] heatmap) {{"
        """
        embedding = ReduceMean <keepdims = 0> (features, spatial_axes)
        logits = Gemm <transB = 1> (embedding, head_weight, head_bias)
        cooled = Div (logits, temperature)
        probabilities = Softmax <axis = -1> (cooled)
        flat = Reshape (features, flat_shape)
        flat_map = MatMul (head_weight, flat)
        grid = Shape <start: int = 2, end: int = 4> (features)
        map_batch = Shape <start: int = 0, end: int = 1> (features)
        map_shape = Concat <axis = 0> (map_batch, num_classes, grid)
        heatmap = Reshape (flat_map, map_shape)
        }"""
    )
    constants: dict[str, NDArray[Any]] = {
        "head_weight": weight.astype(np.float32),
        "head_bias": bias.astype(np.float32),
        "temperature": np.array(temperature, dtype=np.float32),
        "spatial_axes": np.array([2, 3], dtype=np.int64),
        "flat_shape": np.array([0, 0, -1], dtype=np.int64),
        "num_classes": np.array([classes], dtype=np.int64),
    }
    _add_constants(model, constants)
    return model


def export_backbone(model: nn.Module, size: int) -> onnx.ModelProto:
    """Return PyTorch's graph from `backbone_pixels` to `backbone_features`, any batch size."""
    was_training = model.training
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter deprecates parts of itself
        program = torch.onnx.export(
            _Features(model).eval().cpu(),
            (torch.zeros(2, 3, size, size),),
            input_names=["backbone_pixels"],
            output_names=["backbone_features"],
            dynamic_shapes={"pixels": {0: torch.export.Dim("batch")}},
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    assert program is not None  # it is None only without dynamo
    model.train(was_training)
    exported: onnx.ModelProto = program.model_proto
    exported.ir_version = IR_VERSION
    del exported.metadata_props[:]
    for node in exported.graph.node:  # stack traces of this machine's paths, two megabytes of them
        del node.metadata_props[:]
        node.doc_string = ""
    return exported


def restore_kernels(graph: onnx.GraphProto) -> None:
    """Store convolution kernels as float32, as quantisers expect them."""
    halves = {node.input[0] for node in graph.node if node.op_type == "Cast"}
    for initializer in graph.initializer:
        if initializer.name in halves and initializer.data_type == onnx.TensorProto.FLOAT16:
            kernel = numpy_helper.to_array(initializer).astype(np.float32)
            name = initializer.name.removesuffix(_HALF)
            initializer.CopyFrom(numpy_helper.from_array(kernel, name))
    nodes = [n for n in graph.node if n.op_type != "Cast" or not n.input[0].endswith(_HALF)]
    del graph.node[:]
    graph.node.extend(nodes)


def _halve_kernels(graph: onnx.GraphProto) -> None:
    """Store convolution kernels as float16, cast to float32 when a session is made.

    That halves the file; the runtime computes with float32 as before, in the same time. A kernel
    beyond what float16 holds stays as it is.
    """
    kernels = {node.input[1] for node in graph.node if node.op_type == "Conv"}
    casts = []
    for initializer in graph.initializer:
        kernel = numpy_helper.to_array(initializer)
        if initializer.name in kernels and np.abs(kernel).max() < np.finfo(np.float16).max:
            name, half = initializer.name, f"{initializer.name}{_HALF}"
            initializer.CopyFrom(numpy_helper.from_array(kernel.astype(np.float16), half))
            casts.append(onnx.helper.make_node("Cast", [half], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _add_constants(model: onnx.ModelProto, constants: dict[str, NDArray[Any]]) -> None:
    used = {name for node in model.graph.node for name in node.input}
    for name, value in constants.items():
        if name in used:
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
