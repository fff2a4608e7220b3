import sqlite3
import threading
from pathlib import Path

import pytest

from inference.errors import BusyError, StorageError, UserInputError
from labelling.store.database import MIGRATIONS, Database
from labelling.store.entries import Counts
from labelling.store.store import Store
from tests.labelling.sample_files import encode, make_image
from tests.labelling.stored import add_images


def run_once(path: Path, statement: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        found = connection.execute(statement).fetchall()
        connection.commit()
        return found
    finally:
        connection.close()


def test_what_is_committed_is_on_the_disk(tmp_path: Path) -> None:
    database = Database(tmp_path / "labels.sqlite3")
    with database.writing() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    database.close()


def test_a_failed_block_changes_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "labels.sqlite3")
    statement = "INSERT INTO origins VALUES ('a', 1)"
    with pytest.raises(sqlite3.IntegrityError), database.writing() as connection:
        connection.execute(statement)  # no such picture
    with pytest.raises(KeyError), database.writing() as connection:
        connection.execute("PRAGMA user_version = 7")
        raise KeyError
    with database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM origins").fetchone() == (0,)
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    database.close()


def test_closed_databases_say_so(tmp_path: Path) -> None:
    database = Database(tmp_path / "labels.sqlite3")
    database.close()
    with pytest.raises(ValueError, match="closed"), database.reading():
        pass


def test_a_later_release_s_labels_are_refused(tmp_path: Path) -> None:
    Store(tmp_path).close()
    run_once(tmp_path / "labels.sqlite3", "PRAGMA user_version = 99")
    with pytest.raises(UserInputError, match=r"version 99.*Use the release that wrote it"):
        Store(tmp_path)


# Written by the first release: three images, one of each split.
FIRST_RELEASE = """
INSERT INTO pictures (number, sha256, dhash, width, height, grp, split) VALUES
    (1, 'a', zeroblob(32), 9, 8, 'a', 'train'), (2, 'b', zeroblob(32), 9, 8, 'b', 'locked'),
    (3, 'c', zeroblob(32), 9, 8, 'a', 'aside');
INSERT INTO origins (sha256, picture) VALUES ('o', 1), ('b', 2), ('c', 3);
INSERT INTO entries (picture, model, label, state, who, created, changed, name, origin_sha256)
    SELECT number, 'pets', 'cat', 'approved', 'Ann', 't', 't', sha256 || '.jpg', sha256
    FROM pictures;
INSERT INTO changes (entry, kind, who, made, after)
    SELECT id, 'add', 'Ann', 't', '{"label": "cat", "state": "approved", "deleted": false}'
    FROM entries;
INSERT INTO embeddings (backbone, picture, vector) SELECT 'x', number, zeroblob(4) FROM pictures;
"""


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS) + 1))
def test_an_earlier_release_s_labels_are_brought_on(tmp_path: Path, version: int) -> None:
    path = tmp_path / "labels.sqlite3"
    Database(path, migrations=MIGRATIONS[:1]).close()
    connection = sqlite3.connect(path)
    connection.executescript(FIRST_RELEASE)
    connection.close()
    Database(path, migrations=MIGRATIONS[:version]).close()
    with Store(tmp_path) as store:
        entries = store.find("pets")
        assert [(e.sha256, e.split, e.group) for e in reversed(entries)] == [
            *(("a", "train", "a"), ("b", "locked", "b"), ("c", "excluded", "a"))
        ]
        assert {(e.label, e.who, e.created) for e in entries} == {("cat", "Ann", "t")}
        assert store.count("pets")["cat"] == Counts(
            train=1, locked=1, excluded=1, groups=2, pending=0
        )
        assert len(store.read_embeddings("x", ["a", "b", "c"])) == 3
        assert store.knows("obcx") == set("obc")
        change = store.relabel(entries[0].id, "dog", "Ann")
        store.undo(change, "Ann")
        assert store.count_label_issues("pets") == 0
        assert not store.add(encode(make_image(7)), "dog", model="pets").existed
    (found,) = run_once(path, "PRAGMA user_version")[0]
    assert found == len(MIGRATIONS)
    assert run_once(path, "PRAGMA foreign_key_check") == []


def test_a_migration_that_fails_leaves_the_version_before(tmp_path: Path) -> None:
    Store(tmp_path).close()
    steps = (*MIGRATIONS, ("CREATE TABLE later (a)", "CREATE TABLE entries (a)"))
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        Database(tmp_path / "labels.sqlite3", migrations=steps)
    Store(tmp_path).close()
    tables = run_once(tmp_path / "labels.sqlite3", "SELECT name FROM sqlite_master")
    assert ("later",) not in tables


def test_damage_that_comes_later_is_a_sentence(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        add_images(store, "cat", range(20))
    path = tmp_path / "labels.sqlite3"
    with Store(tmp_path) as store:
        content = bytearray(path.read_bytes())
        content[4096:] = b"\xff" * (len(content) - 4096)
        path.write_bytes(content)
        with pytest.raises(StorageError, match=r"is damaged\. Start this program again"):
            store.find("")


def test_a_writer_that_does_not_finish_is_a_sentence(tmp_path: Path) -> None:
    Store(tmp_path).close()
    other = Database(tmp_path / "labels.sqlite3")
    with Store(tmp_path, timeout=0.01) as hurried:
        with other.writing():
            assert hurried.find("") == []  # readers need not wait
            with pytest.raises(BusyError, match="in use by another process"):
                hurried.add(encode(make_image(1)), "cat")
        assert not hurried.add(encode(make_image(1)), "cat").existed
    other.close()


def test_a_full_disk_is_a_sentence_and_changes_nothing(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        before = add_images(store, "cat", range(2))
        with store._database.reading() as connection:
            connection.execute("PRAGMA max_page_count = 1")
        name = "n" * 190
        with pytest.raises(StorageError, match="the disk is full"):
            for seed in range(2, 200):
                before.append(store.add(encode(make_image(seed, 24)), "cat", name=name))
        with store._database.reading() as connection:
            connection.execute("PRAGMA max_page_count = 1000000")
        assert {entry.id for entry in store.find("")} == {added.entry.id for added in before}
        assert not store.add(encode(make_image(777)), "cat").existed


def test_a_folder_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="Nothing can be written"):
        Store(tmp_path / "file" / "data")
    (tmp_path / "labels.sqlite3").mkdir()
    with pytest.raises(StorageError, match="cannot be opened"):
        Store(tmp_path)


def test_a_read_only_database_is_a_sentence(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        with store._database.reading() as connection:
            connection.execute("PRAGMA query_only = ON")
        with pytest.raises(StorageError, match="cannot be written to"):
            store.add(encode(make_image(1)), "cat")


def test_many_open_the_store_at_once(tmp_path: Path) -> None:
    problems: list[BaseException] = []

    def open_store() -> None:
        try:
            Store(tmp_path).close()
        except (UserInputError, sqlite3.Error) as error:
            problems.append(error)

    threads = [threading.Thread(target=open_store) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
