"""Embeddings by picture, from the database itself."""

import hashlib
import sqlite3
from collections.abc import Iterator

import numpy as np
import pytest

from labelling.store.database import MIGRATIONS
from labelling.store.queries import put_embeddings, read_embeddings

KEY = "a" * 64


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(":memory:")
    for migration in MIGRATIONS:
        for statement in migration:
            opened.execute(statement)
    yield opened
    opened.close()


def fill(connection: sqlite3.Connection, count: int) -> list[str]:
    """Add images with an embedding each; returns their names."""
    names = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(count)]
    connection.executemany(
        "INSERT OR IGNORE INTO images (sha256, dhash, width, height, grp, split) "
        "VALUES (?, zeroblob(32), 9, 9, ?, 'train')",
        [(name, name) for name in names],
    )
    put_embeddings(connection, KEY, {name: np.full(2, i) for i, name in enumerate(names)})
    return names


def count_steps(connection: sqlite3.Connection, names: list[str]) -> int:
    """Return how many hundreds of steps SQLite needs to read embeddings."""
    steps: list[int] = []
    connection.set_progress_handler(lambda: steps.append(1), 100)
    assert len(read_embeddings(connection, KEY, names)) == len(names)
    connection.set_progress_handler(None, 100)
    return len(steps)


def test_those_that_are_there_are_read(connection: sqlite3.Connection) -> None:
    names = fill(connection, 3)
    found = read_embeddings(connection, KEY, [names[2], "unknown", names[0]])
    assert {name: vector.tolist() for name, vector in found.items()} == {
        names[2]: [2.0, 2.0],
        names[0]: [0.0, 0.0],
    }
    assert read_embeddings(connection, "b" * 64, names) == {}


def test_work_grows_with_the_images_not_with_their_square(
    connection: sqlite3.Connection,
) -> None:
    few = count_steps(connection, fill(connection, 200))
    many = count_steps(connection, fill(connection, 800))
    assert few > 0
    assert many < 6 * few
