import numpy as np
import pytest

from inference.errors import UserInputError
from tests.trainer.clouds import WIDTH, make_cloud, make_remembered, make_stored
from trainer.data.replay_memory import DOUBTFUL, make_empty
from trainer.head.fitting import REPLAYED
from trainer.head.regression import Head
from trainer.head.training_set import (
    check_training_set,
    gather,
    leave_out_conflicts,
    make_fit_data,
    make_memory,
    name_classes,
)

NAMES = ("cat", "other")


def test_new_classes_come_after_known_ones() -> None:
    assert name_classes(("z", "a"), ["m", "b", "a"]) == ("z", "a", "b", "m")


def test_image_that_was_measured_on_is_not_trained_on_and_the_reverse() -> None:
    seen, other = make_cloud(0, 2), make_cloud(1, 2)
    remembered = make_remembered((0, True, seen[:1]), (0, False, seen[1:]), (1, False, other))
    stored = make_stored(("cat", "train", seen[:1]), ("cat", "locked", seen[1:]))
    training_set = gather(NAMES, stored, remembered)
    assert training_set.seen_before == 2
    assert training_set.train.entries == training_set.locked.entries == ()
    assert len(training_set.remembered) == 4


def test_stored_image_replaces_the_same_one_remembered() -> None:
    seen = make_cloud(0, 3)
    remembered = make_remembered((0, False, seen[:2]), (0, True, seen[2:]))
    stored = make_stored(("cat", "train", seen[:1]), ("cat", "locked", seen[2:]))
    training_set = gather(NAMES, stored, remembered)
    assert len(training_set.train.entries) == len(training_set.locked.entries) == 1
    assert len(training_set.remembered) == 1
    memory = make_memory(training_set)
    assert memory.is_val.tolist() == [False, False, True]
    assert memory.list_files() == ["", "cat-train-0", "cat-locked-0"]


def test_remembered_image_with_another_label_is_doubtful() -> None:
    seen = make_cloud(0, 1)
    stored = make_stored(("cat", "train", seen))
    training_set = gather(NAMES, stored, make_remembered((1, True, seen)))
    assert training_set.remembered.targets.tolist() == [DOUBTFUL]
    assert training_set.doubtful == {"train": 0, "validation": 1}


def test_conflicting_remembered_images_are_left_out_of_both_splits() -> None:
    remembered = make_remembered(
        (0, False, make_cloud(0, 40)),
        (1, False, make_cloud(1, 40)),
        (1, False, make_cloud(2, 40)),
        (1, True, make_cloud(2, 10, seed=1)),
        (0, True, make_cloud(0, 10, seed=1)),
    )
    stored = make_stored(("new", "train", make_cloud(2, 10, seed=2)))
    names = (*NAMES, "new")
    training_set = gather(names, stored, remembered)
    left_out = leave_out_conflicts(training_set, "other", 2)
    assert left_out.doubtful["train"] > 35
    assert left_out.doubtful["validation"] > 7
    assert (left_out.remembered.targets[:80] != DOUBTFUL).all()
    assert leave_out_conflicts(training_set, None, 2) is training_set
    fit_data = make_fit_data(left_out, Head(np.ones((2, WIDTH), np.float32), np.ones(2)), "other")
    assert (fit_data.groups == REPLAYED).sum() == 120 - left_out.doubtful["train"]
    assert len(make_memory(left_out)) == 150


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([], "At least two classes are needed, and no class has"),
        (["cat"], "only the class cat has"),
        ([f"c{i}" for i in range(101)], "There are 101 classes; at most 100"),
    ],
)
def test_number_of_classes_is_checked(labels: list[str], words: str) -> None:
    stored = make_stored(*((label, "train", make_cloud(0, 1)) for label in labels))
    with pytest.raises(UserInputError, match=words):
        check_training_set(gather(name_classes((), labels), stored, make_empty(WIDTH)))


def test_class_without_a_training_image_is_named() -> None:
    stored = make_stored(("cat", "train", make_cloud(0, 1)), ("dog", "locked", make_cloud(1, 1)))
    with pytest.raises(UserInputError, match="The class dog has no picture to learn from"):
        check_training_set(gather(("cat", "dog"), stored, make_empty(WIDTH)))
