"""Adding an image with its label: its row, its group and split, its first change.

Everything here runs on the connection of the one writer, as part of its transaction.
"""

import secrets
import shutil
import sqlite3
from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from inference.errors import UserInputError
from labelling.images.encoding import PreparedImage
from labelling.images.files import ARRIVED
from labelling.store.changes import (
    CONFIRM,
    Change,
    EntryState,
    apply_change,
    check_room,
    read_entry_state,
    read_now,
    read_one,
    record_change,
)
from labelling.store.entries import Added, RecordedPrediction, Tombstone
from labelling.store.labels import (
    check_label,
    check_model,
    check_state,
    clean_file_name,
    clean_name,
)
from labelling.store.placement import (
    Assignment,
    HashIndex,
    find_near_entry,
    join_group,
    start_group,
)
from labelling.store.queries import list_models


@dataclass(frozen=True)
class Annotation:
    """The label of an image that is added, and what is known of both.

    `assignment`, `created`, and whether somebody `confirmed` the label, are those of the store
    that it comes from. `relabel`: replace another label that the image has.
    """

    label: str
    model: str = ""
    state: str = "approved"
    who: str = ""
    prediction: RecordedPrediction | None = None
    name: str = ""
    relabel: bool = False
    created: str = ""
    assignment: Assignment | None = None
    confirmed: bool = False

    def check(self) -> "Annotation":
        """Return the annotation in the form that is stored.

        Raises: UserInputError for a label, model or state that cannot be.
        """
        return replace(
            self,
            state=check_state(self.state),
            label=check_label(self.label),
            model=check_model(self.model),
            who=clean_name(self.who),
            name=clean_file_name(self.name),
            prediction=self.prediction and clean_prediction(self.prediction),
        )


@dataclass(frozen=True)
class LabelledFile:
    """An image file that another store has written, prepared but for its bytes, and its label."""

    path: Path
    prepared: PreparedImage
    annotation: Annotation


def clean_prediction(prediction: RecordedPrediction) -> RecordedPrediction:
    """Return a prediction so that it can be stored."""
    return RecordedPrediction(
        label=clean_name(prediction.label),
        probability=float(prediction.probability),
        model=clean_name(prediction.model),
        version=int(prediction.version),
        certainty=clean_name(prediction.certainty),
    )


def enter(
    connection: sqlite3.Connection,
    hashes: HashIndex,
    prepared: PreparedImage,
    annotation: Annotation,
) -> Added:
    """Add an image whose file is stored, or find that it has a label already.

    Raises: UserInputError where it has another label.
    """
    near = hashes.find_near(connection, prepared.dhash)
    image = _find_image(connection, prepared.sha256)
    near = [number for number in near if number != image]
    if image is None:
        image = _insert_image(connection, prepared, annotation, near)
    connection.execute("UPDATE images SET removed = NULL WHERE number = ?", (image,))
    connection.execute(
        "INSERT OR IGNORE INTO origins (sha256, image) VALUES (?, ?)",
        (prepared.origin_sha256, image),
    )
    found = connection.execute(
        "SELECT id FROM entries WHERE image = ? AND model = ?", (image, annotation.model)
    ).fetchone()
    if found is None:
        number, made = _insert_entry(connection, image, prepared, annotation)
    else:
        number, made = found[0], _change_entry(connection, found[0], annotation)
    return Added(
        entry=read_one(connection, number)[0],
        existed=made == 0,
        near=find_near_entry(connection, near, annotation.model),
        change=made,
    )


def add_model(
    connection: sqlite3.Connection,
    model: str,
    labelled: Iterable[LabelledFile],
    removed: Iterable[Tombstone],
) -> None:
    """Add the labels of a model that has none, for images whose files are stored.

    Raises: UserInputError where it has one.
    """
    if model in list_models(connection):
        raise UserInputError(f"There are labels of {model} by now. Choose another name.")
    hashes = HashIndex()  # of its own: what it fetches here may be rolled back
    for item in labelled:
        added = enter(connection, hashes, item.prepared, replace(item.annotation, model=model))
        if item.annotation.confirmed:
            state = EntryState(item.annotation.label, item.annotation.state)
            apply_change(connection, added.entry.id, state, Change(CONFIRM, item.annotation.who))
    for tombstone in removed:
        _add_tombstone(connection, hashes, tombstone)


def announce_arrival(connection: sqlite3.Connection, data: Path, folder: Path, model: str) -> None:
    """Keep a model's folder, to be moved into place once the labels are committed."""
    name = f"{ARRIVED}{secrets.token_hex(8)}"
    connection.execute("INSERT INTO arrivals (folder, model) VALUES (?, ?)", (name, model))
    folder.rename(data / name)


