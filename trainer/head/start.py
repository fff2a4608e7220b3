"""The version that a new head starts from: its graph, its weights, and its replay memory."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from safetensors.numpy import load_file

from inference.providers import open_session
from inference.versions.cards import Card, read_card
from labelling.store.store import Store
from trainer.data.replay_memory import Remembered, read_memory
from trainer.finetuning.weights import CHECKPOINT


@dataclass(frozen=True)
class Start:
    """The version that a new one starts from, read as a whole: it may be deleted meanwhile.

    `own`: whether it is of the same model; `weights`: its checkpoint, None where it has none.
    """

    folder: Path
    card: Card
    network: onnx.ModelProto
    session: ort.InferenceSession
    weights: dict[str, NDArray[np.generic]] | None
    own: bool


def open_start(folder: Path, model: str) -> Start:
    """Open the version that a model's next one starts from."""
    card = read_card(folder)
    network = onnx.load(folder / "model.onnx")
    session = open_session(folder / "model.onnx")
    path = folder / CHECKPOINT
    weights = load_file(path) if path.is_file() else None
    return Start(folder, card, network, session, weights, own=card.model == model)


def recall(store: Store, start: Start, width: int) -> Remembered:
    """Return what a version remembers, but for the images that the store has or ever had."""
    remembered = read_memory(start.folder, width)
    files = {name for name in remembered.list_files() if name}
    return remembered.forget(store.knows(files))
