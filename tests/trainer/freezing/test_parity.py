"""The proof that a frozen graph predicts what PyTorch does."""

import pytest
import torch
from safetensors.torch import load_file

from inference.providers import open_session
from tests.trainer.drawn import BACKBONE
from trainer.data.dataset import Dataset
from trainer.finetuning.backbones import create_backbone
from trainer.freezing.parity import ParityError, prove_parity
from trainer.freezing.version_folder import Version


def prove(version: Version, dataset: Dataset, change: float) -> float:
    """Compare the graph with its checkpoint, one weight of whose head is changed."""
    model = create_backbone(BACKBONE, 2).eval()
    weights = load_file(version.folder / "checkpoint.safetensors")
    weights["classifier.bias"] += torch.tensor([change, -change])
    model.load_state_dict(weights)
    session = open_session(version.folder / "model.onnx")
    card = version.card
    return prove_parity(session, model, card.input, card.temperature, dataset.select("test")[:2])


def test_graph_agrees_with_its_checkpoint(drawn_version: Version, drawn_dataset: Dataset) -> None:
    assert prove(drawn_version, drawn_dataset, 0.0) < 0.01


def test_another_model_is_detected(drawn_version: Version, drawn_dataset: Dataset) -> None:
    with pytest.raises(ParityError):
        prove(drawn_version, drawn_dataset, 1.0)
