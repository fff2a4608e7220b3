"""The store of labelled images: the one door to the index and the files.

>>> with Store(Path("data")) as store:
...     added = store.add(Path("cat.jpg").read_bytes(), "cat", model="pets", who="Ann")
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from sqlite3 import Connection
from typing import Concatenate, ParamSpec, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from inference.errors import UserInputError, explaining_files
from labelling.images.encoding import PreparedImage, hash_bytes, prepare, prepare_image
from labelling.images.files import ARRIVED, ImageFiles, sweep_scratch
from labelling.store import adding, changes, label_issues, queries
from labelling.store.adding import Annotation, LabelledFile
from labelling.store.changes import CONFIRM, Change
from labelling.store.database import TIMEOUT, Database
from labelling.store.entries import Added, Counts, Entry, RecordedPrediction, Tombstone
from labelling.store.label_issues import LabelCheck, LabelIssue
from labelling.store.labels import check_state, clean_name
from labelling.store.placement import HashIndex
from labelling.store.queries import EntryQuery, Order
from labelling.store.recovery import is_any_aside, read_notice
from labelling.store.snapshots import SnapshotKeeper

P = ParamSpec("P")
T = TypeVar("T")


class Store:
    """Labelled images in a data folder. Safe to share between threads and processes.

    A label that a call has returned is on the disk, with its image. An empty model stands for
    every model. Every method raises UserInputError where the disk or the database fails.
    """

    def __init__(self, data: Path, timeout: float = TIMEOUT) -> None:
        """Open the store in a data folder, made if need be.

        `timeout`: seconds to wait while another process writes.
        Raises: UserInputError where that cannot be done.
        """
        self.data = data
        with explaining_files(data):
            data.mkdir(parents=True, exist_ok=True)
        self._files = ImageFiles(data / "pictures")
        self._hashes = HashIndex()
        self._database = Database(data / "labels.sqlite3", timeout)
        self._snapshots = SnapshotKeeper(self._database.save_snapshot)
        self._settle_arrivals()
        sweep_scratch(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; calls after that fail."""
        self._snapshots.stop()
        self._database.close()

    def keep_snapshots(self) -> None:
        """Make a snapshot of the labels now, and one a day until the store is closed.

        Where that fails, the log and `list_notices` say why.
        """
        self._snapshots.start()

    def list_notices(self) -> list[str]:
        """Return what a teacher must know: that labels were lost, or that no snapshot is made."""
        return [text for text in (read_notice(self.data), self._snapshots.fault) if text]

    # In

    def add(  # noqa: PLR0913
        self,
        data: bytes,
        label: str,
        *,
        model: str = "",
        state: str = "approved",
        who: str = "",
        prediction: RecordedPrediction | None = None,
        name: str = "",
        relabel: bool = False,
    ) -> Added:
        """Add an image file with its label; the same image again changes nothing.

        Raises: UserInputError for what is not an image, for a label that cannot be, or where the
        image is approved under another label (unless `relabel`).
        """
        annotation = Annotation(label, model, state, who, prediction, name, relabel).check()
        return self.enter(self.prepare(data), annotation)

    def add_image(
        self, image: NDArray[np.uint8], annotation: Annotation, origin_sha256: str = ""
    ) -> Added:
        """Add an image that is decoded already, (H, W, 3) uint8 RGB, upright; else as `add`.

        `origin_sha256`: of the file that it was decoded from, by which it is known again.
        """
        annotation = annotation.check()
        known = self._find_stored(origin_sha256) if origin_sha256 else None
        return self.enter(known or prepare_image(image, origin_sha256), annotation)

    def prepare(self, data: bytes) -> PreparedImage:
        """Do the slow part of adding; several threads may at once.

        Raises: UserInputError for what is not an image of an allowed format and size.
        """
        return self._find_stored(hash_bytes(data)) or prepare(data)

    def enter(self, prepared: PreparedImage, annotation: Annotation) -> Added:
        """Do the rest of adding, with an annotation that was checked."""
        if prepared.data:
            self._files.write(prepared.sha256, prepared.data)
        with self._database.writing() as connection:
            self._restore_file(prepared)
            return adding.enter(connection, self._hashes, prepared, annotation)

    def add_model(
        self,
        model: str,
        labelled: Sequence[LabelledFile],
        removed: Iterable[Tombstone],
        folder: Path,
    ) -> None:
        """Add a model that has no label yet: all of it or nothing, whenever the process is killed.

        What `folder` holds, on the disk of the data folder, goes to `models/<model>`.
        Raises: UserInputError where the model has a label.
        """
        for item in labelled:
            self._files.write(item.prepared.sha256, item.path.read_bytes())
        with self._database.writing() as connection, explaining_files(self.data):
            for item in labelled:
                if not self._files.has(item.prepared.sha256):  # swept meanwhile
                    self._files.write(item.prepared.sha256, item.path.read_bytes())
            adding.add_model(connection, model, labelled, removed)
            adding.announce_arrival(connection, self.data, folder, model)
        self._settle_arrivals()

    # Out

    def find(  # noqa: PLR0913
        self,
        model: str | None,
        *,
        states: Iterable[str] = ("approved",),
        label: str | None = None,
        order: Order = "newest",
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Entry]:
        """Return the labels of a model and those for every model; with None, all labels.

        `order`: `newest` first, or what the version in use was least sure of (`unsure`).
        """
        query = EntryQuery(model, tuple(map(check_state, states)), label, order, limit, offset)
        return self._read(queries.find_entries, query)

    def get(self, number: int) -> Entry:
        """Return one label.

        Raises: UserInputError where there is none, or it was deleted.
        """
        return self._read(changes.read_kept, number)

    def read_bytes(self, sha256: str) -> bytes:
        """Return a stored image, a JPEG.

        Raises: UserInputError where there is none.
        """
        return self._files.read(sha256)

    def path(self, sha256: str) -> Path:
        """Return where a stored image lies.

        Raises: UserInputError for what is not a SHA-256.
        """
        return self._files.path(sha256)

    def count(self, model: str) -> dict[str, Counts]:
        """Return class → how many images it has, sorted by name."""
        return self._read(queries.count_classes, model)

    def list_models(self) -> list[str]:
        """Return the models that have labels, sorted; an empty name stands for every model."""
        return self._read(queries.list_models)

    def knows(self, sha256s: Iterable[str]) -> set[str]:
        """Return those that were ever stored here, as given or as stored; deleted ones too."""
        return self._read(queries.find_known, sha256s)

    # Changes

    def relabel(self, number: int, label: str, who: str) -> int:
        """Give an entry another label; returns the change, which can be undone."""
        return self.change([number], Change("relabel", who, label=label))[0]

    def approve(self, number: int, who: str, label: str | None = None) -> int:
        """Approve an entry, under another label if one is given; returns the change."""
        return self.change([number], Change("approve", who, label, "approved"))[0]

    def confirm(self, number: int, who: str, label: str | None = None) -> int:
        """Say that an entry's label is right, or which one is; that settles its label issue."""
        return self.change([number], Change(CONFIRM, who, label, "approved"))[0]

    def reject(self, number: int, who: str) -> int:
        """Reject an entry, so that nothing is trained on it; returns the change."""
        return self.change([number], Change("reject", who, state="rejected"))[0]

    def delete(self, number: int, who: str) -> int:
        """Delete an entry; its image stays until `purge`. Returns the change."""
        return self.change([number], Change("delete", who, deleted=True))[0]

    def change(self, numbers: Iterable[int], change: Change) -> list[int]:
        """Change several entries, or none where one cannot be; returns the changes."""
        checked = change.check()
        with self._database.writing() as connection:
            return [changes.change_entry(connection, number, checked) for number in numbers]

    def undo(self, number: int, who: str) -> Entry:
        """Reverse a change; returns the entry as it was before.

        Raises: UserInputError where something changed the entry since.
        """
        return self.undo_all([number], who)[0]

    def undo_all(self, numbers: Iterable[int], who: str) -> list[Entry]:
        """Reverse several changes in the order given, or none where one cannot be."""
        with self._database.writing() as connection:
            return [changes.undo(connection, number, clean_name(who)) for number in numbers]

    def withdraw(self, number: int, who: str) -> None:
        """Reverse the change that added an image, and remove the image for good.

        It stays where anybody else ever labelled it, even if that was rejected or deleted.
        Raises: UserInputError where something changed the entry since.
        """
        who = clean_name(who)
        with self._database.writing() as connection:
            entry = changes.undo(connection, number, who)
            if changes.is_brought_by(connection, entry.sha256, who):
                changes.mark_removed(connection, -1, entry.sha256)
        self._sweep_files()

    def purge(self, older_than_seconds: float) -> int:
        """Remove for good the images whose every label was deleted or rejected so long ago.

        Their rows stay, so that they are known when they come again. Files without a row, left
        by writers that were killed, go too, unless a damaged list of labels may have their rows.
        Returns: how many images' files went.
        """
        self._write(changes.mark_removed, older_than_seconds)
        # A second step, so that a kill between them leaves files without rows, never the reverse.
        removed = self._sweep_files()
        sweep_scratch(self.data)
        return removed

    def list_removed(self, model: str) -> list[Tombstone]:
        """Return what is left of the images that have no label of a model any more."""
        return self._read(queries.list_removed, model)

    # Label issues

    def put_label_check(self, model: str, check: LabelCheck) -> None:
        """Store what a check of a model's labels found; it replaces the one before."""
        self._write(label_issues.put_label_check, model, check)

    def read_label_check(self, model: str) -> LabelCheck | None:
        """Return what the last check of a model's labels found; None where there was none."""
        return self._read(label_issues.read_label_check, model)

    def find_label_issues(
        self, model: str, limit: int | None = None, offset: int = 0
    ) -> list[tuple[Entry, LabelIssue]]:
        """Return the open label issues of a model with their labels, the worst first."""
        return self._read(label_issues.find_label_issues, model, limit, offset)

    def list_confirmed(self, model: str) -> set[int]:
        """Return the numbers of the entries of a model whose label somebody confirmed."""
        return self._read(label_issues.list_confirmed, model)

    def count_label_issues(self, model: str) -> int:
        """Return how many label issues of a model are open."""
        return self._read(label_issues.count_label_issues, model)

    # Embeddings

    def put_embeddings(self, backbone: str, embeddings: Mapping[str, NDArray[np.float16]]) -> None:
        """Store embeddings by a backbone: SHA-256 → (D,) float16.

        `backbone`: a card's `backbone_key`. Those of images that are not kept are left out.
        """
        self._write(queries.put_embeddings, backbone, embeddings)

    def read_embeddings(
        self, backbone: str, sha256s: Iterable[str]
    ) -> dict[str, NDArray[np.float16]]:
        """Return SHA-256 → (D,) float16 for those of the images that have one."""
        return self._read(queries.read_embeddings, backbone, sha256s)

    def _read(
        self, query: Callable[Concatenate[Connection, P], T], *given: P.args, **named: P.kwargs
    ) -> T:
        with self._database.reading() as connection:
            return query(connection, *given, **named)

    def _write(
        self, update: Callable[Concatenate[Connection, P], T], *given: P.args, **named: P.kwargs
    ) -> T:
        with self._database.writing() as connection:
            return update(connection, *given, **named)

    def _find_stored(self, sha256: str) -> PreparedImage | None:
        found = self._read(queries.find_stored, sha256)
        return found if found and self._files.has(found.sha256) else None

    def _settle_arrivals(self) -> None:
        """Move the folders of models that were added to their places."""
        if self._read(adding.list_arrivals) or any(self.data.glob(f"{ARRIVED}*")):
            with self._database.writing() as connection, explaining_files(self.data):
                adding.settle_arrivals(connection, self.data)

    def _sweep_files(self) -> int:
        with self._database.writing() as connection:
            gone = changes.list_gone(connection) if is_any_aside(self.data) else None
            return self._files.sweep(changes.list_kept(connection), gone)

    def _restore_file(self, prepared: PreparedImage) -> None:
        """Write a file again that was swept away before its row was there."""
        if self._files.has(prepared.sha256):
            return
        if not prepared.data:
            raise UserInputError("This picture was removed just now. Add it once more.")
        self._files.write(prepared.sha256, prepared.data)
