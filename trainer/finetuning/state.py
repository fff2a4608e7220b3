"""What fine-tuning changes: the model, its average, the optimizer, the schedule and the history.

It is checkpointed after each epoch and restored from the last checkpoint.
"""

import math
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from safetensors.torch import save_file
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, SequentialLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from inference.versions.cards import InputGeometry
from trainer.data.dataloaders import BalancedSampler, ImageDataset, make_loader
from trainer.data.dataset import Dataset
from trainer.finetuning import run_folder as runs
from trainer.finetuning.backbones import group_parameters
from trainer.options import TrainOptions

_WARMUP = 0.1  # of all steps


@dataclass
class State:
    """What training changes. `loader` is the prepared one, of the augmented training `images`."""

    model: nn.Module
    average: AveragedModel
    optimizer: torch.optim.Optimizer
    scheduler: LRScheduler
    loader: Any
    images: ImageDataset
    probe_accuracy: float
    epochs_done: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


def prepare_state(
    model: nn.Module,
    probe_accuracy: float,
    loader: Any,  # noqa: ANN401  (a DataLoader)
    options: TrainOptions,
    accelerator: Accelerator,
) -> State:
    """Return the state before the first step, ready for mixed precision and several processes."""
    groups = group_parameters(model, options.weight_decay)
    optimizer = torch.optim.AdamW(groups, lr=options.lr)
    steps = options.epochs * math.ceil(len(loader) / accelerator.num_processes)
    # Of a short run the last quarter, or the averaged weights would hardly have moved.
    decay = min(options.average, max(0.0, 1 - 4 / steps))
    average_fn = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    average = AveragedModel(model, multi_avg_fn=average_fn).to(accelerator.device)
    images = loader.dataset
    model, prepared, loader = accelerator.prepare(model, optimizer, loader)
    warmup = max(1, round(_WARMUP * steps))
    scheduler = SequentialLR(
        optimizer,
        [
            LinearLR(optimizer, 0.01, 1.0, warmup),
            CosineAnnealingLR(optimizer, max(1, steps - warmup)),
        ],
        [warmup],
    )
    accelerator.register_for_checkpointing(average, scheduler)
    return State(model, average, prepared, scheduler, loader, images, probe_accuracy)


def make_train_loader(
    dataset: Dataset,
    geometry: InputGeometry,
    options: TrainOptions,
    num_processes: int,
) -> Any:  # noqa: ANN401  (a DataLoader)
    """Return the loader of training images of one process, balanced by the options.

    What augments them is set anew each epoch.
    """
    train = dataset.select("train")
    images = ImageDataset(train, dataset.class_names, geometry)
    sampler = BalancedSampler(train, options.balance, options.seed)
    per_process = max(1, options.batch_size // num_processes)
    drop_last = len(train) >= 2 * options.batch_size
    return make_loader(images, per_process, options.workers, sampler, drop_last)


def save_checkpoint(state: State, folder: Path, accelerator: Accelerator) -> None:
    """Save all that resuming needs; a folder that a kill leaves half done is never read."""
    epoch = state.epochs_done
    checkpoints = folder / "checkpoints"
    part = checkpoints / f".{epoch}.part"
    accelerator.wait_for_everyone()
    accelerator.save_state(str(part))
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        runs.write_json(folder / "history.json", state.history)
        shutil.rmtree(checkpoints / str(epoch), ignore_errors=True)
        part.rename(checkpoints / str(epoch))
        for old in runs.list_checkpoints(folder)[:-1]:
            shutil.rmtree(old)
    accelerator.wait_for_everyone()


def restore_checkpoint(state: State, folder: Path, accelerator: Accelerator) -> None:
    """Load the last checkpoint of a run."""
    checkpoint = runs.list_checkpoints(folder)[-1]
    accelerator.load_state(str(checkpoint))
    state.epochs_done = int(checkpoint.name)
    state.history = runs.read_history(folder)[: state.epochs_done]
    state.probe_accuracy = state.history[0]["probe_accuracy"]


def save_weights(model: nn.Module, path: Path) -> None:
    """Write a model's weights in one step that a kill cannot leave half done."""
    part = path.with_suffix(".part")
    save_file({k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}, part)
    part.replace(path)
