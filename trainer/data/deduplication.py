"""Deduplication: copies, and near-duplicates in two splits, are left out of a data set.

Each step takes candidates and returns those that stay; why the others do not is added to
`left_out` (display name → reason).
"""

from collections import Counter
from dataclasses import dataclass, replace

from inference.errors import UserInputError
from labelling.exchange.folders import ClassFile
from labelling.images.fingerprints import Fingerprint, stack_hashes
from labelling.images.near_duplicates import (
    SPLIT_PRIORITY,
    choose_val_groups,
    find_outranked,
    join_near_duplicates,
    name_groups,
)


@dataclass(frozen=True)
class Candidate:
    """A readable file; `group` is the name of its near-duplicates."""

    file: ClassFile
    fingerprint: Fingerprint
    split: str
    group: str = ""


def leave_out_unreadable(
    files: list[ClassFile], found: list[Fingerprint | str], left_out: dict[str, str]
) -> list[Candidate]:
    """Keep the files that have a fingerprint; `found` has a reason for each other one."""
    kept = []
    for file, fingerprint in zip(files, found, strict=True):
        if isinstance(fingerprint, Fingerprint):
            kept.append(Candidate(file, fingerprint, file.split))
        else:
            left_out[file.display_name] = fingerprint
    return kept


def hold_out(candidates: list[Candidate], names: set[str]) -> list[Candidate]:
    """Turn the training images that are named, as `class/file`, into validation images.

    Raises: UserInputError where one of them is not there, or its name is not clear.
    """
    found = Counter(_name(candidate) for candidate in candidates if candidate.split == "train")
    missing = sorted(name for name in names if found[name] != 1)
    if missing:
        raise UserInputError(
            f"Of {len(names):,} validation pictures {len(missing):,} cannot be read, are not among "
            f"the pictures to train on, or are there twice, such as {missing[0]}. Give the "
            "pictures that they were named for."
        )
    return [
        replace(c, split="val") if c.split == "train" and _name(c) in names else c
        for c in candidates
    ]


def leave_out_copies(candidates: list[Candidate], left_out: dict[str, str]) -> list[Candidate]:
    """Keep an image's first copy, in the split of the highest priority; none with two labels."""
    labels: dict[str, set[str]] = {}
    for candidate in candidates:
        labels.setdefault(candidate.fingerprint.sha256, set()).add(candidate.file.label)
    kept: dict[str, Candidate] = {}
    for candidate in sorted(
        candidates, key=lambda candidate: SPLIT_PRIORITY.index(candidate.split)
    ):
        sha256 = candidate.fingerprint.sha256
        if len(labels[sha256]) > 1:
            names = " and ".join(sorted(labels[sha256]))
            left_out[candidate.file.display_name] = f"the same picture is labelled {names}"
        elif sha256 in kept:
            first = kept[sha256].file.display_name
            left_out[candidate.file.display_name] = f"same picture as {first}"
        else:
            kept[sha256] = candidate
    return list(kept.values())


def leave_out_crossing(candidates: list[Candidate], left_out: dict[str, str]) -> list[Candidate]:
    """Group near-duplicates, and keep of each group the images in one split only."""
    numbers = join_near_duplicates(stack_hashes([c.fingerprint for c in candidates])).tolist()
    outranked = find_outranked(numbers, [c.split for c in candidates])
    for loser, winner in outranked.items():
        best = candidates[winner]
        reason = f"near-duplicate of a {best.split} picture ({best.file.display_name})"
        left_out[candidates[loser].file.display_name] = reason
    groups = name_groups(numbers, [c.fingerprint.sha256 for c in candidates])
    pairs = enumerate(zip(candidates, groups, strict=True))
    return [replace(c, group=group) for i, (c, group) in pairs if i not in outranked]


def split_off_val(candidates: list[Candidate], fraction: float) -> list[Candidate]:
    """Turn whole groups into validation images of the labels that have none."""
    given = {c.file.label for c in candidates if c.split == "val"}
    fixed = {c.group for c in candidates if c.split != "train" or c.file.label in given}
    free = [c for c in candidates if c.group not in fixed]
    chosen = choose_val_groups([c.group for c in free], [c.file.label for c in free], fraction)
    return [replace(c, split="val") if c.group in chosen else c for c in candidates]


def _name(candidate: Candidate) -> str:
    return f"{candidate.file.label}/{candidate.file.path.name}"
