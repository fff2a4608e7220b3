"""What a version from elsewhere may cost: more than ours do is refused, whatever it is made of."""

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest

from inference.errors import UserInputError
from inference.versions.catalog import Catalog
from labelling.exchange.foreign_versions import inspect_version
from labelling.exchange.trial import draw_images, find_problem
from tests.inference.tiny_versions import draw_network, make_card, put_card

pytestmark = pytest.mark.slow  # each starts a process

_HEIGHT = "shape = Shape (image) height = Gather (shape, one)"
_NOTHING = "nothing = Mul (sum, zero) bias = Add (head_bias, nothing)"
_BRIGHT = (
    "bright = ReduceMax <keepdims = 0> (planes) count = Cast <to = 7> (bright) "
    "sized = Mul (ones, count)"
)
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
_COLOURS = "as large as the image's colours say"
NEVER = {
    "an If": (
        "loops or branches",
        "yes = Equal (height, height) sum = If (yes) <"
        "then_branch = a () => (float x) { x = Identity (zero) }, "
        "else_branch = b () => (float y) { y = Identity (zero) }>",
    ),
    "an operator of a domain": (
        "operators that are not standard",
        "sum = com.microsoft.Gelu (zero)",
    ),
    "an operator for tables": ("the operator 'NonZero'", "sum = NonZero (zero)"),
    "a sequence": ("the operator 'SplitToSequence'", "sum = SplitToSequence (heatmap, ones)"),
    "an order of its own": (
        "operators that are not in their order",
        f"large = Expand (zero, sized) {_BRIGHT} {_SUM}",
    ),
    "Expand": (_COLOURS, f"{_BRIGHT} large = Expand (zero, sized) {_SUM}"),
    "Slice": (_COLOURS, f"{_BRIGHT} large = Slice (heatmap, zeros, sized) {_SUM}"),
    "Slice of steps": (
        _COLOURS,
        f"{_BRIGHT} large = Slice (ones, zeros, ones, zeros, sized) {_SUM}",
    ),
    "TopK": (_COLOURS, f"{_BRIGHT} large, i = TopK (heatmap, sized) {_SUM}"),
    "Reshape": (_COLOURS, f"{_BRIGHT} large = Reshape (heatmap, sized) {_SUM}"),
    "Split": (_COLOURS, f"{_BRIGHT} large, more = Split (heatmap, sized) {_SUM}"),
    "Unsqueeze": (_COLOURS, f"{_BRIGHT} large = Unsqueeze (heatmap, sized) {_SUM}"),
    "Squeeze": (_COLOURS, f"{_BRIGHT} large = Squeeze (heatmap, sized) {_SUM}"),
    "ReduceSum": (_COLOURS, f"{_BRIGHT} sum = ReduceSum (heatmap, sized)"),
    "Range": (
        _COLOURS,
        f"{_BRIGHT} large = Range (count, count, one) sum = ReduceMax <keepdims = 0> (scaled)",
    ),
}


def draw_bomb(bomb: str) -> onnx.ModelProto:
    """Return a tiny network that adds nothing to its logits, computed in some way."""
    return draw_network(
        f"{_HEIGHT} {bomb} {_NOTHING}",
        "bias",
        zero=np.float32(0),
        one=np.int64(1),
        thousand=np.int64(1000),
        zeros=np.array([0]),
        ones=np.array([1]),
        most_numbers=np.array([1_000_000_000]),
        side=np.array([3500, 3500]),
    )


def write_bomb(folder: Path, bomb: str) -> Path:
    network = draw_bomb(bomb)
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


@pytest.mark.parametrize("name", NEVER)
def test_what_would_cost_more_for_another_image_is_found(name: str) -> None:
    problem, bomb = NEVER[name]
    assert problem in (find_problem(draw_bomb(bomb)) or "")


def test_what_would_cost_more_for_another_image_is_refused(tmp_path: Path) -> None:
    folder = write_bomb(tmp_path / "pets" / "1", NEVER["Slice"][1])
    with pytest.raises(UserInputError, match=f"{_COLOURS}. It is not added"):
        inspect_version(folder)


def test_endless_operators_are_refused() -> None:
    network = draw_bomb("sum = Identity (zero)")
    network.graph.node.extend([network.graph.node[0]] * 60_000)
    assert find_problem(network) == "has more than 50,000 operators and weights"


def test_images_of_one_colour_are_tried() -> None:
    plain = [image for image in draw_images() if (image == image[0, 0]).all()]
    assert {tuple(image[0, 0]) for image in plain} > {(0, 0, 0), (255, 255, 255)}


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
