"""What a version from elsewhere may cost: more than ours do is refused, whatever it is made of."""

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser

from inference.errors import UserInputError
from inference.versions.catalog import Catalog
from labelling.exchange.foreign_versions import inspect_version
from labelling.exchange.trial import find_problem
from tests.inference.tiny_versions import BIAS, make_card, put_card

pytestmark = pytest.mark.slow  # each starts a process

_GRAPH = """
<ir_version: 10, opset_import: ["" : 20]>
tiny (uint8[N, H, W, 3] image) => (float[N, 3] probabilities, float[N, 3] logits,
    float[N, 3] embedding, float[N, 3, h, w] heatmap) {
    planes = Transpose <perm = [0, 3, 1, 2]> (image)
    values = Cast <to = 1> (planes)
    scaled = Div (values, most)
    heatmap = Mul (scaled, strength)
    embedding = ReduceMean <keepdims = 0> (heatmap, axes)
    shape = Shape (image)
    height = Gather (shape, one)
    BOMB
    nothing = Mul (sum, zero)
    bias = Add (head_bias, nothing)
    logits = Add (embedding, bias)
    probabilities = Softmax <axis = -1> (logits)
}
"""
# Each gives a number `sum`, from the height of an image in pixels or from nothing at all.
_SUM = "sum = ReduceSum <keepdims = 0> (large)"
MEMORY = {
    "a constant": f"large = ConstantOfShape <value = float[1] {{1.0}}> (most_numbers) {_SUM}",
    "wide": f"large = Expand (zero, most_numbers) {_SUM}",
    "large images": "big = Greater (height, thousand) factor = Cast <to = 7> (big) "
    "count = Mul (most_numbers, factor) sized = Add (count, ones) "
    f"large = Expand (zero, sized) {_SUM}",
}
TIME = {
    "one image": "tall = Cast <to = 1> (height) h = Mul (tall, zero) square = Expand (h, side) "
    "a = MatMul (square, square) b = MatMul (a, square) "
    "c = MatMul (b, square) d = MatMul (c, square) e = MatMul (d, square) f = MatMul (e, square) "
    "large = MatMul (f, square) sum = ReduceSum <keepdims = 0> (large)",
}
NEVER = {
    "loops or branches": "yes = Equal (height, height) sum = If (yes) <"
    "then_branch = a () => (float x) { x = Identity (zero) }, "
    "else_branch = b () => (float y) { y = Identity (zero) }>",
    "as large as the image's colours say": "bright = ReduceMax <keepdims = 0> (planes) "
    "count = Cast <to = 7> (bright) sized = Mul (ones, count) "
    f"large = Expand (zero, sized) {_SUM}",
    "operators that are not standard": "sum = com.microsoft.Gelu (zero)",
}


def write_bomb(folder: Path, bomb: str) -> Path:
    opset = ', "com.microsoft" : 1]>' if "com." in bomb else "]>"
    network = parser.parse_model(_GRAPH.replace("BOMB", bomb).replace("]>", opset, 1))
    for name, value in {
        "most": np.float32(255),
        "strength": np.float32(10),
        "zero": np.float32(0),
        "one": np.int64(1),
        "thousand": np.int64(1000),
        "axes": np.array([2, 3]),
        "ones": np.array([1]),
        "most_numbers": np.array([1_000_000_000]),
        "side": np.array([3500, 3500]),
        "head_bias": np.array(BIAS, dtype=np.float32),
    }.items():
        network.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    folder.mkdir(parents=True)
    onnx.save(network, folder / "model.onnx")
    sha256 = hashlib.sha256(network.SerializeToString()).hexdigest()
    put_card(folder, make_card(model="pets", graph_sha256=sha256))
    return folder


def test_what_costs_no_more_than_ours_passes(tmp_path: Path, exported: Path) -> None:
    inspect_version(write_bomb(tmp_path / "pets" / "1", "sum = Identity (zero)"))
    shipped = inspect_version(Catalog(exported).find("hotdog"))
    assert shipped.card.model == "hotdog"


@pytest.mark.parametrize("kind", [*MEMORY, *TIME])
def test_more_memory_or_time_than_ours_is_refused(tmp_path: Path, kind: str) -> None:
    folder = write_bomb(tmp_path / "pets" / "1", {**MEMORY, **TIME}[kind])
    with pytest.raises(UserInputError) as found:
        inspect_version(folder)
    assert str(found.value) == (
        "The network of pets version 1 asks for more than 2 GB of memory or 2 seconds for a "
        "picture. It is not added."
    )


@pytest.mark.parametrize("problem", NEVER)
def test_what_would_cost_more_for_another_image_is_refused(tmp_path: Path, problem: str) -> None:
    folder = write_bomb(tmp_path / "pets" / "1", NEVER[problem])
    with pytest.raises(UserInputError, match=f"{problem}. It is not added"):
        inspect_version(folder)


def test_weights_of_another_file_are_refused(tmp_path: Path) -> None:
    folder = write_bomb(tmp_path / "pets" / "1", "sum = Identity (zero)")
    network = onnx.load(folder / "model.onnx")
    weights = network.graph.initializer[-1]
    onnx.external_data_helper.set_external_data(weights, "/etc/hostname")
    assert find_problem(network) == "has weights outside its file"


def test_networks_of_ours_have_nothing_of_that(exported: Path, tmp_path: Path) -> None:
    drawn = Path(__file__).parents[2] / "fixtures" / "drawn" / "1"
    for folder in (Catalog(exported).find("hotdog"), drawn):
        assert find_problem(onnx.load(folder / "model.onnx")) is None
