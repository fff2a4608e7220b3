from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from inference.errors import UserInputError
from tests.trainer.drawn import BACKBONE
from trainer.finetuning.backbones import (
    compute_features,
    create_backbone,
    freeze_batch_norm,
    get_head,
    group_parameters,
    mix_weights,
)


def test_logits_are_linear_on_mean_features() -> None:
    model = create_backbone(BACKBONE, 3).eval()
    batch = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        expected = get_head(model)(compute_features(model, batch).mean((2, 3)))
        assert torch.allclose(model(batch), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["test_convnext", "test_vit", "mobilenetv3_small_050"])
def test_models_whose_heatmap_would_be_wrong_are_refused(name: str) -> None:
    with pytest.raises(UserInputError, match="heatmap would be wrong"):
        create_backbone(name, 2)


def test_unknown_name_lists_similar_ones() -> None:
    with pytest.raises(UserInputError, match=r"Similar: .*efficientnet"):
        create_backbone("efficientnet_z9", 2)


def test_weights_of_another_head_are_taken_without_it(tmp_path: Path) -> None:
    saved = create_backbone(BACKBONE, 5)
    save_file(saved.state_dict(), tmp_path / "five.safetensors")
    loaded = create_backbone(BACKBONE, 2, str(tmp_path / "five.safetensors"))
    assert torch.equal(saved.conv_stem.weight, loaded.conv_stem.weight)
    assert get_head(loaded).weight.shape[0] == 2


def test_weights_of_another_backbone_are_refused(tmp_path: Path) -> None:
    save_file(create_backbone("test_resnet", 2).state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(UserInputError, match="does not hold the weights of test_efficientnet"):
        create_backbone(BACKBONE, 2, str(tmp_path / "other.safetensors"))


def test_file_that_holds_no_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.safetensors").write_text("not weights")
    with pytest.raises(UserInputError, match="cannot be read as safetensors"):
        create_backbone(BACKBONE, 2, str(tmp_path / "text.safetensors"))


def test_frozen_batch_norm_keeps_its_statistics() -> None:
    model = create_backbone(BACKBONE, 2).train()
    freeze_batch_norm(model)
    before = {k: v.clone() for k, v in model.state_dict().items() if "running" in k}
    model(torch.rand(4, 3, 64, 64))
    assert before
    assert all(torch.equal(v, model.state_dict()[k]) for k, v in before.items())


def test_mixed_weights_lie_between_and_keep_the_head() -> None:
    tuned, pretrained = create_backbone(BACKBONE, 2), create_backbone(BACKBONE, 2)
    after, before = tuned.state_dict(), pretrained.state_dict()
    mixed = mix_weights(tuned, after, before, 0.75)
    expected = 0.75 * after["conv_stem.weight"] + 0.25 * before["conv_stem.weight"]
    assert torch.allclose(mixed["conv_stem.weight"], expected)
    assert torch.equal(mixed["classifier.weight"], after["classifier.weight"])
    assert all(torch.equal(v, after[k]) for k, v in mix_weights(tuned, after, before, 1).items())


def test_every_parameter_is_in_one_group() -> None:
    model = create_backbone(BACKBONE, 2)
    decayed, plain = group_parameters(model, 0.1)
    assert len(decayed["params"]) + len(plain["params"]) == len(list(model.parameters()))
    assert plain["weight_decay"] == 0
