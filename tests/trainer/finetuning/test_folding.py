import copy

import pytest
import timm
import torch
from torch import nn
from torch.nn import functional

from trainer.finetuning.backbones import freeze_batch_norm, freeze_stages
from trainer.finetuning.folding import fold_batch_norm


def _create(name: str) -> nn.Module:
    """Return a model in float64 whose normalisations do something."""
    torch.manual_seed(0)
    model: nn.Module = timm.create_model(name, num_classes=2).double()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.1)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 2)  # type: ignore[arg-type]
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
    return model


@pytest.mark.parametrize(
    ("name", "pairs"),
    [("tf_efficientnet_lite0", 49), ("resnet18", 20), ("mobilenetv2_100", 52)],
)
def test_folded_model_predicts_and_learns_the_same(name: str, pairs: int) -> None:
    plain = _create(name)
    folded = copy.deepcopy(plain)
    assert fold_batch_norm(folded) == pairs
    folded = copy.deepcopy(folded)  # as the average of the weights does
    assert list(folded.state_dict()) == list(plain.state_dict())
    batch, targets = torch.rand(2, 3, 64, 64).double(), torch.tensor([0, 1])
    for model in (plain, folded):
        model.train()
        freeze_batch_norm(model)
        torch.manual_seed(1)
        functional.cross_entropy(model(batch), targets).backward()
    gradients = {key: parameter.grad for key, parameter in folded.named_parameters()}
    for key, parameter in plain.named_parameters():
        assert torch.allclose(gradients[key], parameter.grad, atol=1e-9), key  # type: ignore[arg-type]


def test_state_of_a_folded_model_is_that_of_a_plain_one() -> None:
    plain, folded = _create("resnet18"), _create("resnet18")
    fold_batch_norm(folded)
    freeze_stages(folded, 2)
    with torch.no_grad():
        for parameter in folded.parameters():
            parameter.add_(0.01)
    plain.load_state_dict(folded.state_dict())
    batch = torch.rand(1, 3, 64, 64).double()
    assert torch.allclose(plain.eval()(batch), folded.eval()(batch))


class _Early(nn.Module):
    """Its normalisation comes first."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(3), nn.Conv2d(3, 4, 1)

    def forward_features(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.conv(self.norm(pixels))  # type: ignore[no-any-return]


class _Shared(nn.Module):
    """Not its normalisation alone takes what its convolution gives."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward_features(self, pixels: torch.Tensor) -> torch.Tensor:
        features = self.conv(pixels)
        return features + self.norm(features)  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", [_Early, _Shared])
def test_other_normalisations_are_left_alone_even_those_that_do_nothing_yet(
    kind: type[nn.Module],
) -> None:
    model = kind()
    assert fold_batch_norm(model) == 0
    assert isinstance(model.norm, nn.BatchNorm2d)
    assert model.norm.weight.tolist() == [1, 1, 1]
