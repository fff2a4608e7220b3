from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from inference.versions.cards import GEOMETRIES
from tests.trainer.conftest import OPTIONS
from trainer.data.dataset import Dataset
from trainer.finetuning.backbones import create_backbone, get_head
from trainer.finetuning.devices import make_accelerator
from trainer.finetuning.loop import make_geometry
from trainer.finetuning.selection import Choice, Validation, choose
from trainer.finetuning.weights import CHOSEN
from trainer.options import TrainOptions
from trainer.progress import Progress


def _choose(run: Path, dataset: Dataset, options: TrainOptions) -> Choice:
    network = create_backbone(options.backbone, 2)
    network.load_state_dict(load_file(run / CHOSEN))
    validation = Validation(dataset, options, make_accelerator("cpu"), Progress(shown=False))
    before = get_head(network).bias.detach().numpy().copy()  # type: ignore[union-attr,operator]
    choice = choose(network, make_geometry(network, 64, "squash"), validation)
    after = get_head(network).bias.detach().numpy()  # type: ignore[union-attr,operator]
    if choice.share == 1:
        assert after - before == pytest.approx(choice.bias, abs=1e-6)
    again = validation.measure(network, choice.geometry)  # its bias is in the network by now
    assert abs(again.bias).max() < abs(choice.bias).max()
    return choice


def test_everything_is_tried_together_and_the_least_loss_wins(
    finished_run: Path, drawn_dataset: Dataset
) -> None:
    options = replace(OPTIONS, weights=str(finished_run / CHOSEN))
    choice = _choose(finished_run, drawn_dataset, options)
    assert len(choice.tried) == 5 * len(GEOMETRIES)
    best = min(found.loss for found in choice.tried.values())
    assert choice.tried[choice.share, choice.geometry].loss == best
    assert set(choice.compare_geometries()) == set(GEOMETRIES)
    assert list(choice.compare_shares()) == ["1", "0.85", "0.7", "0.5", "0.3"]


def test_mix_of_equal_weights_is_the_same_whatever_the_share(
    finished_run: Path, drawn_dataset: Dataset
) -> None:
    """The head of a run of the same classes is mixed, too, not replaced."""
    options = replace(OPTIONS, weights=str(finished_run / CHOSEN), geometry="pad")
    choice = _choose(finished_run, drawn_dataset, options)
    losses = [found.loss for found in choice.tried.values()]
    assert losses == pytest.approx([losses[0]] * 5, abs=1e-4)
    assert choice.geometry.geometry == "pad"


def test_without_first_weights_only_geometries_are_tried(
    finished_run: Path, drawn_dataset: Dataset
) -> None:
    choice = _choose(finished_run, drawn_dataset, OPTIONS)
    assert choice.share == 1
    assert len(choice.tried) == len(GEOMETRIES)
    assert np.isclose(choice.bias.sum(), 0)
