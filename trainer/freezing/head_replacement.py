"""Replacing the head of a frozen graph: weights in the file are replaced, nothing is exported.

An export through PyTorch takes 14 s; this takes a fraction of one, and is proved in NumPy.
"""

from collections.abc import Sequence

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import numpy_helper
from scipy.special import softmax

from inference.errors import UserInputError
from trainer.head.regression import Head

_WEIGHT, _BIAS, _TEMPERATURE, _CLASSES = "head_weight", "head_bias", "temperature", "num_classes"
_TOLERANCE = 1e-3  # of a logit
_OUTPUTS = ["probabilities", "logits", "embedding", "heatmap"]


class HeadReplacementError(RuntimeError):
    """The graph does not compute what its new head does: no version is made."""


def read_head(network: onnx.ModelProto) -> Head:
    """Return the head of a frozen graph.

    Raises: UserInputError for a graph that was frozen by another program.
    """
    values = {
        initializer.name: numpy_helper.to_array(initializer)
        for initializer in network.graph.initializer
        if initializer.name in (_WEIGHT, _BIAS, _TEMPERATURE, _CLASSES)
    }
    if len(values) != 4:
        raise UserInputError(
            "This model has no head that can be replaced. Start from one that this program froze."
        )
    return Head(values[_WEIGHT], values[_BIAS])


def replace_head(network: onnx.ModelProto, head: Head, temperature: float) -> onnx.ModelProto:
    """Return the graph with another head, of any number of classes, and without its card."""
    classes = len(head.bias)
    values: dict[str, NDArray[np.generic]] = {
        _WEIGHT: head.weight.astype(np.float32),
        _BIAS: head.bias.astype(np.float32),
        _TEMPERATURE: np.array(temperature, dtype=np.float32),
        _CLASSES: np.array([classes], dtype=np.int64),
    }
    replaced = onnx.ModelProto()
    replaced.CopyFrom(network)
    del replaced.metadata_props[:]
    for initializer in replaced.graph.initializer:
        if initializer.name in values:
            named = numpy_helper.from_array(values[initializer.name], initializer.name)
            initializer.CopyFrom(named)
    _forget_shapes(replaced.graph, len(read_head(network).bias), classes)
    return replaced


def prove(
    network: ort.InferenceSession,
    parent: ort.InferenceSession,
    images: Sequence[NDArray[np.uint8]],
    head: Head,
    temperature: float,
) -> float:
    """Compute in NumPy what the head does, and compare it with the graph's own outputs.

    Returns the largest difference of a logit.
    Raises: HeadReplacementError where they differ, or the embedding is not the parent's.
    """
    worst = 0.0
    for image in images:
        given = {"image": image[None]}
        found, logits, embedding, heatmap = network.run(_OUTPUTS, given)
        expected = head.score(embedding)
        gaps = (
            np.abs(logits - expected).max(),
            np.abs(found - softmax(expected / temperature, axis=1)).max(),
            np.abs(heatmap.mean((2, 3)) + head.bias - logits).max(),
            np.abs(embedding - parent.run(["embedding"], given)[0]).max(),
        )
        worst = max(worst, *(float(gap) for gap in gaps))
    if not worst <= _TOLERANCE:
        raise HeadReplacementError(
            f"The graph's outputs are {worst:.5f} off those of its new head."
        )
    return worst


def replace_checkpoint_head(
    weights: dict[str, NDArray[np.generic]], old: Head, new: Head
) -> dict[str, NDArray[np.generic]]:
    """Return a checkpoint's tensors with a new head where the old one stands, by any name.

    Raises: HeadReplacementError where it is not found.
    """
    swaps = ((old.weight, new.weight), (old.bias, new.bias))
    changed = dict(weights)
    for before, after in swaps:
        names = [name for name, value in weights.items() if np.array_equal(value, before)]
        if not names:
            raise HeadReplacementError("The checkpoint does not hold the head of its graph.")
        changed |= {name: after.astype(np.float32) for name in names}
    return changed


def _forget_shapes(graph: onnx.GraphProto, before: int, classes: int) -> None:
    """Change the number of classes in the outputs, and drop the shapes that depend on it."""
    touched = {_WEIGHT, _BIAS, _TEMPERATURE, _CLASSES}
    for node in graph.node:
        if touched & set(node.input):
            touched |= set(node.output)
    noted = [value for value in graph.value_info if value.name not in touched]
    del graph.value_info[:]
    graph.value_info.extend(noted)
    for output in graph.output:
        dimensions = output.type.tensor_type.shape.dim
        if output.name in touched and dimensions[1].dim_value == before:
            dimensions[1].dim_value = classes
