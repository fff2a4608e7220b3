"""Embeddings of stored pictures, kept so that teaching again need not compute them again."""

import json
import sqlite3
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray


def put_embeddings(
    connection: sqlite3.Connection, backbone: str, embeddings: Mapping[str, NDArray[np.float16]]
) -> None:
    """Keep SHA-256 → (D,) float16 of a backbone, for the pictures whose files are kept."""
    connection.executemany(
        "INSERT OR REPLACE INTO embeddings (backbone, picture, vector) "
        "SELECT ?, number, ? FROM pictures WHERE sha256 = ? AND removed IS NULL",
        (
            (backbone, np.asarray(vector, dtype=np.float16).tobytes(), sha256)
            for sha256, vector in embeddings.items()
        ),
    )


def read_embeddings(
    connection: sqlite3.Connection, backbone: str, sha256s: Iterable[str]
) -> dict[str, NDArray[np.float16]]:
    """Return SHA-256 → (D,) float16 for those pictures that have one."""
    # CROSS JOIN keeps this order: in the other one SQLite goes through the whole list for each row.
    rows = connection.execute(
        "SELECT p.sha256, v.vector FROM json_each(?) wanted CROSS JOIN pictures p "
        "ON p.sha256 = wanted.value "
        "CROSS JOIN embeddings v ON v.picture = p.number AND v.backbone = ?",
        (json.dumps(list(sha256s)), backbone),
    )
    return {sha256: np.frombuffer(vector, dtype=np.float16) for sha256, vector in rows}
