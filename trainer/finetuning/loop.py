"""LP-FT: a linear probe, then fine-tuning of the whole model, on one process or several.

Started by `torchrun`, Accelerate spreads the batches over the processes; nothing here differs.
"""

import shutil
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

from inference.versions.cards import InputGeometry
from labelling.training_log import Stage
from trainer.data.dataloaders import find_crop_side, make_transform
from trainer.data.dataset import Dataset, halve_validation
from trainer.finetuning import run_folder as runs
from trainer.finetuning.backbones import (
    create_backbone,
    freeze_batch_norm,
    freeze_stages,
    read_normalisation,
)
from trainer.finetuning.folding import fold_batch_norm
from trainer.finetuning.linear_probe import embed, fit_head, set_head
from trainer.finetuning.run_folder import Result
from trainer.finetuning.selection import Validation, choose, make_val_loader
from trainer.finetuning.state import (
    State,
    make_train_loader,
    prepare_state,
    restore_checkpoint,
    save_checkpoint,
    save_weights,
)
from trainer.finetuning.weights import CHOSEN
from trainer.jobs import estimate_remaining
from trainer.options import TrainOptions
from trainer.progress import Progress

_CLIP_NORM = 1.0


@dataclass(frozen=True)
class _Run:
    """What a run trains with, the same from its first step to its last."""

    dataset: Dataset
    options: TrainOptions
    folder: Path
    accelerator: Accelerator
    progress: Progress
    geometry: InputGeometry
    validation: Validation


def train(
    dataset: Dataset,
    options: TrainOptions,
    folder: Path,
    accelerator: Accelerator,
    progress: Progress,
) -> Result:
    """Train and leave `chosen.safetensors`, `history.json` and `result.json` in the run's folder.

    Resumes from the last checkpoint of an unfinished run of the same options and data.
    Raises: UserInputError for a backbone or weights that do not suit.
    """
    if accelerator.is_main_process:
        resumed = runs.open_run(folder, options, dataset.sha256)
        runs.write_images(folder, dataset)
        progress.say("Resuming the run." if resumed else "Starting a new run.")
    accelerator.wait_for_everyone()
    if runs.is_finished(folder):
        return runs.read_result(folder)
    set_seed(options.seed)
    model = _create_model(dataset, options)
    run = _Run(
        dataset,
        options,
        folder,
        accelerator,
        progress,
        geometry=make_geometry(model, options.size, options.geometry or "squash"),
        validation=Validation(dataset, options, accelerator, progress),
    )
    state = _start(run, model)
    for _ in range(state.epochs_done, options.epochs):
        _train_epoch(run, state)
        save_checkpoint(state, folder, accelerator)
    result = _choose(run, state)
    if accelerator.is_main_process:
        runs.write_json(folder / "result.json", asdict(result))
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    accelerator.wait_for_everyone()
    return result


def load_chosen(folder: Path, dataset: Dataset) -> nn.Module:
    """Return the model that validation chose, ready to be frozen."""
    options = runs.read_options(folder)
    model = create_backbone(options.backbone, len(dataset.class_names))
    model.load_state_dict(load_file(folder / CHOSEN))
    return model.eval()


def make_geometry(model: nn.Module, size: int, geometry: str) -> InputGeometry:
    """Return the frozen graph's input geometry for this backbone and size in pixels."""
    mean, std = read_normalisation(model)
    return InputGeometry(size=size, geometry=geometry, mean=mean, std=std)


def _create_model(dataset: Dataset, options: TrainOptions) -> nn.Module:
    model = create_backbone(options.backbone, len(dataset.class_names), options.weights)
    freeze_stages(model, options.frozen)
    fold_batch_norm(model)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _start(run: _Run, model: nn.Module) -> State:
    """Return the state to train on from: after the linear probe, or the last checkpoint."""
    resumes = bool(runs.list_checkpoints(run.folder))
    probe_accuracy = 0.0 if resumes else _probe(run, model)
    loader = make_train_loader(
        run.dataset, run.geometry, run.options, run.accelerator.num_processes
    )
    state = prepare_state(model, probe_accuracy, loader, run.options, run.accelerator)
    if resumes:
        restore_checkpoint(state, run.folder, run.accelerator)
    return state


