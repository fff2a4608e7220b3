"""From labelled image files to batches: decoding, augmentation and balanced sampling."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler
from torchvision.transforms import v2

from inference.classifier import find_min_side
from inference.images import decode
from inference.versions.cards import InputGeometry
from trainer.data.dataset import LabelledImage
from trainer.data.preprocess import preprocess


class ImageDataset(Dataset[tuple[Tensor, int]]):
    """Images as ((3, S, S) float32, target); augmented where a transform is given."""

    def __init__(
        self,
        images: Sequence[LabelledImage],
        class_names: Sequence[str],
        geometry: InputGeometry,
        transform: v2.Transform | None = None,
    ) -> None:
        self.images = images
        self.targets = [class_names.index(p.label) for p in images]
        self.geometry = geometry
        self.transform = transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        data = self.images[index].path.read_bytes()
        image = decode(data, find_min_side(self.geometry))
        if self.transform is None:
            return preprocess(image, self.geometry), self.targets[index]
        pixels = torch.from_numpy(image).permute(2, 0, 1)
        return self.transform(pixels), self.targets[index]


def make_transform(size: int, geometry: InputGeometry) -> v2.Transform:
    """Return the training augmentation: (3, H, W) uint8 → (3, size, size) float32, normalised."""
    return v2.Compose(
        [
            v2.RandomResizedCrop(size, scale=(0.3, 1.0), ratio=(0.7, 1.43), antialias=True),
            v2.RandomHorizontalFlip(),
            v2.RandAugment(num_ops=2, magnitude=7),
            v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2),
            v2.RandomGrayscale(p=0.05),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(mean=list(geometry.mean), std=list(geometry.std)),
            v2.RandomErasing(p=0.2, scale=(0.02, 0.2)),
        ]
    )


def make_mix(num_classes: int) -> v2.Transform:
    """Return CutMix or MixUp, at random: batch and (N,) targets → batch and (N, C) shares."""
    return v2.RandomChoice(
        [v2.CutMix(num_classes=num_classes), v2.MixUp(alpha=0.4, num_classes=num_classes)]
    )


class BalancedSampler(Sampler[int]):
    """Samples images so that no group (source and class) outweighs the others.

    A group of n images is sampled in proportion to n ** (1 - balance): 0 takes the data as they
    are, 1 samples every group equally. `emphasis` (N,) multiplies that for single images. An
    epoch's sample depends on the seed and the epoch alone.
    """

    def __init__(
        self,
        images: Sequence[LabelledImage],
        balance: float,
        seed: int,
        emphasis: NDArray[np.float64] | None = None,
    ) -> None:
        groups = [(p.source, p.label) for p in images]
        counts = Counter(groups)
        self.weights = torch.tensor([counts[g] ** -balance for g in groups], dtype=torch.float64)
        if emphasis is not None:
            self.weights *= torch.from_numpy(emphasis)
        self.is_unweighted = balance == 0 and emphasis is None
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.weights)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch whose sample comes next."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed * 100_003 + self.epoch)
        if self.is_unweighted:
            order = torch.randperm(len(self), generator=generator)
        else:
            order = torch.multinomial(self.weights, len(self), True, generator=generator)
        return iter(order.tolist())


def make_loader(
    dataset: ImageDataset,
    batch_size: int,
    workers: int,
    sampler: Sampler[int] | None = None,
    drop_last: bool = False,
) -> DataLoader[Any]:
    """Return a loader of ((N, 3, S, S) float32, (N,) int64) batches."""
    return DataLoader(
        dataset,
        batch_size=batch_size,
        sampler=sampler,
        num_workers=workers,
        drop_last=drop_last,
        persistent_workers=False,
        pin_memory=torch.cuda.is_available(),
    )
