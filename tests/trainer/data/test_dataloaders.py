from collections import Counter
from pathlib import Path

import pytest
import torch

from inference.versions.cards import InputGeometry
from trainer.data.dataloaders import (
    BalancedSampler,
    ImageDataset,
    find_crop_side,
    make_transform,
)
from trainer.data.dataset import Dataset, LabelledImage
from trainer.options import TrainOptions


def _images(counts: dict[tuple[str, str], int]) -> list[LabelledImage]:
    return [
        LabelledImage(Path(f"{source}-{i}"), label, "train", source, "", "")
        for (source, label), count in counts.items()
        for i in range(count)
    ]


def _draw(balance: float, epochs: int = 20) -> Counter[tuple[str, str]]:
    images = _images({("web", "a"): 900, ("web", "b"): 100, ("phone", "b"): 400})
    sampler = BalancedSampler(images, balance, seed=0)
    drawn: Counter[tuple[str, str]] = Counter()
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        drawn.update((images[i].source, images[i].label) for i in sampler)
    return drawn


@pytest.mark.parametrize(
    ("balance", "expected"),
    [(0.0, (900, 100, 400)), (1.0, (467, 467, 467)), (0.5, (700, 233, 467))],
)
def test_groups_are_sampled_as_often_as_requested(
    balance: float, expected: tuple[int, int, int]
) -> None:
    drawn = _draw(balance)
    found = [drawn["web", "a"] / 20, drawn["web", "b"] / 20, drawn["phone", "b"] / 20]
    assert found == pytest.approx(expected, rel=0.05)


def test_sample_depends_on_seed_and_epoch_alone() -> None:
    images = _images({("", "a"): 50, ("", "b"): 50})
    one, two = BalancedSampler(images, 0.5, 1), BalancedSampler(images, 0.5, 1)
    one.set_epoch(3)
    assert list(one) != list(two)
    two.set_epoch(3)
    assert list(one) == list(two)


def test_images_are_augmented_only_where_a_transform_is_given(drawn_dataset: Dataset) -> None:
    geometry = InputGeometry(size=64)
    images = drawn_dataset.select("train")
    plain = ImageDataset(images, drawn_dataset.class_names, geometry)
    augmented = ImageDataset(
        images, drawn_dataset.class_names, geometry, make_transform(48, geometry)
    )
    assert torch.equal(plain[0][0], plain[0][0])
    assert not torch.equal(augmented[0][0], augmented[0][0])
    assert augmented[0][0].shape == (3, 48, 48)
    assert [plain[i][1] for i in range(len(plain))] == [
        drawn_dataset.class_names.index(p.label) for p in images
    ]


@pytest.mark.parametrize(
    ("epochs", "side", "expected"),
    [
        (8, 224, [128, 128, 160, 160, 192, 192, 224, 224]),
        (4, 219, [128, 160, 192, 219]),
        (3, 224, [224, 224, 224]),
        (5, 32, [32, 32, 32, 32, 32]),
    ],
)
def test_crops_grow_with_the_epochs(epochs: int, side: int, expected: list[int]) -> None:
    options = TrainOptions("drawn", epochs=epochs, train_size=side)
    assert [find_crop_side(epoch, options) for epoch in range(epochs)] == expected
