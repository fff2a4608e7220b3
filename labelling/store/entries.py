"""What the store returns: labels as they are kept, and the row that each is read from."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

STATES = ("pending", "approved", "rejected")
SPLITS = ("train", "locked", "excluded")


@dataclass(frozen=True)
class RecordedPrediction:
    """What the version in use said of an image when it was labelled.

    `probability` of `label`, 0–1; `certainty`: sure, unsure or unfamiliar.
    """

    label: str
    probability: float
    model: str
    version: int
    certainty: str


@dataclass(frozen=True)
class Entry:
    """One label: of an image, for a model (empty: for every one).

    `sha256` names the stored image, `origin_sha256` the file that was given. `group` is
    common to near-duplicates; `split` says what the image is for: `train` it is trained on,
    `locked` versions are measured on it, `excluded` neither. `created`: ISO 8601, UTC. `name`: the
    file's, empty if it had none. `width` and `height` in pixels, as stored.
    """

    id: int
    sha256: str
    model: str
    label: str
    state: str
    split: str
    group: str
    who: str
    created: str
    prediction: RecordedPrediction | None
    width: int
    height: int
    name: str
    origin_sha256: str


@dataclass(frozen=True)
class Added:
    """What became of an image that was added.

    `existed`: nothing was changed, since this label was there. `near`: the most alike image
    that was there before, for the same model. `change` can be undone; 0 where nothing changed.
    """

    entry: Entry
    existed: bool
    near: Entry | None
    change: int


@dataclass(frozen=True)
class Counts:
    """Images of a class: approved ones by split, groups of those in use, and pending ones."""

    train: int
    locked: int
    excluded: int
    groups: int
    pending: int


@dataclass(frozen=True)
class Tombstone:
    """What is left of an image that has no label any more; `dhash`: 64 hex digits."""

    sha256: str
    dhash: str
    width: int
    height: int
    group: str
    split: str


# Columns of entries `e` joined with images `i`; those of the prediction come last.
COLUMNS = (
    "e.id, i.sha256, e.model, e.label, e.state, i.split, i.grp, e.who, e.created, "
    "i.width, i.height, e.name, e.origin_sha256, e.answer_label, e.answer_probability, "
    "e.answer_model, e.answer_version, e.answer_certainty"
)
SELECT = f"SELECT {COLUMNS} FROM entries e JOIN images i ON i.number = e.image"  # noqa: S608
_FIELDS = [field.name for field in fields(Entry) if field.name != "prediction"]


def read_entry(row: Sequence[Any]) -> Entry:
    """Return the entry of a row that `SELECT` gave."""
    values = dict(zip(_FIELDS, row, strict=False))
    columns = row[len(_FIELDS) :]
    prediction = None if columns[0] is None else RecordedPrediction(*columns)
    return Entry(**values, prediction=prediction)
