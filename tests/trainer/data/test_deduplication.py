import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from labelling.exchange.folders import ClassFile
from labelling.images.fingerprints import Fingerprint
from labelling.images.near_duplicates import SPLIT_PRIORITY
from trainer.data.deduplication import (
    Candidate,
    leave_out_copies,
    leave_out_crossing,
    split_off_val,
)


def make_candidate(number: int, scene: int, label: str, split: str) -> Candidate:
    """Make a file; those of one scene are near-duplicates of one another."""
    dhash = np.random.default_rng(scene).bytes(32).hex()
    sha256 = hashlib.sha256(str(number).encode()).hexdigest()
    found = ClassFile(Path(str(number)), f"data/{number}", label, split)
    return Candidate(found, Fingerprint(sha256, dhash), split)


drawn = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from("abc"), st.sampled_from(SPLIT_PRIORITY)),
    max_size=40,
)


@settings(deadline=None)  # a machine that is busy is not a defect
@given(drawn)
def test_no_group_spans_splits(drawn: list[Any]) -> None:
    candidates = [make_candidate(i, *values) for i, values in enumerate(drawn)]
    left_out: dict[str, str] = {}
    kept = split_off_val(leave_out_crossing(candidates, left_out), 0.3)
    sides: dict[str, set[str]] = {}
    for candidate in kept:
        sides.setdefault(candidate.fingerprint.dhash, set()).add(candidate.split)
    assert all(len(found) == 1 for found in sides.values())
    names = {c.file.display_name for c in candidates}
    assert {c.file.display_name for c in kept} | set(left_out) == names
    assert len(kept) + len(left_out) == len(candidates)


@settings(deadline=None)
@given(drawn)
def test_given_test_and_val_images_stay_where_they_are(drawn: list[Any]) -> None:
    candidates = [make_candidate(i, *values) for i, values in enumerate(drawn)]
    kept = split_off_val(leave_out_crossing(candidates, {}), 0.3)
    assert {c.file.display_name for c in kept if c.split == "test"} == {
        c.file.display_name for c in candidates if c.split == "test"
    }
    given_val = {c.file.label for c in kept if c.file.split == "val"}
    moved = [c for c in kept if c.split != c.file.split]
    assert all(c.file.split == "train" and c.split == "val" for c in moved)
    assert not given_val & {c.file.label for c in moved}


def test_a_copy_is_kept_in_the_split_of_the_highest_priority() -> None:
    train = make_candidate(1, 1, "cat", "train")
    test = Candidate(ClassFile(Path("2"), "data/2", "cat", "test"), train.fingerprint, "test")
    left_out: dict[str, str] = {}
    assert leave_out_copies([train, test], left_out) == [test]
    assert left_out == {"data/1": "same picture as data/2"}
