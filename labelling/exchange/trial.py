"""One version from elsewhere, tried out in a process that may not take more than ours do.

`labelling.exchange.foreign_versions` starts it as `python -m labelling.exchange.trial FOLDER`. It
prints what the version answers as one line of JSON, or why it is refused. Only operators that
classifiers of images are exported to are run, without loops, branches or a size that depends on
what an image shows: so what a version costs for these images of all sizes, it costs for others.
"""

import json
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_MODEL = 300_000_000  # bytes of model.onnx; ours have 7 million
MAX_MEMORY = 2_000_000_000  # bytes of address space; ours take 800 million, Python included
MAX_SECONDS = 60  # of one core, for all of it; ours take two
MAX_IMAGE_SECONDS = 2.0  # of one core, for one image
GREEDY = f"asks for more than {MAX_MEMORY / 1e9:.0f} GB of memory or 2 seconds for a picture"
# Heights and widths, in pixels, that are always tried; as many more are chosen at random, so that
# no network can be made to answer these alone, and large ones.
_SIZES = ((48, 64), (224, 224), (300, 200))
_SIDES, _LARGE_SIDES = range(16, 800), range(1500, 3000)
_MAX_NODES = 50_000  # operators, their inputs and weights; ours have 300
# What image classifiers are exported to, each with the inputs whose values say how large its
# output is; for all others that follows from the shapes. Source: the operators of onnx 1.23.
_ELEMENTWISE = (
    "Abs Add And Cast CastLike Ceil Celu Clip Cos Div Elu Equal Erf Exp Floor Gelu Greater "
    "GreaterOrEqual HardSigmoid HardSwish Identity LeakyRelu Less LessOrEqual Log Max Mean Min "
    "Mish Mod Mul Neg Not Or PRelu Pow Reciprocal Relu Round Selu Sigmoid Sign Sin Softplus "
    "Softsign Sqrt Sub Sum Tanh Where Xor"
)
_LAYERS = (
    "AveragePool BatchNormalization Conv ConvTranspose Dropout Einsum Gemm GlobalAveragePool "
    "GlobalMaxPool GroupNormalization InstanceNormalization LRN LayerNormalization LogSoftmax "
    "LpNormalization MatMul MaxPool RMSNormalization Softmax"
)
_SHAPING = (
    "ArgMax Concat Constant DepthToSpace Flatten Gather GatherElements GatherND Shape Size "
    "SpaceToDepth Transpose"
)
_REDUCING = "ReduceL1 ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare"
_OPERATORS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(f"{_ELEMENTWISE} {_LAYERS} {_SHAPING}".split(), ()),
    **dict.fromkeys(_REDUCING.split(), (1,)),
    **{"CenterCropPad": (1,), "ConstantOfShape": (0,), "Expand": (1,), "Pad": (1, 3)},
    **{"Range": (0, 1, 2), "Reshape": (1,), "Resize": (1, 2, 3), "Slice": (1, 2, 3, 4)},
    **{"Split": (1,), "Squeeze": (1,), "Tile": (1,), "TopK": (1,), "Unsqueeze": (1,)},
}


def find_problem(model: Any) -> str | None:  # noqa: ANN401  (onnx.ModelProto)
    """Return what a model of ours never has, in words; None where there is nothing of that."""
    graph = model.graph
    if model.functions or any(node.domain not in ("", "ai.onnx") for node in graph.node):
        return "has operators that are not standard"
    if any(_holds_graph(node) for node in graph.node):
        return "has loops or branches"
    unknown = next((node.op_type for node in graph.node if node.op_type not in _OPERATORS), None)
    if unknown is not None:
        return f"has the operator {unknown!r:.40}, which no classifier of images needs"
    if any(value.data_location for value in graph.initializer):
        return "has weights outside its file"
    if sum(1 + len(node.input) for node in graph.node) + len(graph.initializer) > _MAX_NODES:
        return f"has more than {_MAX_NODES:,} operators and weights"
    return _find_unforeseen_size(graph)


def _find_unforeseen_size(graph: Any) -> str | None:  # noqa: ANN401  (onnx.GraphProto)
    """Follow what is computed from the image's colours; its shape alone may decide sizes."""
    from_image = {value.name for value in graph.input}
    known = {"", *from_image, *(value.name for value in graph.initializer)}
    for node in graph.node:
        if not known.issuperset(node.input):
            return "has operators that are not in their order"
        known.update(node.output)
        if node.op_type in ("Shape", "Size") or not from_image.intersection(node.input):
            continue
        deciding = (node.input[i] for i in _OPERATORS[node.op_type] if i < len(node.input))
        if from_image.intersection(deciding):
            return "makes something as large as the image's colours say"
        from_image |= set(node.output)
    return None


def _holds_graph(node: Any) -> bool:  # noqa: ANN401  (onnx.NodeProto)
    return any(value.HasField("g") or value.graphs for value in node.attribute)


def draw_images() -> Iterator[NDArray[np.uint8]]:
    """Yield images of known sizes and of sizes that nobody can foresee; then plain ones."""
    rng = np.random.default_rng(secrets.randbits(64))
    drawn = [(secrets.choice(_SIDES), secrets.choice(_SIDES)) for _ in _SIZES]
    large = (secrets.choice(_LARGE_SIDES), secrets.choice(_LARGE_SIDES))
    for height, width in (*_SIZES, *drawn, large, (3000, 16), (16, 3000)):
        yield rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    for colour in ((0, 0, 0), (255, 255, 255), rng.integers(0, 256, 3)):
        yield np.full((*drawn[0], 3), colour, np.uint8)


def try_out(folder: Path) -> dict[str, Any]:
    """Return `answers`, each image's probabilities by class, or the `problem`."""
    import onnx  # noqa: PLC0415  (after the limits)

    from inference.classifier import Classifier  # noqa: PLC0415

    problem = find_problem(onnx.load(folder / "model.onnx", load_external_data=False))
    if problem is not None:
        return {"problem": problem}
    classifier = Classifier(folder, "cpu")
    answers = []
    for image in draw_images():
        begun = time.process_time()
        answers.append(classifier.predict([image])[0].probabilities)
        if time.process_time() - begun > MAX_IMAGE_SECONDS:
            return {"problem": GREEDY}
    wrong = classifier.find_wrong_probe()
    return {"problem": f"is not what its card says: {wrong}"} if wrong else {"answers": answers}


def limit_process() -> None:
    """Keep this process to what one of ours may take, where the system can."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415

    limits = {resource.RLIMIT_AS: MAX_MEMORY, resource.RLIMIT_CPU: MAX_SECONDS}
    for kind, limit in {**limits, resource.RLIMIT_CORE: 0}.items():
        resource.setrlimit(kind, (limit, limit))


def main() -> None:
    """Print the answers, or the problem."""
    limit_process()
    try:
        found = try_out(Path(sys.argv[1]))
    except MemoryError:
        found = {"problem": GREEDY}
    except Exception as error:  # noqa: BLE001  (whatever onnxruntime raises)
        words = str(error).lower()
        is_greedy = any(word in words for word in ("bad_alloc", "alloc", "out of memory"))
        found = {"problem": GREEDY} if is_greedy else {"error": f"{type(error).__name__}: {error}"}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
