"""Queries: which labels a model has, how many, which images are known, and their embeddings."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from labelling.images.encoding import PreparedImage
from labelling.store.entries import SELECT, Counts, Entry, Tombstone, read_entry

Order = Literal["newest", "unsure"]
_ORDERS = {
    "newest": "e.id DESC",
    "unsure": "e.answer_probability IS NULL, e.answer_probability, e.id",
}
# Of an image that has a label for the model and one for every model, the model's own counts.
SCOPE = (
    "NOT e.deleted AND e.model IN (:model, '') AND (e.model = :model OR NOT EXISTS (SELECT 1 "
    "FROM entries own WHERE own.image = e.image AND own.model = :model AND NOT own.deleted))"
)


@dataclass(frozen=True)
class EntryQuery:
    """Which labels to return, in which order; model None: of all models, label None: any."""

    model: str | None
    states: tuple[str, ...]
    label: str | None
    order: Order
    limit: int | None
    offset: int


def find_entries(connection: sqlite3.Connection, query: EntryQuery) -> list[Entry]:
    """Return the labels that a query asks for, in its order."""
    scope = "NOT e.deleted" if query.model is None else SCOPE
    rows = connection.execute(
        f"{SELECT} WHERE {scope} AND e.state IN (SELECT value FROM json_each(:states)) "  # noqa: S608
        "AND (:label IS NULL OR e.label = :label) "
        f"ORDER BY {_ORDERS[query.order]} LIMIT :limit OFFSET :offset",
        {
            "model": query.model,
            "states": json.dumps(query.states),
            "label": query.label,
            "limit": -1 if query.limit is None else query.limit,
            "offset": query.offset,
        },
    )
    return [read_entry(row) for row in rows]


def count_classes(connection: sqlite3.Connection, model: str) -> dict[str, Counts]:
    """Return class → how many images it has, sorted by name."""
    rows = connection.execute(
        "SELECT e.label, "  # noqa: S608
        "count(*) FILTER (WHERE e.state = 'approved' AND i.split = 'train'), "
        "count(*) FILTER (WHERE e.state = 'approved' AND i.split = 'locked'), "
        "count(*) FILTER (WHERE e.state = 'approved' AND i.split = 'excluded'), "
        "count(DISTINCT i.grp) FILTER (WHERE e.state = 'approved' AND i.split != 'excluded'), "
        "count(*) FILTER (WHERE e.state = 'pending') "
        "FROM entries e JOIN images i ON i.number = e.image "
        f"WHERE {SCOPE} AND e.state != 'rejected' GROUP BY e.label ORDER BY e.label",
        {"model": model},
    )
    return {label: Counts(*counts) for label, *counts in rows}


def list_models(connection: sqlite3.Connection) -> list[str]:
    """Return the models that have labels, sorted; an empty name stands for every model."""
    rows = connection.execute("SELECT DISTINCT model FROM entries WHERE NOT deleted")
    return sorted(model for (model,) in rows)


def find_known(connection: sqlite3.Connection, sha256s: Iterable[str]) -> set[str]:
    """Return those that were ever stored, as given or as stored."""
    rows = connection.execute(
        "SELECT value FROM json_each(?) WHERE value IN (SELECT sha256 FROM images) "
        "OR value IN (SELECT sha256 FROM origins)",
        (json.dumps(list(sha256s)),),
    )
    return {sha256 for (sha256,) in rows}


def list_removed(connection: sqlite3.Connection, model: str) -> list[Tombstone]:
    """Return what is left of the images that have no label of the model any more.

    And of those that never had one here, but in the store that this one took them over from.
    """
    rows = connection.execute(
        "SELECT i.sha256, lower(hex(i.dhash)), i.width, i.height, i.grp, i.split FROM images i "
        "LEFT JOIN entries e ON e.image = i.number GROUP BY i.number "
        "HAVING count(e.id) = 0 OR (max(e.model IN (:model, '')) "
        "AND NOT max(e.model IN (:model, '') AND NOT e.deleted)) ORDER BY i.number",
        {"model": model},
    )
    return [Tombstone(*row) for row in rows]


def find_stored(connection: sqlite3.Connection, sha256: str) -> PreparedImage | None:
    """Return an image whose file is kept, without its bytes, by its SHA-256 or its origin's."""
    row = connection.execute(
        "SELECT sha256, dhash, width, height FROM images WHERE removed IS NULL AND "
        "number IN (SELECT number FROM images WHERE sha256 = :sha256 "
        "UNION SELECT image FROM origins WHERE sha256 = :sha256)",
        {"sha256": sha256},
    ).fetchone()
    return PreparedImage(b"", row[0], row[1], row[2], row[3], sha256) if row else None


def put_embeddings(
    connection: sqlite3.Connection, backbone: str, embeddings: Mapping[str, NDArray[np.float16]]
) -> None:
    """Keep SHA-256 → (D,) float16 of a backbone, for the images whose files are kept."""
    connection.executemany(
        "INSERT OR REPLACE INTO embeddings (backbone, image, vector) "
        "SELECT ?, number, ? FROM images WHERE sha256 = ? AND removed IS NULL",
        (
            (backbone, np.asarray(vector, dtype=np.float16).tobytes(), sha256)
            for sha256, vector in embeddings.items()
        ),
    )


def read_embeddings(
    connection: sqlite3.Connection, backbone: str, sha256s: Iterable[str]
) -> dict[str, NDArray[np.float16]]:
    """Return SHA-256 → (D,) float16 for those images that have one."""
    # CROSS JOIN keeps this order: in the other one SQLite goes through the whole list for each row.
    rows = connection.execute(
        "SELECT i.sha256, v.vector FROM json_each(?) given CROSS JOIN images i "
        "ON i.sha256 = given.value "
        "CROSS JOIN embeddings v ON v.image = i.number AND v.backbone = ?",
        (json.dumps(list(sha256s)), backbone),
    )
    return {sha256: np.frombuffer(vector, dtype=np.float16) for sha256, vector in rows}
