"""Versions of the shipped network that lean another way, so that an answer tells who gave it."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper

from inference.versions.cards import Card, Probe, read_card
from inference.versions.catalog import Catalog
from inference.versions.probes import make_probe
from tests.inference.tiny_versions import put_card


def add_leaning_version(
    exported: Path, data: Path, lean: float, model: str = "hotdog", **changes: Any
) -> int:
    """Put a taught version into a data folder: its first class's logit is `lean` higher."""
    shipped = Catalog(exported).find("hotdog")
    folder = Catalog(exported, data).reserve(model)
    number, target = int(folder.name), folder.with_name(f".{folder.name}")
    target.mkdir()
    card = read_card(shipped)
    network = lean_over(shipped / "model.onnx", lean)
    probes = [answer_probe(network, probe) for probe in card.probes]
    values = {
        "model": model,
        "version": number,
        "probes": probes,
        "graph_sha256": hashlib.sha256(network).hexdigest(),
        "backbone_sha256": card.backbone_key,
        "parent": {"model": "hotdog", "version": card.version},
    }
    new = Card(**{**dict(card), **values, **changes})
    (target / "model.onnx").write_bytes(network)
    put_card(target, new)
    shutil.copy(shipped / "memory.npz", target)
    target.rename(folder)
    return number


def lean_over(path: Path, lean: float) -> bytes:
    model = onnx.load(path)
    (bias,) = [value for value in model.graph.initializer if value.name == "head_bias"]
    values = numpy_helper.to_array(bias) + np.array([lean, 0], dtype=np.float32)
    bias.CopyFrom(numpy_helper.from_array(values.astype(np.float32), "head_bias"))
    del model.metadata_props[:]  # its card is of another version
    content: bytes = model.SerializeToString()
    return content


def answer_probe(network: bytes, probe: Probe) -> Probe:
    session = ort.InferenceSession(network, providers=["CPUExecutionProvider"])
    image = make_probe(probe.height, probe.width, probe.seed)
    (found,) = session.run(["probabilities"], {"image": image[None]})
    return probe.model_copy(update={"probabilities": tuple(found[0].tolist())})
