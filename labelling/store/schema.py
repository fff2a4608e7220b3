"""The tables of the labels' database, as the steps that lead from each version to the next.

A step that was released is never changed: add one. `PRAGMA user_version` counts those done.
"""

# A picture's row stays when its file is removed, so that it is known if it comes again.
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
MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _DOUBTS)
