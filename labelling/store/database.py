"""The index of all labels: one SQLite file that threads and processes share.

What is committed survives a kill and a power cut: write-ahead log, every commit synced.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from inference.errors import UserInputError
from labelling.images.files import StorageError, explaining_files

TIMEOUT = 30.0  # seconds to wait while another process writes

# Errors that a disk or another process causes. Source: SQLite's result codes.
_CAUSES = {
    sqlite3.SQLITE_BUSY: "is in use by another process that does not finish. Wait for it, or end "
    "it, and try again.",
    sqlite3.SQLITE_READONLY: "cannot be written to. Change its permissions, or choose another "
    "--data.",
    sqlite3.SQLITE_PERM: "cannot be written to. Change its permissions, or choose another --data.",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened or made. Change the permissions of its folder, or "
    "choose another --data.",
    sqlite3.SQLITE_FULL: "cannot grow, since the disk is full. Nothing was changed; make room, "
    "and try again.",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk reports an error. Look whether it "
    "is full or broken.",
    sqlite3.SQLITE_CORRUPT: "is damaged. Put back a copy of it, or move it away and restore a "
    "backup.",
    sqlite3.SQLITE_NOTADB: "is not a database. Move it away, and restore a backup.",
}

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

        Raises: UserInputError for one that cannot be used, or that a later release wrote.
        """
        self.path = path
        self._timeout = timeout
        self._writer = threading.Lock()
        self._lending = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        try:
            with explaining(path), self._lend() as connection:
                _use_write_ahead_log(connection, path)
                _migrate(connection, path, migrations)
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
def explaining(path: Path) -> Iterator[None]:
    """Turn an error of the disk, or of another process, into one sentence for a person.

    Raises: StorageError.
    """
    try:
        yield
    except sqlite3.Error as error:
        cause = _CAUSES.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
        if cause is None:
            raise
        raise StorageError(f"The list of labels ({path}) {cause}") from error


@contextmanager
def _transact(connection: sqlite3.Connection, kind: str) -> Iterator[None]:
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _use_write_ahead_log(connection: sqlite3.Connection, path: Path) -> None:
    """Switch once to the log; the switch itself does not wait for others, so a lock does."""
    if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        return
    with explaining_files(path.parent), FileLock(path.with_name(f".{path.name}.lock")):
        connection.execute("PRAGMA journal_mode = WAL")


def _migrate(connection: sqlite3.Connection, path: Path, migrations: Migrations) -> None:
    """Bring the tables to the newest version, one migration after the other, in one step."""
    if _read_version(connection, path, migrations) == len(migrations):
        return
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