def list_arrivals(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return folder and model of those that are not in place yet."""
    return connection.execute("SELECT folder, model FROM arrivals").fetchall()


def settle_arrivals(connection: sqlite3.Connection, data: Path) -> None:
    """Move the folders of models whose labels are committed; goes on where that was killed."""
    for name, model in list_arrivals(connection):
        folder, target = data / name, data / "models" / model
        if folder.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            for path in sorted(folder.iterdir()):  # versions before the file that points at one
                if not (target / path.name).exists():
                    path.rename(target / path.name)
            shutil.rmtree(folder)
        connection.execute("DELETE FROM arrivals WHERE folder = ?", (name,))
    # No other can be under way: whoever brings one holds this transaction until it is listed.
    for left in data.glob(f"{ARRIVED}*"):
        shutil.rmtree(left, ignore_errors=True)


def _add_tombstone(connection: sqlite3.Connection, hashes: HashIndex, tombstone: Tombstone) -> None:
    """Know an image that another store has removed; one that is known here stays."""
    if _find_image(connection, tombstone.sha256) is not None:
        return
    prepared = PreparedImage(
        data=b"",
        sha256=tombstone.sha256,
        dhash=bytes.fromhex(tombstone.dhash),
        width=tombstone.width,
        height=tombstone.height,
        origin_sha256=tombstone.sha256,
    )
    annotation = Annotation("", assignment=Assignment(tombstone.group, tombstone.split))
    near = hashes.find_near(connection, prepared.dhash)
    number = _insert_image(connection, prepared, annotation, near)
    connection.execute("UPDATE images SET removed = ? WHERE number = ?", (read_now(), number))


def _find_image(connection: sqlite3.Connection, sha256: str) -> int | None:
    row = connection.execute("SELECT number FROM images WHERE sha256 = ?", (sha256,)).fetchone()
    return int(row[0]) if row else None


def _insert_image(
    connection: sqlite3.Connection, prepared: PreparedImage, annotation: Annotation, near: list[int]
) -> int:
    sha256 = prepared.sha256
    assignment = join_group(connection, sha256, near, annotation.assignment)
    if assignment is None:
        assignment = start_group(connection, sha256, annotation.model, annotation.label)
    cursor = connection.execute(
        "INSERT INTO images (sha256, dhash, width, height, grp, split) VALUES (?, ?, ?, ?, ?, ?)",
        (
            *(sha256, prepared.dhash, prepared.width, prepared.height),
            *(assignment.group, assignment.split),
        ),
    )
    return int(cursor.lastrowid or 0)


def _insert_entry(
    connection: sqlite3.Connection, image: int, prepared: PreparedImage, annotation: Annotation
) -> tuple[int, int]:
    """Return the numbers of a new entry and of the change that it is."""
    if annotation.state != "rejected":
        check_room(connection, annotation.model, annotation.label)
    now = read_now()
    prediction = annotation.prediction
    cursor = connection.execute(
        "INSERT INTO entries (image, model, label, state, who, created, changed, name, "
        "origin_sha256, answer_label, answer_probability, answer_model, answer_version, "
        "answer_certainty) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(image, annotation.model, annotation.label, annotation.state, annotation.who),
            *(annotation.created or now, now, annotation.name, prepared.origin_sha256),
            *(astuple(prediction) if prediction else (None,) * 5),
        ),
    )
    number = int(cursor.lastrowid or 0)
    after = EntryState(annotation.label, annotation.state)
    return number, record_change(connection, number, None, after, Change("add", annotation.who))


def _change_entry(connection: sqlite3.Connection, number: int, annotation: Annotation) -> int:
    """Change an entry that is there to what an annotation says; returns the change, 0 without one.

    What a person approves goes before what was only suggested, rejected or deleted.
    """
    current = read_entry_state(connection, number)
    after = EntryState(annotation.label, annotation.state)
    if current.deleted:
        return apply_change(connection, number, after, Change("add", annotation.who))
    if current.label == annotation.label:
        if annotation.state != "approved" or current.state == "approved":
            return 0
        return apply_change(connection, number, after, Change("approve", annotation.who))
    is_open = current.state == "rejected" or (
        current.state == "pending" and annotation.state == "approved"
    )
    if annotation.relabel or is_open:
        return apply_change(connection, number, after, Change("relabel", annotation.who))
    raise UserInputError(
        f"This picture is labelled {current.label!r} already, not {annotation.label!r}. "
        "Relabel it, or leave it out."
    )
