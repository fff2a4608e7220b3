"""From labelled image files to batches: decoding, augmentation and balanced sampling."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler
from torchvision.transforms import v2

from inference.classifier import find_min_side
from inference.images import decode
from inference.versions.cards import InputGeometry
from trainer.data.dataset import LabelledImage
from trainer.data.preprocess import preprocess
from trainer.options import TrainOptions

_STAGES = 4  # sizes of training crops, one after another
_STEP = 32  # pixels; what networks shrink an image by


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
    """Return the training augmentation: (3, H, W) uint8 → (3, size, size) float32, normalised.

    Framing (things are near or far, out of proportion, mirrored), then light and colour, then what
    poor cameras do to a photo (blur, noise).
    """
    return v2.Compose(
        [
            v2.RandomZoomOut(fill=127, side_range=(1.0, 2.5), p=0.15),
            v2.RandomResizedCrop(size, scale=(0.35, 1.0), ratio=(0.65, 1.55), antialias=True),
            v2.RandomHorizontalFlip(),
            v2.RandAugment(num_ops=2, magnitude=7),
            v2.ColorJitter(brightness=0.3, contrast=0.3, saturation=0.3),
            v2.RandomGrayscale(p=0.05),
            v2.RandomApply([v2.GaussianBlur(5, (0.1, 1.5))], p=0.15),
            v2.ToDtype(torch.float32, scale=True),
            v2.RandomApply([v2.GaussianNoise(sigma=0.06)], p=0.1),
            v2.Normalize(mean=list(geometry.mean), std=list(geometry.std)),
            v2.RandomErasing(p=0.1, scale=(0.02, 0.2)),
        ]
    )


def find_crop_side(epoch: int, options: TrainOptions) -> int:
    """Return the side in pixels of an epoch's training crops, `epoch` counted from 0.

    It grows from four sevenths of the last one, a quarter of the epochs each, in multiples of 32;
    in fewer than four epochs it does not.
    """
    stage = _STAGES * epoch // options.epochs
    if stage == _STAGES - 1 or options.epochs < _STAGES:
        return options.train_size
    share = (_STAGES + stage) / (2 * _STAGES - 1)
    return min(options.train_size, max(_STEP, _STEP * round(share * options.train_size / _STEP)))


class BalancedSampler(Sampler[int]):
    """Samples images so that no group (source and class) outweighs the others.

    A group of n images is sampled in proportion to n ** (1 - balance): 0 takes the data as they
    are, 1 samples every group equally. An epoch's sample depends on the seed and the epoch alone.
    """

    def __init__(self, images: Sequence[LabelledImage], balance: float, seed: int) -> None:
        groups = [(p.source, p.label) for p in images]
        counts = Counter(groups)
        self.weights = torch.tensor([counts[g] ** -balance for g in groups], dtype=torch.float64)
        self.is_unweighted = balance == 0
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
