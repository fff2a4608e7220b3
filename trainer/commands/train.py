"""A full training: labelled images in, a finished run out, ready to be frozen.

Command: `python -m trainer train IMAGES… --model NAME`.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from accelerate import Accelerator

from inference.errors import UserInputError
from inference.versions.catalog import check_model_name
from trainer.data.dataset import Dataset, read_dataset
from trainer.finetuning import loop
from trainer.finetuning.weights import find_weights
from trainer.options import TrainOptions
from trainer.progress import Progress


def prepare(
    locations: Sequence[str],
    options: TrainOptions,
    folder: Path,
    val_fraction: float,
    progress: Progress,
) -> tuple[Dataset, TrainOptions]:
    """Read the labelled images, and find the weights to start from.

    `folder`: that of the run.
    Raises: UserInputError for images or options that cannot be trained with.
    """
    check_model_name(options.model)
    corrections = Path(options.corrections) if options.corrections else None
    val_names = Path(options.val_names) if options.val_names else None
    dataset = read_dataset(
        locations,
        folder=folder,
        validation=val_names or val_fraction,
        corrections=corrections,
        progress=lambda done, total: progress.count(done, total, "reading images"),
    )
    progress.say(_describe_dataset(dataset, folder))
    if corrections:
        progress.say(f"{dataset.corrected} images corrected or left out by {corrections.name}.")
    if options.catch_all is not None and options.catch_all not in dataset.class_names:
        raise UserInputError(
            f"The catch-all {options.catch_all!r} is not among the classes "
            f"{', '.join(dataset.class_names)}."
        )
    return dataset, replace(
        options,
        weights=find_weights(options.weights, options.backbone),
        corrections=corrections.name if corrections else None,
        val_names=val_names.name if val_names else None,
    )


def train(
    dataset: Dataset,
    options: TrainOptions,
    folder: Path,
    accelerator: Accelerator,
    progress: Progress,
) -> bool:
    """Train; returns whether this process is the one that exports, for which no other waits."""
    loop.train(dataset, options, folder, accelerator, progress)
    accelerator.wait_for_everyone()
    accelerator.end_training()
    return progress.shown


def check_target(model_folder: Path) -> None:
    """Check before training that a version could be written.

    Raises: UserInputError for a folder that cannot be made.
    """
    try:
        model_folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=model_folder, prefix=".staging-"):
            pass
    except OSError as error:
        raise UserInputError(
            f"Nothing can be written to {model_folder} ({error.strerror}). "
            "Choose another --exported."
        ) from error


def _describe_dataset(dataset: Dataset, folder: Path) -> str:
    """Return the counts by split and class, and what was left out, in a few lines."""
    lines = [
        f"{split}: " + ", ".join(f"{count:,} {label}" for label, count in labels.items())
        for split, labels in dataset.counts().items()
    ]
    if dataset.left_out:
        lines.append(
            f"{len(dataset.left_out)} files left out, listed in {folder / 'left_out.txt'}, such as:"
        )
        lines += [f"  {item.path}: {item.reason}" for item in dataset.left_out[:5]]
    return "\n".join(lines)
