"""The quick retrain: stored images in, a new version with a new head out, in seconds on a CPU.

The backbone stays as it is, so remembered embeddings count as images. Nothing here imports
PyTorch, whose import alone takes as long as the rest.
Command: `python -m trainer head --data DIR --model NAME`.
"""

import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.atomic_files import STAGING, staging_folder
from inference.classifier import find_min_side
from inference.errors import UserInputError
from inference.images import decode
from inference.versions.cards import Card
from inference.versions.catalog import Catalog
from inference.versions.comparison import Comparison
from inference.versions.folders import add_version
from inference.versions.probes import list_probes, make_probe
from labelling.store.store import Store
from labelling.training_log import CurveSplit, Stage
from trainer.base_versions import find_catch_all, find_parent
from trainer.data.replay_memory import make_empty
from trainer.evaluation.comparison import publish
from trainer.freezing.head_replacement import read_head
from trainer.freezing.head_version import Draft, write_draft
from trainer.head.embeddings import embed_stored
from trainer.head.fitting import Learned, learn
from trainer.head.start import Start, open_start, recall
from trainer.head.training_set import (
    Material,
    check_material,
    gather,
    leave_out_conflicts,
    make_lesson,
    name_classes,
)
from trainer.jobs import Job
from trainer.options import HeadOptions

_PROOFS = 3  # stored images on which a graft is proved, beside the probes


@dataclass(frozen=True)
class Taught:
    """A version that was taught, where it lies, and what the gate said."""

    folder: Path
    card: Card
    comparison: Comparison

    def summary(self) -> dict[str, Any]:
        """Return what a program wants to know, as JSON values."""
        return {
            "model": self.card.model,
            "version": self.card.version,
            "folder": str(self.folder),
            "outcome": self.comparison.outcome,
            "sentence": self.comparison.sentence,
            "classes": list(self.card.class_names),
        }

    def describe(self) -> str:
        """Return the same in words."""
        return (
            f"{self.card.model} version {self.card.version} is in {self.folder}\n"
            f"{self.comparison.sentence}"
        )


def train_head(catalog: Catalog, store: Store, options: HeadOptions, job: Job) -> Taught:
    """Teach a model what the store holds for it, and publish it where the gate lets it.

    Raises: UserInputError where there is too little to learn from; CancelledError; GraftError.
    Then nothing has changed.
    """
    begun = time.monotonic()
    _sweep(catalog)
    job.stage(Stage.READING)
    start = open_start(find_parent(catalog, options.model, options.origin), options.model)
    material = _read_material(store, start, options.model, job)
    check_material(material)
    catch_all = _find_catch_all(options, start, store, material.class_names)
    history: list[dict[str, float]] = []
    material, learned = _fit(material, start, catch_all, history, job)
    seconds = time.monotonic() - begun
    draft = Draft(options.model, catch_all, start, material, learned, history, seconds)
    taught = _write(catalog, draft, _choose_images(store, draft), job)
    expected = start.card.version if start.own else None
    comparison = publish(catalog, taught.folder, taught.comparison, expected)
    catalog.prune(options.model)
    return replace(taught, comparison=comparison)


def _read_material(store: Store, start: Start, model: str, job: Job) -> Material:
    """Read labels, embeddings and memory, without what is known to be deleted."""
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
    wanted = options.catch_all
    if wanted is not None and wanted not in names:
        raise UserInputError(f"The catch-all {wanted!r} is not among the classes: add pictures.")
    found = find_catch_all(start.card, store.data, options.model, wanted)
    return found if found in names else None


def _fit(
    material: Material,
    start: Start,
    catch_all: str | None,
    history: list[dict[str, float]],
    job: Job,
) -> tuple[Material, Learned]:
    job.stage(Stage.FITTING)
    if start.own:
        material = leave_out_conflicts(material, catch_all, len(start.card.class_names))
        check_material(material)
    parent = read_head(start.network) if start.own else None

    def draw(step: int, loss: float, accuracy: float, split: CurveSplit) -> None:
        if split == "validation":
            history.append({"step": step, "loss": loss, "accuracy": accuracy})
        job.curve(step, loss, accuracy, split)

    def check(done: int, total: int) -> None:
        job.stage(Stage.FITTING, done, total)

    return material, learn(make_lesson(material, parent, catch_all), check, draw)


def _write(catalog: Catalog, draft: Draft, images: list[NDArray[np.uint8]], job: Job) -> Taught:
    job.stage(Stage.COMPARING)
    comparison = draft.compare()
    folder, number = catalog.reserve(draft.model)
    with staging_folder(folder) as staging:
        job.stage(Stage.PROVING)
        card = write_draft(staging, draft, number, comparison, images)
        job.stage(Stage.WRITING)
        target = add_version(staging, folder, number)
    return Taught(target, card, comparison)


def _choose_images(store: Store, draft: Draft) -> list[NDArray[np.uint8]]:
    """Return a few stored images and the probes."""
    entries = [*draft.material.train.entries, *draft.material.locked.entries]
    step = max(1, len(entries) // _PROOFS)
    min_side = find_min_side(draft.start.card.input)
    images = [decode(store.read_bytes(e.sha256), min_side) for e in entries[::step][:_PROOFS]]
    return images + [make_probe(*probe) for probe in list_probes()]


def _sweep(catalog: Catalog) -> None:
    """Remove what trainings that were killed left; the lock is ours, so nobody is writing."""
    if catalog.data is not None:
        for left in (catalog.data / "models").glob(f"*/{STAGING}*"):
            shutil.rmtree(left)
