"""Makes a frozen version small enough to be understood: the mean colour picks the class."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper, parser

from inference.versions.cards import Card, InputGeometry, Probe, Thresholds, write_card
from inference.versions.probes import list_probes, make_probe

CLASS_NAMES = ("red", "green", "blue_berry")
BIAS = (0.5, 0.0, -0.5)
_GRAPH = """
<ir_version: 10, opset_import: ["" : 20]>
tiny (uint8[N, H, W, 3] image) => (float[N, 3] probabilities, float[N, 3] logits,
    float[N, 3] embedding, float[N, 3, h, w] heatmap) {
    planes = Transpose <perm = [0, 3, 1, 2]> (image)
    values = Cast <to = 1> (planes)
    scaled = Div (values, most)
    heatmap = Mul (scaled, strength)
    embedding = ReduceMean <keepdims = 0> (heatmap, axes)
    MORE
    logits = Add (embedding, BIAS)
    probabilities = Softmax <axis = -1> (logits)
}
"""


def make_card(**changes: Any) -> Card:
    values = {
        "model": "colours",
        "version": 1,
        "class_names": CLASS_NAMES,
        "input": InputGeometry(),
        "temperature": 1.0,
        "thresholds": Thresholds(),
        "backbone": "none",
        "created": "2026-01-01T00:00:00+00:00",
    }
    return Card(**{**values, **changes})


def make_network() -> bytes:
    model = draw_network()
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content


def draw_network(more: str = "", bias: str = "head_bias", **constants: Any) -> onnx.ModelProto:
    """Return the network with `more` operators, of which one may give the head's bias."""
    model = parser.parse_model(_GRAPH.replace("MORE", more).replace("BIAS", bias))
    values = {
        "most": np.float32(255),
        "strength": np.float32(10),
        "axes": np.array([2, 3], dtype=np.int64),
        "head_bias": np.array(BIAS, dtype=np.float32),
    }
    for name, value in (values | constants).items():
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    return model


def answer_probes(session: ort.InferenceSession) -> list[Probe]:
    found = []
    for height, width, seed in list_probes():
        image = make_probe(height, width, seed)[None]
        [[values]] = session.run(["probabilities"], {"image": image})
        probabilities = values.tolist()
        found.append(Probe(height=height, width=width, seed=seed, probabilities=probabilities))
    return found


def write_version(folder: Path, *, whole: bool = True, **changes: Any) -> Path:
    """Write model.onnx and model.json of a version into a folder, with probes unless given.

    `whole`: with the hash of the graph, and the card in it, as versions have them now.
    """
    folder.mkdir(parents=True)
    network = make_network()
    session = ort.InferenceSession(network, providers=["CPUExecutionProvider"])
    sha256 = {"graph_sha256": hashlib.sha256(network).hexdigest()} if whole else {}
    card = make_card(**{"probes": answer_probes(session), **sha256, **changes})
    (folder / "model.json").write_text(write_card(card), encoding="utf-8")
    (folder / "model.onnx").write_bytes(network)
    if whole:
        put_card(folder, card)
    return folder


def put_card(folder: Path, card: Card) -> None:
    """Write a card into a version, beside and inside its graph."""
    text = write_card(card)
    network = onnx.load(folder / "model.onnx")
    onnx.helper.set_model_props(network, {"card": text})
    onnx.save(network, folder / "model.onnx")
    (folder / "model.json").write_text(text, encoding="utf-8")
