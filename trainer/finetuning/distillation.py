"""Distillation: learning from the predictions of other models, beside the labels.

The teachers get the same augmented batch as the model that is trained.
Source: Beyer et al., "Knowledge distillation: a good teacher is patient and consistent" (2022).
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from inference.errors import UserInputError
from inference.versions.cards import read_card
from trainer.finetuning import run_folder as runs
from trainer.finetuning.backbones import create_backbone, read_normalisation
from trainer.finetuning.weights import CHECKPOINT, CHOSEN
from trainer.options import TrainOptions

_TEMPERATURE = 2.0  # softens the teachers' probabilities; Source: Hinton et al. (2015)


class Teachers:
    """The models of finished runs or of versions, whose logits are averaged."""

    def __init__(
        self, options: TrainOptions, class_names: Sequence[str], device: torch.device
    ) -> None:
        """Load the models in the folders that the options name, if any.

        Raises: UserInputError for a folder without a model of the same classes and the same
        normalisation (mean and std).
        """
        self.share = options.distil
        self.models = [_open(Path(name), class_names).to(device) for name in options.teachers]
        own = create_backbone(options.backbone, len(class_names)) if self.models else None
        for model, name in zip(self.models, options.teachers, strict=True):
            if own is not None and read_normalisation(model) != read_normalisation(own):
                raise UserInputError(
                    f"The model in {name} normalises pictures by another mean and std than "
                    f"{options.backbone}. Choose a teacher with the same."
                )

    def add_to(self, loss: Tensor, logits: Tensor, batch: Tensor) -> Tensor:
        """Return the labels' loss mixed with the distillation loss, by the teachers' share.

        `logits` (N, C) of the model in training for its `batch` (N, 3, H, W).
        """
        if not self.models:
            return loss
        with torch.no_grad():
            target = torch.stack([model(batch) for model in self.models]).mean(0)
        distance = functional.kl_div(
            functional.log_softmax(logits / _TEMPERATURE, dim=1),
            functional.log_softmax(target / _TEMPERATURE, dim=1),
            reduction="batchmean",
            log_target=True,
        )
        return (1 - self.share) * loss + self.share * _TEMPERATURE**2 * distance


def _open(folder: Path, class_names: Sequence[str]) -> nn.Module:
    found, backbone, weights = _find(folder)
    if tuple(found) != tuple(class_names):
        raise UserInputError(
            f"The model in {folder} has the classes {', '.join(found)}, not "
            f"{', '.join(class_names)}. Choose a teacher with the same classes."
        )
    model = create_backbone(backbone, len(found))
    try:
        model.load_state_dict(load_file(weights))
    except (OSError, SafetensorError) as error:
        raise UserInputError(f"The weights {weights} cannot be read ({error}).") from error
    model.requires_grad_(requires_grad=False)
    return model.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _find(folder: Path) -> tuple[tuple[str, ...], str, Path]:
    """Return the classes, the backbone and the weights of a finished run or a version."""
    if (folder / "model.json").is_file():
        card = read_card(folder)
        return card.class_names, card.backbone, folder / CHECKPOINT
    if not runs.is_finished(folder):
        raise UserInputError(
            f"{folder} holds neither a finished run nor a version to distil from. Train it first."
        )
    names = runs.read_images(folder).class_names
    return names, runs.read_options(folder).backbone, folder / CHOSEN
