"""LP-FT: a linear probe, then fine-tuning of the whole network, on one process or many.

Started by `torchrun`, Accelerate spreads the batches over the processes; nothing here differs.
"""

import math
import shutil
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from inference.versions.cards import InputGeometry
from labelling.training_log import Stage
from trainer.data.dataloaders import (
    BalancedSampler,
    ImageDataset,
    make_loader,
    make_mix,
    make_transform,
)
from trainer.data.dataset import Dataset
from trainer.finetuning import run_folder as runs
from trainer.finetuning.backbones import (
    create_backbone,
    freeze_batch_norm,
    freeze_stages,
    group_parameters,
    read_normalisation,
)
from trainer.finetuning.distillation import Teachers
from trainer.finetuning.linear_probe import embed, fit_head, score_held_out, set_head
from trainer.finetuning.run_folder import Result
from trainer.finetuning.selection import Validation, choose, make_val_loader
from trainer.finetuning.weights import CHOSEN
from trainer.options import TrainOptions
from trainer.progress import Progress

_WARMUP = 0.1  # of all steps
_CLIP_NORM = 1.0


def train(
    dataset: Dataset,
    options: TrainOptions,
    folder: Path,
    accelerator: Accelerator,
    progress: Progress,
) -> Result:
    """Train and leave `chosen.safetensors`, `history.json` and `result.json` in the run's folder.

    Goes on from the last checkpoint of an unfinished run of the same options and data.
    Raises: UserInputError for a backbone or weights that do not suit.
    """
    if accelerator.is_main_process:
        resumed = runs.open_run(folder, options, dataset.sha256)
        runs.write_images(folder, dataset)
        progress.say("Going on where the run was left." if resumed else "A new run begins.")
    accelerator.wait_for_everyone()
    if runs.is_finished(folder):
        return runs.read_result(folder)
    set_seed(options.seed)
    state = _State(dataset, options, folder, accelerator, progress)
    state.restore_or_probe()
    for epoch in range(state.epochs_done, options.epochs):
        state.train_epoch(epoch)
        state.finish_epoch(epoch)
    result = state.choose()
    if accelerator.is_main_process:
        runs.write_json(folder / "result.json", asdict(result))
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    accelerator.wait_for_everyone()
    return result


def load_chosen(folder: Path, dataset: Dataset) -> nn.Module:
    """Return the network that validation chose, ready to be frozen."""
    options = runs.read_options(folder)
    model = create_backbone(options.backbone, len(dataset.class_names))
    model.load_state_dict(load_file(folder / CHOSEN))
    return model.eval()


def make_geometry(model: nn.Module, size: int, geometry: str) -> InputGeometry:
    """Return the frozen network's input geometry for this backbone and size in pixels."""
    mean, std = read_normalisation(model)
    return InputGeometry(size=size, geometry=geometry, mean=mean, std=std)


