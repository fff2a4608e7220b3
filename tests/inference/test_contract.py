"""What anyone may rely on who takes the shipped `model.onnx` and none of our code."""

import hashlib
import json
import math
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from PIL import Image

from inference.images import decode
from inference.providers import open_session
from inference.versions.cards import Card, read_card
from inference.versions.catalog import Catalog
from inference.versions.probes import TOLERANCE, make_probe
from tests.running import ROOT

RENDERED = ROOT / "tests" / "fixtures" / "rendered"
OUTPUTS = ("probabilities", "logits", "embedding", "heatmap")
SHAPES = ((224, 224), (480, 640), (97, 131), (2, 3))
Answer = dict[str, NDArray[np.float32]]


@pytest.fixture(scope="module")
def folder(exported: Path) -> Path:
    return Catalog(exported).find("hotdog")


@pytest.fixture(scope="module")
def card(folder: Path) -> Card:
    return read_card(folder)


@pytest.fixture(scope="module")
def network(folder: Path) -> onnx.ModelProto:
    return onnx.load(folder / "model.onnx", load_external_data=False)


@pytest.fixture(scope="module")
def constants(network: onnx.ModelProto) -> dict[str, NDArray[np.float32]]:
    """Return the initializers that a new head replaces, by name."""
    names = ("head_weight", "head_bias", "temperature")
    found = {i.name: numpy_helper.to_array(i) for i in network.graph.initializer if i.name in names}
    assert set(found) == set(names)
    return found


@pytest.fixture(scope="module")
def session(folder: Path) -> ort.InferenceSession:
    return open_session(folder / "model.onnx")


@pytest.fixture(scope="module")
def pictures() -> list[Path]:
    found = sorted(RENDERED.glob("*/*.webp"))
    assert len(found) == 80
    return found


@pytest.fixture(scope="module")
def answered(session: ort.InferenceSession, pictures: list[Path]) -> NDArray[np.float32]:
    """Return the frozen network's probabilities (80, C) of the rendered pictures, whole."""
    images = [decode(path.read_bytes())[None] for path in pictures]
    return np.concatenate([session.run(["probabilities"], {"image": i})[0] for i in images])


def ask(session: ort.InferenceSession, images: NDArray[np.uint8]) -> Answer:
    return dict(zip(OUTPUTS, session.run(list(OUTPUTS), {"image": images}), strict=True))


def make_images(count: int, height: int, width: int) -> NDArray[np.uint8]:
    return np.stack([make_probe(height, width, seed) for seed in range(count)])


# The file


def test_inputs_and_outputs(network: onnx.ModelProto, card: Card) -> None:
    def describe(value: onnx.ValueInfoProto) -> tuple[str, int, list[int | None]]:
        kind = value.type.tensor_type
        sides = [d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim]
        return value.name, kind.elem_type, sides

    count = len(card.class_names)
    single = onnx.TensorProto.FLOAT
    image = ("image", onnx.TensorProto.UINT8, [None, None, None, 3])
    assert [describe(value) for value in network.graph.input] == [image]
    found = [describe(value) for value in network.graph.output]
    assert [name for name, _, _ in found] == list(OUTPUTS)
    assert {kind for _, kind, _ in found} == {single}
    sides = {name: shape for name, _, shape in found}
    assert sides["probabilities"] == sides["logits"] == [None, count]
    assert len(sides["embedding"]) == 2
    assert sides["embedding"][0] is None
    assert sides["heatmap"][0] is None
    assert sides["heatmap"][1] in (count, None)
    assert len(sides["heatmap"]) == 4


def test_dynamic_axes_are_not_one(network: onnx.ModelProto) -> None:
    dims = network.graph.input[0].type.tensor_type.shape.dim
    assert len({d.dim_param for d in dims[:3]} - {""}) == 3


def test_opset_and_standard_operators(network: onnx.ModelProto) -> None:
    imported = {entry.domain: entry.version for entry in network.opset_import}
    assert imported.pop("", imported.pop("ai.onnx", None)) == 20
    assert not imported
    graphs, seen = [network.graph], 0
    while graphs:
        for node in graphs.pop().node:
            assert node.domain in ("", "ai.onnx"), node.op_type
            graphs += [a.g for a in node.attribute if a.type == onnx.AttributeProto.GRAPH]
            seen += 1
    assert seen > 20
    assert not network.functions


