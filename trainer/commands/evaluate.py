"""Measuring a frozen version on labelled images."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from inference.classifier import Classifier
from inference.errors import UserInputError
from inference.versions.cards import Metrics, Trust
from trainer.data.dataset import Dataset, LabelledImage
from trainer.data.replay_memory import Remembered, read_memory
from trainer.evaluation.metrics import describe_rate
from trainer.evaluation.predictions import Mistake, predict
from trainer.evaluation.reliability import describe_trust, measure_trust
from trainer.progress import Progress

SPLITS = ("train", "val", "test", "all")


class Evaluation(Metrics):
    """What was measured of a version on a split of images."""

    model: str
    version: int
    split: str
    trust: Trust
    mistakes: list[Mistake]


def evaluate_version(
    classifier: Classifier,
    read: Callable[[Path], Dataset],
    split: str | None,
    progress: Progress,
) -> Evaluation:
    """Return accuracy by class and group, ECE, confusion, trust and the worst mistakes.

    The trust (`trainer.evaluation.reliability`) is measured on images that the version has never
    seen alone.

    `read` returns the labelled images, given a folder to unpack them into. `split`: one of
    `SPLITS`; None takes test where there is one, else val, which training does not see.
    Raises: UserInputError for images that cannot be read, classes that the version lacks, or
    validation images that it learned from.
    """
    card = classifier.card
    with tempfile.TemporaryDirectory() as folder:
        dataset = read(Path(folder))
        unknown = sorted(set(dataset.class_names) - set(card.class_names))
        if unknown:
            raise UserInputError(
                f"The pictures have the class {unknown[0]}, which {card.model} version "
                f"{card.version} does not know. It knows: {', '.join(card.class_names)}."
            )
        images, name = _choose(dataset, split)
        session = classifier.session
        remembered = read_memory(classifier.folder, session.get_outputs()[2].shape[-1])
        if name == "val":
            _check_unlearned(images, remembered)
        predictions = predict(session, images, card.class_names, card.input, progress)
        trust = Trust()
        if _is_unseen(dataset.images, name, remembered):
            trust = measure_trust(session, card, classifier.memory, predictions, progress)
    return Evaluation(
        model=card.model,
        version=card.version,
        split=name,
        trust=trust,
        mistakes=predictions.list_mistakes(),
        **dict(predictions.measure()),
    )


def _check_unlearned(images: Sequence[LabelledImage], remembered: Remembered) -> None:
    learned = set(remembered.select(~remembered.is_val).list_files())
    count = sum(image.sha256 in learned for image in images)
    if count:
        raise UserInputError(
            f"The version learned from at least {count:,} of these {len(images):,} validation "
            "pictures. Give --val-names and --corrections as they were given to train."
        )


def _is_unseen(images: Sequence[LabelledImage], split: str, remembered: Remembered) -> bool:
    """Return whether a version cannot have seen the images: test images, or from elsewhere."""
    known = set(remembered.list_files()) - {""}
    return split == "test" or (bool(known) and not known & {image.sha256 for image in images})


def describe_metrics(found: Evaluation) -> str:
    """Return what `evaluate_version` found in lines that people read."""
    lines = [
        f"{found.model} version {found.version}, {found.split}: "
        f"{describe_rate(found.top1)}, ECE {found.ece or 0:.3f}"
    ]
    for rates in (found.per_class, found.per_source, found.per_group, found.per_kind):
        lines += [f"  {name}: {describe_rate(rate)}" for name, rate in rates.items()]
    lines += describe_trust(found.trust)
    lines += [
        f"  wrong: {m.file} is {m.label}, answered {m.predicted} ({m.probability:.1%})"
        for m in found.mistakes[:10]
    ]
    return "\n".join(lines)


def _choose(dataset: Dataset, split: str | None) -> tuple[list[LabelledImage], str]:
    if split is not None and split not in SPLITS:
        raise UserInputError(f"There is no split {split!r}. Choose among {', '.join(SPLITS)}.")
    name = split or ("test" if dataset.select("test") else "val")
    images = list(dataset.images) if name == "all" else dataset.select(name)
    if not images:
        raise UserInputError(f"There are no {name} pictures. Choose another split.")
    return images, name
