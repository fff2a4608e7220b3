"""Corrections of labels by file name: a CSV of `file,label,becomes,why`.

`becomes` is the right label, or empty where a person could not tell it: such an image is left out.
Test images keep their labels, so that what is measured before and after is the same.
`trainer/corrections/hotdog.csv` holds what cleanlab found among the training images and a reader
then checked, and what looking at every validation image found.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from inference.errors import UserInputError
from trainer.data.deduplication import Candidate

_COLUMNS = ("file", "label", "becomes", "why")


@dataclass(frozen=True)
class Correction:
    """An image's right label; None where a person could not tell it."""

    becomes: str | None
    why: str


Corrections = dict[tuple[str, str], Correction]  # (file name, label that it has) → correction


def read_corrections(path: Path) -> Corrections:
    """Read a CSV of corrections.

    Raises: UserInputError for a file that is missing or has other columns, or a file named twice.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
            columns = tuple(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserInputError(
            f"The corrections in {path} cannot be read ({error}). Give a CSV file."
        ) from error
    if columns != _COLUMNS or any(None in row or None in row.values() for row in rows):
        raise UserInputError(
            f"The corrections in {path} need the columns {','.join(_COLUMNS)}, in each line; "
            f"found {','.join(columns) or 'nothing'}."
        )
    found: Corrections = {}
    for row in rows:
        key = (row["file"], row["label"])
        if key in found:
            raise UserInputError(f"The corrections in {path} name {row['file']} twice. Remove one.")
        found[key] = Correction(row["becomes"] or None, row["why"])
    return found


def correct(
    candidates: Sequence[Candidate], corrections: Corrections, left_out: dict[str, str]
) -> tuple[list[Candidate], int]:
    """Correct labels, but those of test images; returns how many were changed or left out.

    Raises: UserInputError for a label that is no class, or a name that several images have.
    """
    labels = {candidate.file.label for candidate in candidates}
    kept, done = [], set()
    for candidate in candidates:
        file = candidate.file
        key = (file.path.name, file.label)
        if candidate.split == "test" or key not in corrections:
            kept.append(candidate)
            continue
        if key in done:
            raise UserInputError(
                f"Several pictures labelled {file.label} are named {file.path.name}, "
                "so a correction could mean any of them. Rename all but one."
            )
        done.add(key)
        becomes = corrections[key].becomes
        if becomes is None:
            left_out[file.display_name] = f"the right label is not clear: {corrections[key].why}"
        elif becomes in labels:
            kept.append(replace(candidate, file=replace(file, label=becomes)))
        else:
            raise UserInputError(
                f"The corrections make {file.path.name} a {becomes!r}, which is not "
                f"among the classes {', '.join(sorted(labels))}."
            )
    return kept, len(done)
