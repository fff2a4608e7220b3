"""The linear probe: a head on frozen features, from which fine-tuning starts.

Source: Kumar et al., "Fine-tuning can distort pretrained features" (2022): probe, then fine-tune.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.utils.data import DataLoader

from trainer.finetuning.backbones import compute_features, get_head

_INVERSE_REGULARISATIONS = (0.001, 0.01, 0.1, 1.0)  # scikit-learn's C


@torch.no_grad()
def embed(
    model: nn.Module,
    loader: DataLoader[tuple[Tensor, Tensor]],
    accelerator: Accelerator,
    track: Callable[[DataLoader[Any]], Iterator[Any]],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Return embeddings (N, D), logits (N, C) and targets (N,), gathered from all processes.

    `track` yields the loader's batches and shows how many are done.
    """
    model.eval()
    unwrapped = accelerator.unwrap_model(model)
    head = get_head(unwrapped)
    gathered: list[list[Tensor]] = [[], [], []]
    for batch, targets in track(loader):
        pixels = batch.contiguous(memory_format=torch.channels_last)  # half the time on a CPU
        embedding = compute_features(unwrapped, pixels).mean((2, 3))
        parts = accelerator.gather_for_metrics((embedding, head(embedding), targets))
        for kept, part in zip(gathered, parts, strict=True):
            kept.append(part.float().cpu() if part.is_floating_point() else part.cpu())
    embeddings, logits, labels = (torch.cat(parts).numpy() for parts in gathered)
    return embeddings, logits, labels


def fit_head(
    train: tuple[NDArray[np.float32], NDArray[np.int64]],
    val: tuple[NDArray[np.float32], NDArray[np.int64]],
    num_classes: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    """Fit logistic regression, with the regularisation that is best on validation.

    Each side is embeddings (N, D) and targets (N,). Returns weight (C, D), bias (C,) and the
    validation accuracy (0–1).
    """
    mean = train[0].mean(axis=0)
    scale = train[0].std(axis=0) + 1e-6
    fits = []
    for inverse in _INVERSE_REGULARISATIONS:
        fit = LogisticRegression(C=inverse, max_iter=500, class_weight="balanced")
        fit.fit((train[0] - mean) / scale, train[1])
        fits.append((float(fit.score((val[0] - mean) / scale, val[1])), fit))
    accuracy, best = max(fits, key=lambda pair: pair[0])
    weight, bias = best.coef_, best.intercept_
    if num_classes == 2:  # scikit-learn keeps one row for two classes
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    weight = weight / scale
    return weight.astype(np.float32), (bias - weight @ mean).astype(np.float32), accuracy


def set_head(model: nn.Module, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
    """Put a weight (C, D) and a bias (C,) into the model's last layer."""
    head = get_head(model)
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(weight))  # type: ignore[union-attr,operator]
        head.bias.copy_(torch.from_numpy(bias))  # type: ignore[union-attr,operator]
