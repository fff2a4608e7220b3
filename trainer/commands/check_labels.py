"""Label issues: stored images whose labels look wrong, for a person to check.

Each image is classified by a head that was not trained on it or its near-duplicates, and cleanlab
says which labels those predictions contradict. The backbone is one that ships: a version made here
may have learned the wrong labels. Nothing here imports PyTorch.
Command: `python -m trainer check-labels --data DIR --model NAME`; runs after each training too.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from inference.versions.cards import name_for_display, read_card
from inference.versions.catalog import Catalog
from inference.versions.integrity import find_fault
from labelling.required_images import MIN_CHECK
from labelling.store.entries import Entry
from labelling.store.label_issues import LabelCheck, LabelIssue
from labelling.store.store import Store
from labelling.training_log import Stage
from trainer.base_versions import find_base, find_catch_all
from trainer.data.replay_memory import DOUBTFUL, Remembered, make_empty
from trainer.evaluation.calibration import fit_temperature
from trainer.freezing.head_replacement import read_head
from trainer.freezing.version_folder import Version
from trainer.head.embeddings import embed_stored
from trainer.head.fitting import REPLAYED, FitData, choose_folds, score_out_of_fold
from trainer.head.regression import Head, fit_head
from trainer.head.start import open_start, recall
from trainer.head.training_set import (
    Stored,
    TrainingSet,
    find_same,
    leave_out_conflicts,
    make_fit_data,
    name_classes,
)
from trainer.jobs import CancelledError, Job

# Of 1, 0.3, 0.1 and 0.03 the one that found most with the fewest false alarms, by a little, in
# random samples of training images with a tenth of the labels flipped.
_REGULARISATION = 1.0


Checker = Callable[[Catalog, Store, str, Job], LabelCheck]


@dataclass(frozen=True)
class Reference:
    """What a model's labels are checked by beside themselves: the memory of a version.

    `class_names`: its classes, in the order of `head`; none and None for a new model.
    """

    remembered: Remembered
    class_names: tuple[str, ...] = ()
    head: Head | None = None
    catch_all: str | None = None


def check_labels(catalog: Catalog, store: Store, model: str, job: Job) -> LabelCheck:
    """Find label issues, and store them for the page.

    Raises: CancelledError; UserInputError where there is no model to predict with.
    """
    job.stage(Stage.CHECKING_LABELS)
    start = open_start(find_reference(catalog, model), model)
    entries = [entry for entry in store.find(model) if entry.split != "excluded"]
    stored = embed_stored(store, entries, start, job)
    reference = Reference(make_empty(stored.embeddings.shape[1]))
    if start.own:
        remembered = recall(store, start, stored.embeddings.shape[1])
        catch_all = find_catch_all(start.card, store.data, model, None)
        reference = Reference(
            remembered, start.card.class_names, read_head(start.network), catch_all
        )
    check = find_issues(stored, reference, job.check)
    store.put_label_check(model, check)
    return check


def finish_checked(
    catalog: Catalog, store: Store, job: Job, made: Version, check: Checker = check_labels
) -> None:
    """End a training with the check; the new version stays even if that fails."""
    assert made.comparison
    card, sentence = made.card, made.comparison.sentence
    ends = (card.model, card.version, made.comparison.outcome)
    job.settle(*ends, sentence)
    try:
        check(catalog, store, card.model, job)
        unchecked = ""
    except (CancelledError, KeyboardInterrupt):
        unchecked = " The labels were not checked: that was cancelled."
    except Exception as error:  # whatever it is, the version is there already
        unchecked = f" The labels were not checked ({type(error).__name__}); the log says why."
        logging.getLogger(__name__).error("The labels were not checked.", exc_info=error)
    job.finish(*ends, sentence + unchecked)


def find_reference(catalog: Catalog, model: str) -> Path:
    """Return the folder of a version that ships, which was not trained on images stored here.

    That of the model itself, else one with the backbone of the version in use, whose embeddings
    are stored already.
    """
    current = find_base(catalog, model)
    shipped = Catalog(catalog.exported)
    names = shipped.list_models()
    if model in names:
        return shipped.find(model)
    key = read_card(current).backbone_key
    same = (shipped.find(name) for name in names)
    sound = (folder for folder in same if find_fault(folder) is None)
    alike = next((folder for folder in sound if read_card(folder).backbone_key == key), None)
    return alike or (find_base(shipped, model) if names else current)


def find_issues(
    stored: Stored, reference: Reference, check: Callable[[], None] = lambda: None
) -> LabelCheck:
    """Return the stored images whose labels look wrong, the worst first.

    Only classes with enough different images, or that are remembered, are checked. `check` is
    called before each fit, and may end it all by an error.
    """
    sure = reference.remembered.targets[reference.remembered.targets != DOUBTFUL]
    checked = {reference.class_names[target] for target in np.unique(sure).tolist()}
    labels = sorted({entry.label for entry in stored.entries})
    checked |= {label for label in labels if _count_groups(stored.entries, label) >= MIN_CHECK}
    too_few = tuple(label for label in labels if label not in checked)
    some = stored.select(np.array([entry.label in checked for entry in stored.entries], dtype=bool))
    if len(checked) < 2 or not some.entries:
        return LabelCheck(0, too_few, ())
    fit_data = _make_fit_data(some, reference, name_classes(reference.class_names, sorted(checked)))
    probabilities, targets = _predict_out_of_fold(fit_data, check)
    count = len(some.entries)
    flagged, quality = _find_issues(probabilities, targets)
    issues = [
        _describe_issue(some.entries[i], fit_data.class_names, probabilities[i], float(quality[i]))
        for i in np.flatnonzero(flagged[:count]).tolist()
    ]
    return LabelCheck(count, too_few, tuple(sorted(issues, key=lambda issue: issue.quality)))


def summarise(store: Store, model: str) -> dict[str, Any]:
    """Return what the last check found and nobody has settled since, as JSON values."""
    check = store.read_label_check(model) or LabelCheck(0, (), ())
    found = [
        {
            "label": entry.id,
            "sha256": entry.sha256,
            "name": entry.name,
            "class": entry.label,
            "suggested": issue.suggested,
            "probability": issue.probability,
            "quality": issue.quality,
        }
        for entry, issue in store.find_label_issues(model)
    ]
    return {"images": check.images, "too_few": list(check.too_few), "issues": found}


def describe(summary: dict[str, Any]) -> str:
    """Return a summary in words, one issue a line."""
    found = summary["issues"]
    checked = summary["images"]
    lines = ["There are no labels to check."]
    if checked:
        lines = [f"{len(found):,} of {checked:,} labels look wrong."]
    lines += [
        f"  label {row['label']}: {name_for_display(row['class'])}, rather "
        f"{name_for_display(row['suggested'])} ({row['probability']:.0%}) {row['name']}".rstrip()
        for row in found
    ]
    if summary["too_few"]:
        names = ", ".join(map(name_for_display, summary["too_few"]))
        lines.append(f"Under {MIN_CHECK} different pictures, so not checked: {names}.")
    return "\n".join(lines)


def _count_groups(entries: Sequence[Entry], label: str) -> int:
    return len({entry.group for entry in entries if entry.label == label})


def _make_fit_data(stored: Stored, reference: Reference, names: tuple[str, ...]) -> FitData:
    """Return all stored images, of either split, and what is remembered.

    An image that is both counts as stored: it must not confirm its own label.
    """
    same = find_same(stored.embeddings, reference.remembered.embeddings)
    remembered = reference.remembered.select(np.asarray(~same.any(axis=0)))
    nothing = stored.select(np.zeros(len(stored.entries), dtype=bool))
    training_set = TrainingSet(names, stored, nothing, remembered)
    if reference.head is not None:
        training_set = leave_out_conflicts(
            training_set, reference.catch_all, len(reference.class_names)
        )
    return make_fit_data(training_set, reference.head, reference.catch_all)


def _predict_out_of_fold(
    data: FitData, check: Callable[[], None]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return calibrated probabilities (K, C) by heads not trained on the image, and targets (K,).

    The K images are the stored ones in their order, then the remembered validation images, which
    tell cleanlab how confident predictions of a class usually are.
    """
    new = data.groups != REPLAYED
    scale, problem = data.prepare()
    folds = choose_folds(data)
    check()
    full = fit_head(problem, np.ones(len(folds), dtype=bool), _REGULARISATION)
    logits = score_out_of_fold(problem, folds, _REGULARISATION, full, check)
    check()
    val_logits = scale.from_scaled(full).score(data.val_embeddings)
    logits = np.concatenate([logits[new], val_logits])
    targets = np.concatenate([data.targets[new], data.val_targets])
    scaled = logits / fit_temperature(logits, targets)
    return np.asarray(softmax(scaled.astype(np.float64), axis=1)), targets


def _find_issues(
    probabilities: NDArray[np.float64], targets: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return which of K labels are likely wrong, and the quality of each, 0–1: (K,) each."""
    from cleanlab.filter import find_label_issues  # noqa: PLC0415  (it takes a second)
    from cleanlab.rank import get_label_quality_scores  # noqa: PLC0415

    flagged = find_label_issues(targets, probabilities, n_jobs=1)
    return flagged, get_label_quality_scores(targets, probabilities)


def _describe_issue(
    entry: Entry, names: tuple[str, ...], probabilities: NDArray[np.float64], quality: float
) -> LabelIssue:
    others = [i for i, name in enumerate(names) if name != entry.label]
    best = max(others, key=lambda i: probabilities[i])
    probability = round(float(probabilities[best]), 4)
    return LabelIssue(entry.id, entry.label, names[best], probability, round(quality, 4))