def test_one_file(network: onnx.ModelProto, folder: Path) -> None:
    for tensor in network.graph.initializer:
        assert tensor.data_location == onnx.TensorProto.DEFAULT
        assert not tensor.external_data
    assert not list(folder.glob("*.data"))
    assert (folder / "model.onnx").stat().st_size <= 14_000_000


def test_checker(folder: Path) -> None:
    onnx.checker.check_model(str(folder / "model.onnx"), full_check=True)


def test_card_in_the_network_is_the_one_beside_it(network: onnx.ModelProto, folder: Path) -> None:
    metadata = {entry.key: entry.value for entry in network.metadata_props}
    assert metadata["card"] == (folder / "model.json").read_text(encoding="utf-8")


def test_file_hashes(card: Card, folder: Path) -> None:
    assert {"checkpoint.safetensors", "memory.npz"} <= set(card.files)
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert there - set(card.files) == {"model.onnx", "model.json"}
    for name, expected in card.files.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == expected, name


def test_graph_hash(card: Card, folder: Path) -> None:
    network = onnx.load(folder / "model.onnx")
    del network.metadata_props[:]
    content = network.SerializeToString(deterministic=True)
    assert hashlib.sha256(content).hexdigest() == card.graph_sha256


def test_no_path_of_the_machine_that_made_it(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix not in (".png", ".npz", ".safetensors"):
            content = path.read_bytes()
            for trace in (b"/home/", bytes(Path.home()) + b"/", b"/tmp/", b"site-packages"):
                assert trace not in content, (path.name, trace)


def test_card_says_what_it_must(card: Card, folder: Path) -> None:
    assert card.model == "hotdog"
    assert folder.name == str(card.version)
    assert set(card.class_names) == {"hot_dog", "not_hot_dog"}
    assert card.catch_all == "not_hot_dog"
    assert card.temperature > 0
    assert card.probes
    assert {"torch", "timm", "onnx", "numpy", "pillow"} <= set(card.libraries)
    assert card.metrics["test"].top1.n > 0
    assert json.loads((folder / "model.json").read_text(encoding="utf-8"))["format"] == 1


def test_memory(card: Card, folder: Path, session: ort.InferenceSession) -> None:
    width = ask(session, make_images(1, 9, 9))["embedding"].shape[1]
    with np.load(folder / "memory.npz", allow_pickle=False) as memory:
        assert {"embeddings", "targets", "is_val"} <= set(memory.files)
        count = len(memory["targets"])
        assert memory["embeddings"].shape == (count, width)
        assert memory["embeddings"].dtype == np.float16
        assert memory["is_val"].shape == (count,)
        assert 0 < memory["is_val"].sum() < count
        assert set(memory["targets"].tolist()) == set(range(len(card.class_names)))


# The answers


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_outputs_agree_with_each_other(
    session: ort.InferenceSession,
    constants: dict[str, NDArray[np.float32]],
    shape: tuple[int, int],
    count: int,
) -> None:
    found = ask(session, make_images(count, *shape))
    assert {value.dtype for value in found.values()} == {np.dtype(np.float32)}
    assert {len(value) for value in found.values()} == {count}
    cooled = found["logits"].astype(float) / constants["temperature"]
    exponents = np.exp(cooled - cooled.max(axis=1, keepdims=True))
    expected = exponents / exponents.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-5)
    scale = max(1.0, float(np.abs(found["logits"]).max()))
    from_map = found["heatmap"].mean((2, 3)) + constants["head_bias"]
    np.testing.assert_allclose(from_map, found["logits"], atol=1e-4 * scale)
    from_embedding = found["embedding"] @ constants["head_weight"].T + constants["head_bias"]
    np.testing.assert_allclose(from_embedding, found["logits"], atol=1e-4 * scale)


