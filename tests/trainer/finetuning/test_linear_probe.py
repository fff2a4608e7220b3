import numpy as np
import pytest

from tests.trainer.drawn import BACKBONE
from trainer.finetuning.backbones import create_backbone, get_head
from trainer.finetuning.linear_probe import fit_head, set_head


@pytest.mark.parametrize("num_classes", [2, 3, 7])
def test_head_separates_what_is_separable(num_classes: int) -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 3, (num_classes, 16))
    targets = np.arange(num_classes).repeat(30)
    embeddings = (centres[targets] + rng.normal(0, 0.5, (len(targets), 16))).astype(np.float32)
    weight, bias, accuracy = fit_head((embeddings, targets), (embeddings, targets), num_classes)
    assert weight.shape == (num_classes, 16)
    predicted = (embeddings @ weight.T + bias).argmax(axis=1)
    assert accuracy == (predicted == targets).mean() == 1.0


def test_head_is_put_into_the_model() -> None:
    model = create_backbone(BACKBONE, 2)
    weight = np.ones_like(get_head(model).weight.detach().numpy())
    set_head(model, weight, np.array([1, 2], dtype=np.float32))
    assert get_head(model).weight.detach().numpy().min() == 1
    assert get_head(model).bias.tolist() == [1, 2]
