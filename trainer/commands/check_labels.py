"""Labels that look wrong, among the stored images of a model: for a person to look at.

Each image is answered by a head that has not learnt from it or its near-duplicates, and cleanlab
says which labels those answers contradict. The backbone is one that ships: a version taught here
may have learnt the wrong labels. Nothing here imports PyTorch.
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

from inference.versions.cards import Card, name_for_display, read_card
from inference.versions.catalog import Catalog
from inference.versions.comparison import Comparison
from labelling.required_images import MIN_CHECK
from labelling.store.entries import Entry
from labelling.store.label_issues import LabelCheck, LabelIssue
from labelling.store.store import Store
from labelling.training_log import Stage
from trainer.base_versions import find_catch_all, find_parent
from trainer.data.replay_memory import DOUBTFUL, Remembered, make_empty
from trainer.evaluation.calibration import fit_temperature
from trainer.freezing.head_replacement import read_head
from trainer.head.embeddings import embed_stored
from trainer.head.fitting import REPLAYED, Lesson, choose_folds
from trainer.head.regression import Head, Problem, fit_head, measure_scale
from trainer.head.start import open_start, recall
from trainer.head.training_set import (
    Material,
    Stored,
    find_same,
    leave_out_conflicts,
    make_lesson,
    name_classes,
)
from trainer.jobs import CancelledError, Job

# Of 1, 0.3, 0.1 and 0.03 the one that found most with fewest false alarms, by little, in draws of
# training images with a tenth of the labels flipped.
_STRENGTH = 1.0


@dataclass(frozen=True)
class Known:
    """What a model's labels are judged by beside themselves: what the version before remembers.

    `class_names`: its classes, in the order of `head`; none and None for a new model.
    """

    remembered: Remembered
    class_names: tuple[str, ...] = ()
    head: Head | None = None
    catch_all: str | None = None


def check_labels(catalog: Catalog, store: Store, model: str, job: Job) -> LabelCheck:
    """Look for labels that look wrong, and keep what was found for the page.

    Raises: CancelledError; UserInputError where there is no network to look with.
    """
    job.stage(Stage.CHECKING_LABELS)
    start = open_start(find_judge(catalog, model), model)
    entries = [entry for entry in store.find(model) if entry.split != "excluded"]
    stored = embed_stored(store, entries, start, job)
    known = Known(make_empty(stored.embeddings.shape[1]))
    if start.own:
        remembered = recall(store, start, stored.embeddings.shape[1])
        catch_all = find_catch_all(start.card, store.data, model, None)
        known = Known(remembered, start.card.class_names, read_head(start.network), catch_all)
    check = find_issues(stored, known, job.check)
    store.put_label_check(model, check)
    return check


def finish_checked(
    catalog: Catalog, store: Store, job: Job, card: Card, comparison: Comparison
) -> None:
    """End a training with the check; what was trained stays, whatever becomes of that."""
    ends = (card.model, card.version, comparison.outcome)
    job.settle(*ends, comparison.sentence)
    try:
        check_labels(catalog, store, card.model, job)
        unchecked = ""
    except (CancelledError, KeyboardInterrupt):
        unchecked = " The labels were not checked: that was cancelled."
    except Exception as error:  # whatever it is, the version is there already
        unchecked = f" The labels were not checked ({type(error).__name__}); the log says why."
        logging.getLogger(__name__).error("The labels were not checked.", exc_info=error)
    job.finish(*ends, comparison.sentence + unchecked)


def find_judge(catalog: Catalog, model: str) -> Path:
    """Return the folder of a version that ships, since no image stored here has taught it.

    Its own, or the one whose backbone the version in use has, so that nothing is computed twice.
    """
    current = find_parent(catalog, model)
    shipped = Catalog(catalog.exported)
    names = shipped.list_models()
    if model in names:
        return shipped.find(model)
    key = read_card(current).backbone_key
    same = (shipped.find(name) for name in names)
    alike = next((folder for folder in same if read_card(folder).backbone_key == key), None)
    return alike or (find_parent(shipped, model) if names else current)


def find_issues(
    stored: Stored, known: Known, check: Callable[[], None] = lambda: None
) -> LabelCheck:
    """Return the stored images whose labels look wrong, the worst first.

    Only classes with enough different images, or that are remembered, are judged. `check` is
    called before each fit, and may end it all by an error.
    """
    sure = known.remembered.targets[known.remembered.targets != DOUBTFUL]
    judged = {known.class_names[target] for target in np.unique(sure).tolist()}
    labels = sorted({entry.label for entry in stored.entries})
    judged |= {label for label in labels if _count_groups(stored.entries, label) >= MIN_CHECK}
    too_few = tuple(label for label in labels if label not in judged)
    some = stored.select(np.array([entry.label in judged for entry in stored.entries], dtype=bool))
    if len(judged) < 2 or not some.entries:
        return LabelCheck(0, too_few, ())
    lesson = _make_lesson(some, known, name_classes(known.class_names, sorted(judged)))
    probabilities, targets = _answer(lesson, check)
    count = len(some.entries)
    flagged, quality = _find_issues(probabilities, targets)
    issues = [
        _describe_issue(some.entries[i], lesson.class_names, probabilities[i], float(quality[i]))
        for i in np.flatnonzero(flagged[:count]).tolist()
    ]
    return LabelCheck(count, too_few, tuple(sorted(issues, key=lambda issue: issue.quality)))


def summarise(store: Store, model: str) -> dict[str, Any]:
    """Return what the last check found and still stands, as JSON values."""
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
    return {"pictures": check.images, "too_few": list(check.too_few), "issues": found}


def describe(summary: dict[str, Any]) -> str:
    """Return a summary in words, one issue a line."""
    found = summary["issues"]
    lines = [f"{len(found):,} of {summary['pictures']:,} labels look wrong."]
    lines += [
        f"  label {row['label']}: {name_for_display(row['class'])}, rather "
        f"{name_for_display(row['suggested'])} ({row['probability']:.0%}) {row['name']}".rstrip()
        for row in found
    ]
    if summary["too_few"]:
        names = ", ".join(map(name_for_display, summary["too_few"]))
        lines.append(f"Under {MIN_CHECK} different pictures, so not judged: {names}.")
    return "\n".join(lines)


def _count_groups(entries: Sequence[Entry], label: str) -> int:
    return len({entry.group for entry in entries if entry.label == label})


def _make_lesson(stored: Stored, known: Known, names: tuple[str, ...]) -> Lesson:
    """Return a lesson of all stored images, whichever side they stand on, and of memory.

    An image that is remembered too counts as stored: it shall not vouch for itself.
    """
    same = find_same(stored.embeddings, known.remembered.embeddings)
    remembered = known.remembered.select(np.asarray(~same.any(axis=0)))
    nothing = stored.select(np.zeros(len(stored.entries), dtype=bool))
    material = Material(names, stored, nothing, remembered)
    if known.head is not None:
        material = leave_out_conflicts(material, known.catch_all, len(known.class_names))
    return make_lesson(material, known.head, known.catch_all)


def _answer(
    lesson: Lesson, check: Callable[[], None]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return calibrated probabilities (K, C) of heads that had not seen the image, and targets.

    The K images are the stored ones in their order, then those remembered to validate with,
    by which one knows how sure a class's images usually are.
    """
    new = lesson.groups != REPLAYED
    scale = measure_scale(lesson.embeddings, 1.0 if new.all() else 0.5)
    features = scale.apply(lesson.embeddings)
    problem = Problem(features, lesson.targets, scale.enter(lesson.prior))
    folds = choose_folds(lesson)
    check()
    full = fit_head(problem, np.ones(len(folds), dtype=bool), _STRENGTH)
    logits = full.score(features)
    for fold in range(folds.max(initial=-1) + 1):
        check()
        held = folds == fold
        logits[held] = fit_head(problem, ~held, _STRENGTH, full).score(features[held])
    check()
    seen = scale.leave(full).score(lesson.val_embeddings)
    answers = np.concatenate([logits[new], seen])
    targets = np.concatenate([lesson.targets[new], lesson.val_targets])
    scaled = answers / fit_temperature(answers, targets)
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