def test_temperature_is_the_card_s(card: Card, constants: dict[str, NDArray[np.float32]]) -> None:
    assert float(constants["temperature"]) == pytest.approx(card.temperature, rel=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_batch_changes_no_answer(session: ort.InferenceSession, shape: tuple[int, int]) -> None:
    images = make_images(3, *shape)
    together = ask(session, images)
    for row in range(3):
        alone = ask(session, images[row : row + 1])
        np.testing.assert_allclose(
            alone["probabilities"][0], together["probabilities"][row], atol=1e-4
        )


def test_channels_are_rgb(session: ort.InferenceSession, pictures: list[Path]) -> None:
    """Swapped channels must give another answer, or the order would not matter."""
    image = decode(pictures[0].read_bytes())[None]
    found = ask(session, image)["logits"]
    assert np.abs(found - ask(session, image[..., ::-1].copy())["logits"]).max() > 1e-3


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1)])
def test_odd_shapes_answer_at_once(folder: Path, shape: tuple[int, int]) -> None:
    """Under 100 ms on one thread, in its own processor time: what else runs here does not count."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    path = str(folder / "model.onnx")
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    images = make_images(1, *shape)
    found = ask(session, images)
    assert np.isfinite(found["logits"]).all()
    np.testing.assert_allclose(found["probabilities"].sum(), 1, atol=1e-5)
    took = []
    for _ in range(5):
        start = time.thread_time()
        ask(session, images)
        took.append(time.thread_time() - start)
    assert min(took) < 0.1


def test_probes_reproduce(card: Card, session: ort.InferenceSession) -> None:
    for probe in card.probes:
        image = make_probe(probe.height, probe.width, probe.seed)[None]
        found = ask(session, image)["probabilities"][0]
        np.testing.assert_allclose(found, probe.probabilities, atol=TOLERANCE)
        assert sum(probe.probabilities) == pytest.approx(1, abs=1e-4)


# An independent path to the same answers: Pillow's resizing and PyTorch's network


def preprocess_with_pillow(path: Path, card: Card) -> NDArray[np.float32]:
    """Return (3, S, S) float32 of a picture, by the card's geometry, with nothing but Pillow.

    Channels are resized as floats: on bytes, Pillow rounds and clips between its two passes.
    """
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    size, (width, height) = card.input.size, picture.size
    if card.input.geometry == "crop":
        side = math.ceil(card.input.crop_ratio * min(width, height) - 1e-3)
        left, top = (width - side) // 2, (height - side) // 2
        picture = picture.crop((left, top, left + side, top + side))
    fitted = (size, size)
    if card.input.geometry == "pad":
        fitted = tuple(math.floor(v * size / max(width, height) + 0.5) for v in (width, height))
    planes = [
        band.convert("F").resize(fitted, Image.Resampling.BICUBIC) for band in picture.split()
    ]
    pixels = np.stack([np.asarray(plane) for plane in planes], axis=-1).clip(0, 255) / 255
    normalised = (pixels - np.array(card.input.mean)) / np.array(card.input.std)
    square = np.zeros((size, size, 3), dtype=np.float32)  # zero is the mean colour
    left, top = (size - fitted[0]) // 2, (size - fitted[1]) // 2
    square[top : top + fitted[1], left : left + fitted[0]] = normalised
    return square.transpose(2, 0, 1)


@pytest.fixture(scope="module")
def golden(folder: Path, card: Card, pictures: list[Path]) -> NDArray[np.float32]:
    """Return PyTorch's probabilities (80, C), from checkpoint.safetensors and timm alone."""
    timm = pytest.importorskip("timm")
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file

    model = timm.create_model(card.backbone, pretrained=False, num_classes=len(card.class_names))
    model.load_state_dict(load_file(folder / "checkpoint.safetensors"))
    model.eval()
    rows, threads = [], torch.get_num_threads()
    torch.set_num_threads(1)  # several wait for each other where others use the cores
    with torch.inference_mode():
        for start in range(0, len(pictures), 16):
            batch = [preprocess_with_pillow(path, card) for path in pictures[start : start + 16]]
            logits = model(torch.from_numpy(np.stack(batch)))
            rows.append(torch.softmax(logits / card.temperature, dim=1).numpy())
    torch.set_num_threads(threads)
    return np.concatenate(rows)


def test_golden_probabilities(
    answered: NDArray[np.float32], golden: NDArray[np.float32], pictures: list[Path]
) -> None:
    gaps = np.abs(answered - golden).max(axis=1)
    worst = int(gaps.argmax())
    assert gaps[worst] <= 0.02, (pictures[worst].name, answered[worst], golden[worst])


def test_golden_probabilities_are_not_all_alike(golden: NDArray[np.float32]) -> None:
    """Else agreeing with them would say nothing."""
    assert golden[:, 0].max() - golden[:, 0].min() > 0.5


def test_rendered_pictures_are_recognised(
    answered: NDArray[np.float32], card: Card, pictures: list[Path]
) -> None:
    labels = [card.class_names[i] for i in answered.argmax(axis=1)]
    right = [label == path.parent.name for label, path in zip(labels, pictures, strict=True)]
    wrong = [path.name for path, good in zip(pictures, right, strict=True) if not good]
    assert sum(right) >= 72, wrong
