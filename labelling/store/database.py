"""The index of all labels: one SQLite file that threads and processes share.

What is committed survives a kill and a power cut: write-ahead log, every commit synced.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from inference.errors import UserInputError, explaining_files
from labelling.store.failures import explaining
from labelling.store.recovery import Users, recover
from labelling.store.snapshots import save_if_due, save_snapshot

TIMEOUT = 30.0  # seconds to wait while another process writes

# The tables, as the steps that lead from each version to the next. A step that was released is
# never changed: add one. `PRAGMA user_version` counts those done.
# An image's row stays when its file is removed, so that it is known if it comes again.
_FIRST = (
    """
    CREATE TABLE pictures (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        sha256 TEXT NOT NULL UNIQUE,
        dhash BLOB NOT NULL CHECK (length(dhash) = 32),
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        grp TEXT NOT NULL,
        split TEXT NOT NULL CHECK (split IN ('train', 'locked', 'aside')),
        removed TEXT
    )
    """,
    "CREATE INDEX pictures_by_group ON pictures (grp)",
    """
    CREATE TABLE origins (
        sha256 TEXT PRIMARY KEY,
        picture INTEGER NOT NULL REFERENCES pictures (number)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE entries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        picture INTEGER NOT NULL REFERENCES pictures (number),
        model TEXT NOT NULL,
        label TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'rejected')),
        deleted INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
        who TEXT NOT NULL,
        created TEXT NOT NULL,
        changed TEXT NOT NULL,
        name TEXT NOT NULL,
        origin_sha256 TEXT NOT NULL,
        answer_label TEXT,
        answer_probability REAL,
        answer_model TEXT,
        answer_version INTEGER,
        answer_certainty TEXT,
        UNIQUE (picture, model)
    )
    """,
    "CREATE INDEX entries_by_model ON entries (model, label, state)",
    """
    CREATE TABLE changes (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        entry INTEGER NOT NULL REFERENCES entries (id),
        kind TEXT NOT NULL,
        who TEXT NOT NULL,
        made TEXT NOT NULL,
        before TEXT,
        after TEXT NOT NULL,
        undone INTEGER NOT NULL DEFAULT 0 CHECK (undone IN (0, 1))
    )
    """,
    "CREATE INDEX changes_by_entry ON changes (entry)",
    """
    CREATE TABLE embeddings (
        backbone TEXT NOT NULL,
        picture INTEGER NOT NULL REFERENCES pictures (number),
        vector BLOB NOT NULL,
        PRIMARY KEY (backbone, picture)
    ) WITHOUT ROWID
    """,
)
# What the last check of a model's labels found; see `labelling.store.label_issues`.
_DOUBTS = (
    """
    CREATE TABLE checks (
        model TEXT PRIMARY KEY,
        made TEXT NOT NULL,
        pictures INTEGER NOT NULL,
        too_few TEXT NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE doubts (
        model TEXT NOT NULL,
        entry INTEGER NOT NULL REFERENCES entries (id),
        label TEXT NOT NULL,
        suggested TEXT NOT NULL,
        probability REAL NOT NULL,
        quality REAL NOT NULL,
        PRIMARY KEY (model, entry)
    ) WITHOUT ROWID
    """,
)
# Folders that belong to a model whose labels are committed, and lie not in their place yet.
_ARRIVALS = (
    """
    CREATE TABLE arrivals (
        folder TEXT PRIMARY KEY,
        model TEXT NOT NULL
    ) WITHOUT ROWID
    """,
)
# An image that is neither trained on nor measured on is excluded; it was "aside".
_EXCLUDED = (
    """
    ALTER TABLE pictures ADD COLUMN new_split TEXT NOT NULL DEFAULT 'excluded'
        CHECK (new_split IN ('train', 'locked', 'excluded'))
    """,
    "UPDATE pictures SET new_split = split WHERE split != 'aside'",
    "ALTER TABLE pictures DROP COLUMN split",
    "ALTER TABLE pictures RENAME COLUMN new_split TO split",
)
_LABEL_ISSUES = (
    "ALTER TABLE doubts RENAME TO label_issues",
    "ALTER TABLE checks RENAME TO label_checks",
    "ALTER TABLE label_checks RENAME COLUMN pictures TO images",
)
_IMAGES = (
    "ALTER TABLE pictures RENAME TO images",
    "ALTER TABLE entries RENAME COLUMN picture TO image",
    "ALTER TABLE origins RENAME COLUMN picture TO image",
    "ALTER TABLE embeddings RENAME COLUMN picture TO image",
)
Migrations = tuple[tuple[str, ...], ...]
MIGRATIONS: Migrations = (_FIRST, _DOUBTS, _ARRIVALS, _EXCLUDED, _LABEL_ISSUES, _IMAGES)


class Database:
    """Lends connections: any number of readers at once, and one writer at a time.

    Safe to share between threads. Make a new one after a fork.
    """

    def __init__(
        self, path: Path, timeout: float = TIMEOUT, migrations: Migrations = MIGRATIONS
    ) -> None:
        """Open or make the database; `timeout` in seconds; `migrations` are those to be done.

        What is damaged is set aside, and the last snapshot restored (`labelling.store.recovery`).
        Raises: UserInputError for one that cannot be used, or that a later release wrote.
        """
        self.path = path
        self._users = Users(path)
        self._timeout = timeout
        self._writer = threading.Lock()
        self._lending = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        try:
            self._open(migrations)
        except UserInputError:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that sees one state of the database, whoever writes meanwhile.

        Raises: UserInputError where the database cannot be read.
        """
        with explaining(self.path), self._lend() as connection, _transact(connection, "DEFERRED"):
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection to the one writer; all it did is kept at the end, or none of it.

        Raises: UserInputError where the database cannot be written.
        """
        with (
            explaining(self.path),
            self._writer,
            self._lend() as connection,
            _transact(connection, "IMMEDIATE"),
        ):
            yield connection

    def close(self) -> None:
        """Close all connections; one that is lent out is closed when it comes back."""
        with self._lending:
            self._closed = True
            while self._idle:
                self._idle.pop().close()
        self._users.leave()

    def save_snapshot(self) -> Path | None:
        """Make a snapshot if one is due; returns its path, None where none is.

        Raises: UserInputError where it cannot be written, or the database is damaged.
        """
        with explaining(self.path), self._lend() as connection:
            return save_if_due(connection, self.path)

    def _open(self, migrations: Migrations) -> None:
        path = self.path
        with explaining_files(path.parent), FileLock(path.with_name(f".{path.name}.lock")):
            recover(path, self._users, len(migrations))
            self._users.join()
            with explaining(path), self._lend() as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                _migrate(connection, path, migrations)

    @contextmanager
    def _lend(self) -> Iterator[sqlite3.Connection]:
        connection = self._take()
        try:
            yield connection
        finally:
            with self._lending:
                connection.close() if self._closed else self._idle.append(connection)

    def _take(self) -> sqlite3.Connection:
        with self._lending:
            if self._closed:
                raise ValueError("This store is closed.")
            if self._idle:
                return self._idle.pop()
        connection = sqlite3.connect(
            self.path, timeout=self._timeout, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")
        except sqlite3.Error:
            connection.close()
            raise
        return connection


@contextmanager
def _transact(connection: sqlite3.Connection, kind: str) -> Iterator[None]:
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _migrate(connection: sqlite3.Connection, path: Path, migrations: Migrations) -> None:
    """Bring the tables to the newest version, one migration after the other, in one step.

    What was there before is kept in a snapshot.
    """
    version = _read_version(connection, path, migrations)
    if version == len(migrations):
        return
    if version:
        save_snapshot(connection, path)
    with _transact(connection, "IMMEDIATE"):
        for statements in migrations[_read_version(connection, path, migrations) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(migrations)}")


def _read_version(connection: sqlite3.Connection, path: Path, migrations: Migrations) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(migrations):
        raise UserInputError(
            f"The list of labels ({path}) has version {version}, and this release reads up to "
            f"{len(migrations)}. Use the release that wrote it."
        )
    return version