def _probe(run: _Run, model: nn.Module) -> float:
    """Fit the head on frozen features; returns its validation accuracy (0–1)."""
    sides = []
    prepared = run.accelerator.prepare_model(model, evaluation_mode=True)
    for split, stage in (("train", Stage.PROBE), ("val", Stage.VALIDATION)):
        loader = make_val_loader(run.dataset.select(split), run.dataset, run.geometry, run.options)
        track = partial(run.progress.track, stage=stage, epoch=0, epochs=run.options.epochs)
        loader = run.accelerator.prepare(loader)
        embeddings, _, targets = embed(prepared, loader, run.accelerator, track)
        sides.append((embeddings, targets))
    chooses, _ = halve_validation(run.dataset.select("val"))
    val = (sides[1][0][chooses], sides[1][1][chooses])
    weight, bias, accuracy = fit_head(sides[0], val, len(run.dataset.class_names))
    set_head(model, weight, bias)
    run.progress.say(f"linear probe: validation accuracy {accuracy:.2%}")
    return accuracy


def _train_epoch(run: _Run, state: State) -> None:
    """Pass through the training images once, then validate the averaged weights."""
    epoch, epochs = state.epochs_done + 1, run.options.epochs
    set_seed(run.options.seed * 1009 + epoch - 1, device_specific=True)
    # The prepared loader: it sets the sampler's epoch, and its own count.
    state.loader.set_epoch(epoch - 1)
    sides = [find_crop_side(number, run.options) for number in range(epoch - 1, epochs)]
    state.images.transform = make_transform(sides[0], run.geometry)
    # Later crops are larger, and a step takes as long as it has pixels.
    ahead = round(len(state.loader) * sum(side**2 for side in sides[1:]) / sides[0] ** 2)
    state.model.train()
    freeze_batch_norm(state.model)
    started, losses = time.monotonic(), list[float]()
    for batch, targets in run.progress.track(state.loader, Stage.EPOCH, epoch, epochs, ahead):
        losses.append(_step(run, state, batch, targets))
        steps, seconds = len(state.loader) + ahead, time.monotonic() - started
        remaining = estimate_remaining(seconds, len(losses), steps)
        run.progress.note = (
            f"loss {np.mean(losses[-20:]):.3f}, "
            f"{len(losses) * run.options.batch_size / seconds:.1f} images/s, "
            f"{(remaining or 0.0) / 60:.0f} min of training left"
        )
    seconds, train_loss = time.monotonic() - started, float(np.mean(losses))
    measured = run.validation.measure(state.average.module, run.geometry, epoch)
    state.history.append(
        {
            "epoch": epoch,
            "train_loss": train_loss,
            "val_loss": measured.loss,
            "val_accuracy": measured.accuracy,
            "lr": float(state.scheduler.get_last_lr()[0]),
            "seconds": seconds,
            "probe_accuracy": state.probe_accuracy,
        }
    )
    state.epochs_done = epoch
    run.progress.point(epoch, measured.loss, measured.accuracy)
    run.progress.say(
        f"epoch {epoch}: training loss {train_loss:.4f}, validation loss {measured.loss:.4f}, "
        f"accuracy {measured.accuracy:.2%}, {seconds:.0f} s"
    )


def _step(run: _Run, state: State, batch: torch.Tensor, targets: torch.Tensor) -> float:
    accelerator = run.accelerator
    batch = batch.contiguous(memory_format=torch.channels_last)
    with accelerator.autocast():
        logits = state.model(batch)
        loss = functional.cross_entropy(
            logits, targets, label_smoothing=run.options.label_smoothing
        )
    accelerator.backward(loss)
    accelerator.clip_grad_norm_(state.model.parameters(), _CLIP_NORM)
    state.optimizer.step()
    state.scheduler.step()
    state.optimizer.zero_grad()
    state.average.update_parameters(accelerator.unwrap_model(state.model))
    return float(loss.item())


def _choose(run: _Run, state: State) -> Result:
    """Choose by validation the share of the fine-tuned weights and the input geometry."""
    run.accelerator.wait_for_everyone()
    model = state.average.module
    choice = choose(model, run.geometry, run.validation)
    if run.accelerator.is_main_process:
        save_weights(model, run.folder / CHOSEN)
    return Result(
        epoch=run.options.epochs,
        geometry=choice.geometry.geometry,
        bias=[round(float(value), 4) for value in choice.bias],
        tuned=choice.share,
        geometries=choice.compare_geometries(),
        shares=choice.compare_shares(),
        probe_accuracy=state.probe_accuracy,
        seconds=sum(row["seconds"] for row in state.history),
        device=str(run.accelerator.device.type),
        processes=run.accelerator.num_processes,
    )
