"""Stored images as a data set: which side each stands on, and how many are enough."""

from pathlib import Path

import pytest

from inference.errors import UserInputError
from labelling.store.store import Store
from tests.labelling.sample_files import encode, make_image
from trainer.data.stored_dataset import read_stored


def fill(folder: Path, counts: dict[str, int]) -> Store:
    store = Store(folder)
    for number, (label, count) in enumerate(counts.items()):
        for seed in range(count):
            store.add(encode(make_image(1000 * number + seed)), label, model="pets")
    return store


def test_locked_images_are_measured_on_and_never_trained_on(tmp_path: Path) -> None:
    with fill(tmp_path, {"dog": 40, "cat": 40}) as store:
        dataset = read_stored(store, "pets", ())
        locked = {entry.sha256 for entry in store.find("pets") if entry.split == "locked"}
    assert dataset.class_names == ("cat", "dog")
    assert {image.sha256 for image in dataset.select("test")} == locked
    counts = dataset.counts()
    assert all(counts[split][label] for split in ("train", "val") for label in ("cat", "dog"))
    assert len(dataset.images) == 80
    assert all(image.path.is_file() for image in dataset.images)


def test_classes_of_the_version_in_use_come_first(tmp_path: Path) -> None:
    with fill(tmp_path, {"dog": 20, "cat": 20, "ant": 20}) as store:
        assert read_stored(store, "pets", ("dog", "cat")).class_names == ("dog", "cat", "ant")


def test_too_few_are_named(tmp_path: Path) -> None:
    with fill(tmp_path, {"dog": 20, "cat": 3}) as store:
        with pytest.raises(UserInputError, match=r"cat has 3, bird has 0|bird has 0, cat has 3"):
            read_stored(store, "pets", ("bird",))
        with pytest.raises(UserInputError, match=r"there are fewer than two classes|at least 20"):
            read_stored(store, "nothing", ())
