"""The stored images of a model as a data set: whole groups, always in the same split.

Images that the store keeps locked become `test`, by which nothing is chosen. Of the others some
groups become `val`, by which the weights are chosen.
"""

from collections import Counter
from collections.abc import Sequence

from inference.errors import UserInputError
from labelling.images.near_duplicates import choose_val_groups
from labelling.required_images import MIN_FINETUNE
from labelling.store.entries import Entry
from labelling.store.store import Store
from trainer.data.dataset import Dataset, LabelledImage

_VAL_FRACTION = 0.15


def read_stored(store: Store, model: str, class_names: Sequence[str]) -> Dataset:
    """Return the approved images of a model, in classes that it has or that are new.

    `class_names`: those of the version in use, empty for a new model.
    Raises: UserInputError where a class has too few to fine-tune a model.
    """
    entries = [entry for entry in store.find(model) if entry.split != "excluded"]
    names = [*class_names, *sorted({entry.label for entry in entries} - set(class_names))]
    _check_enough(entries, names)
    free = [entry for entry in entries if entry.split == "train"]
    _check_different(free, names)
    chosen = choose_val_groups([e.group for e in free], [e.label for e in free], _VAL_FRACTION)
    images = [_make_image(store, entry, chosen) for entry in entries]
    images.sort(key=lambda image: (image.split, image.label, image.sha256))
    return Dataset(tuple(names), tuple(images), ())


def _check_enough(entries: Sequence[Entry], names: Sequence[str]) -> None:
    counts = Counter(entry.label for entry in entries)
    short = [f"{name} has {counts[name]}" for name in names if counts[name] < MIN_FINETUNE]
    if short or len(names) < 2:
        found = ", ".join(short) or "there are fewer than two classes"
        raise UserInputError(
            f"Deep training needs at least {MIN_FINETUNE} stored pictures of each of two or more "
            f"classes; {found}. Add pictures, or train Quick."
        )


def _check_different(free: Sequence[Entry], names: Sequence[str]) -> None:
    """Raise UserInputError for a class that cannot be in both train and val."""
    for name in names:
        if len({entry.group for entry in free if entry.label == name}) < 2:
            raise UserInputError(
                f"The training pictures of {name} all look alike, so nothing could be validated. "
                "Add different ones, or train Quick."
            )


def _make_image(store: Store, entry: Entry, chosen: set[str]) -> LabelledImage:
    split = {"locked": "test"}.get(entry.split, "val" if entry.group in chosen else "train")
    path = store.path(entry.sha256)
    return LabelledImage(path, entry.label, split, "", entry.sha256, entry.group)
