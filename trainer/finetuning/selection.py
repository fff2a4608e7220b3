"""Model selection after training: validation chooses weights and input geometry together.

By the log loss after calibration, since accuracy on a few hundred images says too little. Where
validation is large, one half of it calibrates and the other chooses.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from scipy.special import log_softmax
from torch import Tensor, nn
from torch.utils.data import DataLoader

from inference.versions.cards import GEOMETRIES, InputGeometry
from labelling.training_log import Stage
from trainer.data.dataloaders import ImageDataset, make_loader
from trainer.data.dataset import Dataset, LabelledImage, halve_validation
from trainer.evaluation.calibration import fit_calibration, measure_log_loss, weigh_classes
from trainer.finetuning.backbones import create_backbone, get_head, mix_weights
from trainer.finetuning.linear_probe import embed
from trainer.finetuning.weights import read_classes
from trainer.options import TrainOptions
from trainer.progress import Progress

# Of the fine-tuned weights, the rest being those that training started from.
_SHARES = (1.0, 0.85, 0.7, 0.5, 0.3)


@dataclass(frozen=True)
class Measured:
    """How a model does on the validation images that choose: `accuracy` 0–1, `loss` the log loss.

    Classes weigh the same in the loss. Both are after calibration by the others; `bias` (C,) is
    what that adds to the logits.
    """

    accuracy: float
    loss: float
    bias: NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """What was chosen: the share of the fine-tuned weights, the geometry, the bias (C,).

    `tried`: share and geometry → how each did.
    """

    share: float
    geometry: InputGeometry
    tried: dict[tuple[float, InputGeometry], Measured]

    @property
    def bias(self) -> NDArray[np.float64]:
        """What was added to the classes' logits."""
        return self.tried[self.share, self.geometry].bias

    def compare_shares(self) -> dict[str, float]:
        """Return share → accuracy (0–1), in the geometry that was chosen."""
        return {
            f"{share:g}": found.accuracy
            for (share, geometry), found in self.tried.items()
            if geometry == self.geometry
        }

    def compare_geometries(self) -> dict[str, float]:
        """Return geometry → accuracy (0–1), with the share that was chosen."""
        return {
            geometry.geometry: found.accuracy
            for (share, geometry), found in self.tried.items()
            if share == self.share
        }


class Validation:
    """The validation images, ready to measure models on."""

    def __init__(
        self,
        dataset: Dataset,
        options: TrainOptions,
        accelerator: Accelerator,
        progress: Progress,
    ) -> None:
        self.dataset, self.options = dataset, options
        self.accelerator, self.progress = accelerator, progress

    def measure(
        self, model: nn.Module, geometry: InputGeometry, epoch: int | None = None
    ) -> Measured:
        """Measure a model whose input has this geometry.

        `epoch`: the one just trained, from 1; None: the last.
        """
        images = self.dataset.select("val")
        loader = make_val_loader(images, self.dataset, geometry, self.options)
        prepared = self.accelerator.prepare(loader)
        track = partial(
            self.progress.track,
            stage=Stage.VALIDATION,
            epoch=self.options.epochs if epoch is None else epoch,
            epochs=self.options.epochs,
        )
        _, logits, targets = embed(model, prepared, self.accelerator, track)
        asked, used = (np.array(half, dtype=bool) for half in halve_validation(images))
        bias, temperature = fit_calibration(logits[used], targets[used])
        scaled = log_softmax((logits[asked] + bias) / temperature, axis=1)
        right = targets[asked]
        return Measured(
            accuracy=float((scaled.argmax(axis=1) == right).mean()),
            loss=measure_log_loss(scaled, right, weigh_classes(right)),
            bias=bias,
        )


def choose(model: nn.Module, geometry: InputGeometry, validation: Validation) -> Choice:
    """Try every share and geometry; leave the best weights and their bias in the model.

    `model` holds the fine-tuned weights; of `geometry` the mean and std are kept.
    Source for the shares: Wortsman et al., "Robust fine-tuning of zero-shot models" (2022).
    """
    mixes = _mix_shares(model, validation.dataset, validation.options)
    tried = {}
    for share, weights in mixes.items():
        model.load_state_dict(weights)
        for candidate in _list_geometries(geometry, validation.options):
            found = validation.measure(model, candidate)
            tried[share, candidate] = found
            validation.progress.say(
                f"{share:.0%} fine-tuned, {candidate.geometry}: "
                f"validation accuracy {found.accuracy:.2%}, loss {found.loss:.4f}"
            )
    share, best = min(tried, key=lambda key: tried[key].loss)
    choice = Choice(share, best, tried)
    model.load_state_dict(mixes[share])
    head = get_head(model)
    with torch.no_grad():
        head.bias += torch.from_numpy(choice.bias).to(head.bias)  # type: ignore[union-attr,arg-type,operator]
    return choice


def make_val_loader(
    images: list[LabelledImage], dataset: Dataset, geometry: InputGeometry, options: TrainOptions
) -> DataLoader[Any]:
    """Return the loader of images as the frozen graph will see them."""
    plain = ImageDataset(images, dataset.class_names, geometry)
    return make_loader(plain, options.batch_size, options.workers)


def _list_geometries(geometry: InputGeometry, options: TrainOptions) -> Iterator[InputGeometry]:
    for name in GEOMETRIES if options.geometry is None else (options.geometry,):
        yield geometry.model_copy(update={"geometry": name})


def _mix_shares(
    model: nn.Module, dataset: Dataset, options: TrainOptions
) -> dict[float, dict[str, Tensor]]:
    """Return share → weights: that share of the fine-tuned ones, the rest of the first ones."""
    tuned = {name: value.clone() for name, value in model.state_dict().items()}
    if options.weights is None:
        return {1.0: tuned}
    names = dataset.class_names
    before = create_backbone(options.backbone, len(names), options.weights).state_dict()
    known = read_classes(options.weights) == names  # then its head means the same
    return {share: mix_weights(model, tuned, before, share, with_head=known) for share in _SHARES}
