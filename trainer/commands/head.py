"""Training a new head (Quick on the page): seconds on a CPU.

The backbone stays as it is, so remembered embeddings count as images. Nothing here imports
PyTorch, whose import alone takes as long as the rest.
Command: `python -m trainer head --data DIR --model NAME`.
"""

import shutil
import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inference.atomic_files import STAGING, staging_folder
from inference.classifier import find_min_side
from inference.errors import UserInputError
from inference.images import decode
from inference.versions.catalog import Catalog
from inference.versions.comparison import Comparison
from inference.versions.probes import list_probes, make_probe
from labelling.store.store import Store
from labelling.training_log import CurveSplit, Stage
from trainer.base_versions import find_base, find_catch_all
from trainer.data.replay_memory import make_empty
from trainer.evaluation.comparison import publish
from trainer.freezing.head_replacement import read_head
from trainer.freezing.head_version import HeadVersion, write_head_version
from trainer.freezing.version_folder import Version
from trainer.head.embeddings import embed_stored
from trainer.head.fitting import FittedHead, fit
from trainer.head.start import Start, open_start, recall
from trainer.head.training_set import (
    TrainingSet,
    check_training_set,
    gather,
    leave_out_conflicts,
    make_fit_data,
    name_classes,
)
from trainer.jobs import Job
from trainer.options import HeadOptions

_PROOFS = 3  # stored images on which the new head is proved, beside the probes


def train_head(catalog: Catalog, store: Store, options: HeadOptions, job: Job) -> Version:
    """Train a head on the stored images of a model, and publish it unless that is advised against.

    Raises: UserInputError where there are too few images; CancelledError; HeadReplacementError.
    Then nothing has changed.
    """
    begun = time.monotonic()
    _delete_leftovers(catalog)
    job.stage(Stage.READING)
    start = open_start(find_base(catalog, options.model, options.origin), options.model)
    training_set = _read_training_set(store, start, options.model, job)
    check_training_set(training_set)
    catch_all = _find_catch_all(options, start, store, training_set.class_names)
    history: list[dict[str, float]] = []
    training_set, fitted = _fit(training_set, start, catch_all, history, job)
    seconds = time.monotonic() - begun
    made = HeadVersion(options.model, catch_all, start, training_set, fitted, history, seconds)
    job.stage(Stage.COMPARING)
    comparison = made.compare()
    version = _write(catalog, made, comparison, _choose_images(store, made), job)
    expected = start.card.version if start.own else None
    comparison = publish(catalog, version.folder, comparison, expected)
    catalog.prune(options.model)
    return replace(version, comparison=comparison)


def _read_training_set(store: Store, start: Start, model: str, job: Job) -> TrainingSet:
    """Read labels, embeddings and the replay memory, without images deleted since."""
    entries = [entry for entry in store.find(model) if entry.split != "excluded"]
    entries.sort(key=lambda entry: (entry.label, entry.sha256))
    known = start.card.class_names if start.own else ()
    names = name_classes(known, [entry.label for entry in entries])
    stored = embed_stored(store, entries, start, job)
    width = stored.embeddings.shape[1]
    remembered = recall(store, start, width) if start.own else make_empty(width)
    return gather(names, stored, remembered)


def _find_catch_all(
    options: HeadOptions, start: Start, store: Store, names: tuple[str, ...]
) -> str | None:
    requested = options.catch_all
    if requested is not None and requested not in names:
        raise UserInputError(
            f"The catch-all {requested!r} is not among the classes. Add pictures of it."
        )
    found = find_catch_all(start.card, store.data, options.model, requested)
    return found if found in names else None


def _fit(
    training_set: TrainingSet,
    start: Start,
    catch_all: str | None,
    history: list[dict[str, float]],
    job: Job,
) -> tuple[TrainingSet, FittedHead]:
    job.stage(Stage.FITTING)
    if start.own:
        training_set = leave_out_conflicts(training_set, catch_all, len(start.card.class_names))
        check_training_set(training_set)
    parent = read_head(start.network) if start.own else None

    def draw(step: int, loss: float, accuracy: float, split: CurveSplit) -> None:
        if split == "validation":
            history.append({"step": step, "loss": loss, "accuracy": accuracy})
        job.curve(step, loss, accuracy, split)

    def check(done: int, total: int) -> None:
        job.stage(Stage.FITTING, done, total)

    return training_set, fit(make_fit_data(training_set, parent, catch_all), check, draw)


def _write(
    catalog: Catalog,
    made: HeadVersion,
    comparison: Comparison,
    images: list[NDArray[np.uint8]],
    job: Job,
) -> Version:
    target = catalog.reserve(made.model)
    with staging_folder(target.parent) as staging:
        job.stage(Stage.PROVING)
        card = write_head_version(staging, made, int(target.name), comparison, images)
        job.stage(Stage.WRITING)
        staging.rename(target)
    return Version(target, card)


def _choose_images(store: Store, made: HeadVersion) -> list[NDArray[np.uint8]]:
    """Return a few stored images and the probes."""
    entries = [*made.training_set.train.entries, *made.training_set.locked.entries]
    step = max(1, len(entries) // _PROOFS)
    min_side = find_min_side(made.start.card.input)
    images = [decode(store.read_bytes(e.sha256), min_side) for e in entries[::step][:_PROOFS]]
    return images + [make_probe(*probe) for probe in list_probes()]


def _delete_leftovers(catalog: Catalog) -> None:
    """Remove what killed trainings left; we hold the lock, so nobody is writing."""
    if catalog.data is not None:
        for left in (catalog.data / "models").glob(f"*/{STAGING}*"):
            shutil.rmtree(left)
