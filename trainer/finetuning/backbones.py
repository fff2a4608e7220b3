"""Backbones from timm whose logits are a linear layer on the mean of a feature map.

Only for those is the heatmap exact: its mean plus the bias is the logit.
"""

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import timm
import timm.models
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from inference.errors import UserInputError
from trainer.options import DEFAULT_BACKBONE

_TOLERANCE = 1e-4


def create_backbone(name: str, num_classes: int, weights: str | None = None) -> nn.Module:
    """Create a timm model with a new head of `num_classes`.

    `weights`: a `.safetensors` file (timm's parameter names; a head of another shape in it is
    ignored), `hub` for timm's own, or None for random ones.
    Raises: UserInputError for a name that timm lacks, a model whose heatmap would be wrong, or
    weights that are not available or do not fit.
    """
    model = _create(name, num_classes, pretrained=weights == "hub")
    check_linear_mean(model, name)
    if weights is not None and weights != "hub":
        _load_weights(model, Path(weights), name)
    return model


def check_linear_mean(model: nn.Module, name: str) -> None:
    """Check that the model's logits are linear(mean(features)).

    Raises: UserInputError otherwise.
    """
    was_training = model.training
    model.eval()
    refusal = UserInputError(
        f"The last layer of {name} is not linear on the mean of its feature map, so its heatmap "
        f"would be wrong. Choose a model such as {DEFAULT_BACKBONE} or resnet18."
    )
    with torch.no_grad():
        batch = torch.linspace(-1, 1, 2 * 3 * 64 * 64).reshape(2, 3, 64, 64).sin()
        try:
            features = compute_features(model, batch)
            expected = model(batch)
        except (AssertionError, RuntimeError, AttributeError) as error:
            raise refusal from error
        head = get_head(model)
        if features.ndim != 4 or not isinstance(head, nn.Linear):
            raise refusal
        if features.shape[1] != head.in_features:
            raise refusal
        if (head(features.mean((2, 3))) - expected).abs().max() > _TOLERANCE:
            raise refusal
    model.train(was_training)


def compute_features(model: nn.Module, batch: Tensor) -> Tensor:
    """Return the feature map (N, D, h, w) of a normalised batch (N, 3, H, W)."""
    features: Tensor = model.forward_features(batch)  # type: ignore[operator]
    return features


def get_head(model: nn.Module) -> nn.Module:
    """Return the last linear layer."""
    head: nn.Module = model.get_classifier()  # type: ignore[operator]
    return head


def freeze_batch_norm(model: nn.Module) -> None:
    """Keep the running statistics of pretraining; scale and shift stay trainable.

    The statistics of small batches are poor, and those of training crops differ from those of whole
    images.
    """
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def freeze_stages(model: nn.Module, count: int) -> None:
    """Freeze the first `count` stages, the stem being one, which halves the time on a CPU.

    Raises: UserInputError where the model has no more stages than that.
    """
    matcher = model.group_matcher(coarse=True)  # type: ignore[operator]
    stages = timm.models.group_parameters(model, matcher, return_values=True)
    if count >= len(stages):
        raise UserInputError(
            f"{count} stages cannot be frozen: the model has {len(stages)}; the last is trained."
        )
    for number in sorted(stages)[:count]:
        for parameter in stages[number]:
            parameter.requires_grad_(requires_grad=False)


def group_parameters(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return optimizer groups: weight decay on matrices and kernels, none on scales and biases."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def mix_weights(
    model: nn.Module,
    tuned: dict[str, Tensor],
    pretrained: dict[str, Tensor],
    share: float,
    *,
    with_head: bool = False,
) -> dict[str, Tensor]:
    """Return `share` of the fine-tuned weights and the rest of the pretrained ones.

    Integers are those of the fine-tuned model; so is the head, which pretraining lacks, unless
    `with_head`.
    """
    head = set() if with_head else set(_list_head_names(model))
    return {
        name: value
        if share == 1 or name in head or not value.is_floating_point()
        else torch.lerp(pretrained[name].to(value), value, share)
        for name, value in tuned.items()
    }


def read_normalisation(model: nn.Module) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and std per RGB channel (of values 0–1) that the backbone was trained with."""
    config: dict[str, Any] = model.pretrained_cfg  # type: ignore[assignment]
    return tuple(config["mean"]), tuple(config["std"])


def _create(name: str, num_classes: int, pretrained: bool) -> nn.Module:
    if not timm.is_model(name.split(".", maxsplit=1)[0]):
        known = timm.list_models()
        similar = difflib.get_close_matches(name.split(".", maxsplit=1)[0], known, n=5, cutoff=0.5)
        raise UserInputError(
            f"timm has no model named {name!r}. Similar: {', '.join(similar) or 'none'}."
        )
    try:
        model: nn.Module = timm.create_model(name, pretrained=pretrained, num_classes=num_classes)
    except (OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserInputError(
            f"The weights of {name} could not be downloaded from timm's hub ({reason}). "
            "Give a local file with --weights."
        ) from error
    return model


def _load_weights(model: nn.Module, path: Path, name: str) -> None:
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserInputError(
            f"{path} cannot be read as safetensors weights ({error}). Give a .safetensors file."
        ) from error
    expected = model.state_dict()
    head = set(_list_head_names(model))
    fitting = {k: v for k, v in weights.items() if k not in head or v.shape == expected[k].shape}
    missing, unexpected = (
        model.load_state_dict(fitting, strict=False)
        if _fits(fitting, expected)
        else (["shape"], [])
    )
    if set(missing) - head or unexpected:
        raise UserInputError(
            f"{path} does not hold the weights of {name}. Name the backbone that it was saved from."
        )


def _fits(weights: dict[str, Tensor], expected: dict[str, Tensor]) -> bool:
    return all(k not in expected or v.shape == expected[k].shape for k, v in weights.items())


def _list_head_names(model: nn.Module) -> Iterator[str]:
    head = get_head(model)
    for prefix, module in model.named_modules():
        if module is head:
            yield from (f"{prefix}.{name}" for name, _ in head.named_parameters())
