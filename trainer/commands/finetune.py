"""Fine-tuning (Deep on the page): the whole model is trained on the stored images.

It starts from the version in use. Unlike a new head it changes the backbone, so remembered
embeddings are of no use: every class needs stored images.
Command: `python -m trainer finetune --data DIR --model NAME`.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import onnxruntime as ort

from inference.providers import open_session
from inference.versions.cards import Card, Parent, read_card
from inference.versions.catalog import Catalog
from inference.versions.comparison import Comparison
from labelling.store.store import Store
from trainer.base_versions import find_base, find_catch_all
from trainer.data.dataset import LabelledImage
from trainer.data.stored_dataset import read_stored
from trainer.evaluation.comparison import Locked, Side, compare, publish
from trainer.evaluation.predictions import predict
from trainer.finetuning.devices import make_accelerator
from trainer.finetuning.loop import train
from trainer.finetuning.run_folder import clear_other_run
from trainer.finetuning.weights import CHECKPOINT
from trainer.freezing.export import Frozen, freeze_run, mark_exported, save
from trainer.freezing.version_folder import Version
from trainer.jobs import Job
from trainer.options import FinetuneOptions, TrainOptions
from trainer.progress import Progress

_BATCH_SIZE = 16
_LR = 1.5e-4


def finetune(catalog: Catalog, store: Store, options: FinetuneOptions, job: Job) -> Version:
    """Train, freeze, compare with the version in use, and publish unless that advises against it.

    Raises: UserInputError where there are too few images; CancelledError; ParityError.
    """
    parent = find_base(catalog, options.model, options.origin)
    card, progress = read_card(parent), Progress(job=job)
    settings = _make_options(
        options, parent, find_catch_all(card, store.data, options.model, options.catch_all)
    )
    own = card.model == options.model
    # Opened now: a version that another has replaced meanwhile may be deleted.
    current = open_session(parent / "model.onnx") if own else None
    dataset = read_stored(store, options.model, card.class_names if own else ())
    folder = _find_run(store.data, options.model)
    clear_other_run(folder, settings, dataset.sha256)
    train(dataset, settings, folder, make_accelerator("auto"), progress)
    frozen = freeze_run(folder, progress)
    comparison = _compare(frozen, card, current, progress)
    version = _write(frozen, catalog, card, comparison)
    comparison = publish(catalog, version.folder, comparison, card.version if own else None)
    mark_exported(folder, version)
    catalog.prune(options.model)
    return replace(version, comparison=comparison)


def _make_options(options: FinetuneOptions, parent: Path, catch_all: str | None) -> TrainOptions:
    """Return the settings that suit a few images and a version that is good already."""
    card = read_card(parent)
    return TrainOptions(
        model=options.model,
        backbone=card.backbone,
        weights=str(parent / CHECKPOINT),
        catch_all=catch_all,
        epochs=options.epochs,
        batch_size=_BATCH_SIZE,
        lr=_LR,
        size=card.input.size,
        train_size=card.input.size * 7 // 8,  # as in a full training
        geometry=card.input.geometry,
        seed=options.seed,
        workers=0,
    )


def _find_run(data: Path, model: str) -> Path:
    """Return the folder of a model's run; one of an earlier release is taken over."""
    folder = data / "training" / "finetune" / model
    old = data / "training" / "deep" / model
    if old.is_dir() and not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        old.rename(folder)
    return folder


def _compare(
    frozen: Frozen, card: Card, current: ort.InferenceSession | None, progress: Progress
) -> Comparison:
    """Compare on the locked images, which are the run's test images.

    `card`, `current`: the version in use; None where there was none.
    """
    images = frozen.test.images
    locked = [Locked(image.label, sha256=image.sha256) for image in images]
    new = Side(frozen.card.class_names, frozen.test.probabilities)
    if current is None:
        return compare(locked, new)
    old = _ask(current, card, images, frozen.card.class_names, progress)
    return compare(locked, new, old, Parent(model=card.model, version=card.version))


def _ask(
    session: ort.InferenceSession,
    card: Card,
    images: Sequence[LabelledImage],
    all_names: tuple[str, ...],
    progress: Progress,
) -> Side:
    found = predict(session, images, all_names, card.input, progress)
    return Side(card.class_names, found.probabilities)


def _write(frozen: Frozen, catalog: Catalog, ancestor: Card, comparison: Comparison) -> Version:
    card = frozen.card.model_copy(
        update={
            "licence": ancestor.licence,
            "parent": Parent(model=ancestor.model, version=ancestor.version),
            "training": frozen.card.training.model_copy(update={"kind": "finetune"}),
        }
    )
    return save(replace(frozen, card=card), catalog.reserve(card.model), comparison)
