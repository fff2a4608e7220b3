"""Corrections of training labels by file name: a CSV of `file,label,becomes,why`.

`becomes` is the right label, or empty where a person could not say either: such a picture is not
trained on. Validation and test pictures keep their labels, so that what is measured before and
after is the same. `trainer/corrections/hotdog.csv` is what cleanlab pointed at and a person then
looked at.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from inference.errors import UserInputError
from trainer.candidates import Candidate

_COLUMNS = ("file", "label", "becomes", "why")


@dataclass(frozen=True)
class Correction:
    """A picture's right label; None: a person could not say."""

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
) -> list[Candidate]:
    """Return the candidates with training labels put right; the doubtful ones are left out.

    Raises: UserInputError for a label that is no class.
    """
    labels = {candidate.found.label for candidate in candidates}
    kept = []
    for candidate in candidates:
        found = candidate.found
        correction = corrections.get((found.path.name, found.label))
        if correction is None or candidate.split != "train":
            kept.append(candidate)
        elif correction.becomes is None:
            left_out[found.shown] = f"not to be told by a person: {correction.why}"
        elif correction.becomes not in labels:
            raise UserInputError(
                f"The corrections make {found.path.name} a {correction.becomes!r}, which is not "
                f"among the classes {', '.join(sorted(labels))}."
            )
        else:
            kept.append(replace(candidate, found=replace(found, label=correction.becomes)))
    return kept