class _State:
    """What training changes: the network, its average, the optimizer, the schedule, the rows."""

    def __init__(
        self,
        dataset: Dataset,
        options: TrainOptions,
        folder: Path,
        accelerator: Accelerator,
        progress: Progress,
    ) -> None:
        self.dataset, self.options, self.folder = dataset, options, folder
        self.accelerator, self.progress = accelerator, progress
        self.epochs_done = 0
        self.history: list[dict[str, float]] = []
        self.probe_accuracy = 0.0
        self.model = create_backbone(options.backbone, len(dataset.class_names), options.weights)
        freeze_stages(self.model, options.frozen)
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.teachers = Teachers(options, dataset.class_names, accelerator.device)
        self.geometry = make_geometry(self.model, options.size, options.geometry or "squash")
        self.validation = Validation(dataset, options, accelerator, progress)

    def restore_or_probe(self) -> None:
        """Fit the head on frozen features, or load the last checkpoint."""
        checkpoints = runs.list_checkpoints(self.folder)
        if not checkpoints:
            self._probe()
        self._prepare()
        if checkpoints:
            self.accelerator.load_state(str(checkpoints[-1]))
            self.epochs_done = int(checkpoints[-1].name)
            self.history = runs.read_history(self.folder)[: self.epochs_done]
            self.probe_accuracy = self.history[0]["probe_accuracy"]

    def train_epoch(self, epoch: int) -> None:
        """Go through the training images once."""
        set_seed(self.options.seed * 1009 + epoch, device_specific=True)
        self.loader.set_epoch(epoch)  # the prepared one: it sets the sampler's, and its own count
        self.model.train()
        freeze_batch_norm(self.model)
        started, seen, losses = time.monotonic(), 0, []
        epochs = self.options.epochs
        for batch, targets in self.progress.track(self.loader, Stage.EPOCH, epoch + 1, epochs):
            loss = self._step(batch, targets)
            losses.append(loss)
            seen += len(targets) * self.accelerator.num_processes
            speed = seen / (time.monotonic() - started)
            shown = f"loss {np.mean(losses[-20:]):.3f}, {speed:.1f} pictures/s"
            known = self.history[-1]["val_accuracy"] if self.history else self.probe_accuracy
            steps_left = (self.options.epochs - epoch) * len(self.loader) - len(losses)
            minutes = steps_left * (time.monotonic() - started) / len(losses) / 60
            shown += f", validation {known:.1%}, {minutes:.0f} min to the last epoch's end"
            self.progress.note = shown
        self.train_loss, self.seconds = float(np.mean(losses)), time.monotonic() - started

    def finish_epoch(self, epoch: int) -> None:
        """Measure the averaged network on validation, keep it if it is the best, checkpoint."""
        measured = self.validation.measure(self.average.module, self.geometry, epoch + 1)
        accuracy, loss = measured.accuracy, measured.loss
        row: dict[str, float] = {
            "epoch": epoch + 1,
            "train_loss": self.train_loss,
            "val_loss": loss,
            "val_accuracy": accuracy,
            "lr": float(self.scheduler.get_last_lr()[0]),
            "seconds": self.seconds,
            "probe_accuracy": self.probe_accuracy,
        }
        self.history.append(row)
        self.progress.point(epoch + 1, loss, accuracy)
        self.progress.say(
            f"epoch {epoch + 1}: training loss {self.train_loss:.4f}, validation loss {loss:.4f}, "
            f"accuracy {accuracy:.2%}, {self.seconds:.0f} s"
        )
        self._checkpoint(epoch + 1)

    def choose(self) -> Result:
        """Choose by validation how much of the last weights to take, and how images are seen."""
        self.accelerator.wait_for_everyone()
        choice = choose(self.average.module, self.geometry, self.validation)
        if self.accelerator.is_main_process:
            _save_weights(self.average.module, self.folder / CHOSEN)
        return Result(
            epoch=self.options.epochs,
            geometry=choice.geometry.geometry,
            size=choice.geometry.size,
            bias=[round(float(value), 4) for value in choice.bias],
            tuned=choice.share,
            geometries=choice.compare_geometries(),
            sizes=choice.compare_sizes(),
            shares=choice.compare_shares(),
            probe_accuracy=self.probe_accuracy,
            seconds=sum(row["seconds"] for row in self.history),
            device=str(self.accelerator.device.type),
            processes=self.accelerator.num_processes,
        )

    def _probe(self) -> None:
        sides = []
        model = self.accelerator.prepare_model(self.model, evaluation_mode=True)
        for split, stage in (("train", Stage.PROBE), ("val", Stage.VALIDATION)):
            loader = make_val_loader(
                self.dataset.select(split), self.dataset, self.geometry, self.options
            )
            prepared = self.accelerator.prepare(loader)
            track = partial(self.progress.track, stage=stage, epoch=0, epochs=self.options.epochs)
            vectors, _, targets = embed(model, prepared, self.accelerator, track)
            sides.append((vectors, targets))
        weight, bias, accuracy = fit_head(sides[0], sides[1], len(self.dataset.class_names))
        if self.options.hard and self.accelerator.is_main_process:
            groups = [image.group for image in self.dataset.select("train")]
            np.save(self.folder / runs.SCORES, score_held_out(*sides[0], groups))
        self.accelerator.wait_for_everyone()
        set_head(self.model, weight, bias)
        self.probe_accuracy = accuracy
        self.progress.say(f"linear probe: validation accuracy {accuracy:.2%}")

    def _find_emphasis(self) -> NDArray[np.float64] | None:
        """Return by what training images are drawn more often, (N,) from 1 up."""
        if not self.options.hard:
            return None
        scores: NDArray[np.float64] = np.load(self.folder / runs.SCORES, allow_pickle=False)
        return 1 + self.options.hard * (1 - scores)

    def _prepare(self) -> None:
        options, accelerator = self.options, self.accelerator
        train = self.dataset.select("train")
        transform = make_transform(options.train_size, self.geometry)
        self.mix = make_mix(len(self.dataset.class_names))
        augmented = ImageDataset(train, self.dataset.class_names, self.geometry, transform)
        sampler = BalancedSampler(train, options.balance, options.seed, self._find_emphasis())
        per_process = max(1, options.batch_size // accelerator.num_processes)
        drop_last = len(train) >= 2 * options.batch_size
        loader = make_loader(augmented, per_process, options.workers, sampler, drop_last)
        groups = group_parameters(self.model, options.weight_decay)
        optimizer = torch.optim.AdamW(groups, lr=options.lr)
        steps = options.epochs * math.ceil(len(loader) / accelerator.num_processes)
        # Of a short run the last quarter, or the averaged weights would hardly have moved.
        decay = min(options.average, max(0.0, 1 - 4 / steps))
        average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(self.model, multi_avg_fn=average).to(accelerator.device)
        self.model, self.optimizer, self.loader = accelerator.prepare(self.model, optimizer, loader)
        warmup = max(1, round(_WARMUP * steps))
        self.scheduler = torch.optim.lr_scheduler.SequentialLR(
            optimizer,
            [
                torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, 1.0, warmup),
                torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, steps - warmup)),
            ],
            [warmup],
        )
        accelerator.register_for_checkpointing(self.average, self.scheduler)

    def _step(self, batch: torch.Tensor, targets: torch.Tensor) -> float:
        accelerator = self.accelerator
        if torch.rand(()).item() < self.options.mix:
            batch, targets = self.mix(batch, targets)
        batch = batch.contiguous(memory_format=torch.channels_last)
        with accelerator.autocast():
            logits = self.model(batch)
            loss = functional.cross_entropy(
                logits, targets, label_smoothing=self.options.label_smoothing
            )
            loss = self.teachers.add_to(loss, logits, batch)
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(self.model.parameters(), _CLIP_NORM)
        self.optimizer.step()
        self.scheduler.step()
        self.optimizer.zero_grad()
        self.average.update_parameters(accelerator.unwrap_model(self.model))
        return float(loss.item())

    def _checkpoint(self, epoch: int) -> None:
        """Save all that going on needs; a folder that a kill left half done is never read."""
        folder = self.folder / "checkpoints"
        part = folder / f".{epoch}.part"
        self.accelerator.wait_for_everyone()
        self.accelerator.save_state(str(part))
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            runs.write_json(self.folder / "history.json", self.history)
            shutil.rmtree(folder / str(epoch), ignore_errors=True)
            part.rename(folder / str(epoch))
            for old in runs.list_checkpoints(self.folder)[:-1]:
                shutil.rmtree(old)
        self.accelerator.wait_for_everyone()


def _save_weights(model: nn.Module, path: Path) -> None:
    part = path.with_suffix(".part")
    save_file({k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}, part)
    part.replace(path)
