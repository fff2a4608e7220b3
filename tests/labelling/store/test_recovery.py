"""A list of labels that is damaged, empty or gone: what becomes of it, of labels and of images."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from inference.errors import StorageError
from labelling.audit_log import read_acts
from labelling.store.database import MIGRATIONS, Database
from labelling.store.snapshots import KEPT, list_snapshots
from labelling.store.store import Store
from tests.labelling.sample_files import encode, make_image
from tests.labelling.stored import add_images
from tests.running import ROOT

NAME = "labels.sqlite3"


def fill(data: Path, *, snapshot: bool = True) -> None:
    """Label 20 images, of which 12 are in a snapshot."""
    with Store(data) as store:
        add_images(store, "cat", range(12))
        if snapshot:
            assert store._database.save_snapshot()
        add_images(store, "dog", range(12, 20))


def overwrite(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)


def drop_tables(path: Path) -> None:
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 3")
    connection.execute("CREATE TABLE other (a)")
    connection.commit()
    connection.close()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no database": lambda path: path.write_bytes(b"junk" * 5000),
    "header alone": lambda path: path.write_bytes(b"SQLite format 3\0" + b"\xff" * 8000),
    "pages": overwrite,
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-5000]),
    "empty": lambda path: path.write_bytes(b""),
    "no tables": drop_tables,
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_last_snapshot_comes_in_the_place_of_a_damaged_list(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path)
    DAMAGES[damage](tmp_path / NAME)
    found = (tmp_path / NAME).read_bytes() if damage != "gone" else None
    with Store(tmp_path) as store:
        assert {e.label for e in store.find("")} == {"cat"}
        assert len(store.find("")) == 12
        (notice,) = store.list_notices()
        assert "was put back; labels made since are missing" in notice
        assert notice in caplog.text
        assert [act.what for act in read_acts(tmp_path)] == ["recovered"]
        (aside,) = (tmp_path / "damaged").iterdir()
        if found is not None:
            assert (aside / NAME).read_bytes() == found
            assert f"damaged/{aside.name}" in notice
        store.purge(0)
        assert len(list(tmp_path.glob("pictures/??/*.jpg"))) == 20
        add_images(store, "dog", range(12, 20))
        assert len(store.find("")) == 20
    shutil.rmtree(tmp_path / "damaged")
    with Store(tmp_path) as store:
        assert store.list_notices() == []
        assert len(store.find("")) == 20


@pytest.mark.parametrize("damage", DAMAGES)
def test_without_a_snapshot_a_new_list_is_begun_and_the_images_stay(
    tmp_path: Path, damage: str
) -> None:
    fill(tmp_path, snapshot=False)
    DAMAGES[damage](tmp_path / NAME)
    with Store(tmp_path) as store:
        assert store.find("") == []
        assert "There is no snapshot of it" in store.list_notices()[0]
        added = store.add(encode(make_image(99)), "cat")
        store.withdraw(added.change, "")
        store.purge(0)
    assert len(list(tmp_path.glob("pictures/??/*.jpg"))) == 20


def test_what_was_removed_goes_although_a_damaged_list_is_kept(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / NAME).write_bytes(b"")
    with Store(tmp_path) as store:
        store.delete(store.find("")[0].id, "Ann")
        assert store.purge(0) == 1


def test_new_data_folder_needs_no_notice(tmp_path: Path) -> None:
    (tmp_path / NAME).touch()  # by a first start that was killed
    with Store(tmp_path) as store:
        assert store.list_notices() == []


def test_snapshot_that_is_damaged_is_passed_over(tmp_path: Path) -> None:
    fill(tmp_path)
    with Store(tmp_path) as store:
        make_older(list_snapshots(tmp_path / NAME)[-1])
        newest = store._database.save_snapshot()
        assert newest is not None
    overwrite(newest)
    (tmp_path / NAME).write_bytes(b"")
    with Store(tmp_path) as store:
        assert len(store.find("")) == 12


def make_older(path: Path) -> None:
    status = path.stat()
    os.utime(path, (status.st_atime, status.st_mtime - 100_000))


def test_snapshots_are_made_once_a_day_and_the_last_three_stay(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        assert store._database.save_snapshot() is None  # there is nothing to lose
        seen = []
        for seed in range(5):
            add_images(store, "cat", range(seed, seed + 1))
            made = store._database.save_snapshot()
            assert made is not None
            seen.append(made)
            assert store._database.save_snapshot() is None
            make_older(made)
            os.utime(tmp_path / NAME, (0, 0))
            os.utime(tmp_path / f"{NAME}-wal", (0, 0))
            assert store._database.save_snapshot() is None  # nothing has changed
        assert list_snapshots(tmp_path / NAME) == seen[-KEPT:]


def test_snapshot_is_made_before_a_migration(tmp_path: Path) -> None:
    path = tmp_path / NAME
    Database(path, migrations=MIGRATIONS[:3]).close()
    assert list_snapshots(path) == []
    Database(path).close()
    (snapshot,) = list_snapshots(path)
    connection = sqlite3.connect(snapshot)
    assert connection.execute("PRAGMA user_version").fetchone() == (3,)
    connection.close()


def test_page_keeps_snapshots_and_says_where_it_cannot(tmp_path: Path) -> None:
    (tmp_path / "snapshots").write_text("in the way")
    with Store(tmp_path) as store:
        add_images(store, "cat", range(1))
        store.keep_snapshots()
        (notice,) = store.list_notices()
        assert notice.startswith("No snapshot of the labels could be made. Nothing can be written")
    (tmp_path / "snapshots").unlink()
    with Store(tmp_path) as store:
        store.keep_snapshots()
        assert store.list_notices() == []
    assert len(list_snapshots(tmp_path / NAME)) == 1


def test_damaged_list_is_not_taken_from_under_another_process(tmp_path: Path) -> None:
    fill(tmp_path)
    with Store(tmp_path) as store:
        (tmp_path / NAME).write_bytes(b"")
        with pytest.raises(StorageError, match="another process has it open"):
            Store(tmp_path)
        assert not (tmp_path / "damaged").exists()
        store.close()
        with Store(tmp_path) as again:
            assert len(again.find("")) == 12


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["pages", "gone"])
def test_recovery_that_is_killed_at_any_step_goes_on(tmp_path: Path, damage: str) -> None:
    fill(tmp_path / "filled")
    DAMAGES[damage](tmp_path / "filled" / NAME)
    step, killed = 0, True
    while killed:
        step += 1
        data = tmp_path / str(step)
        shutil.copytree(tmp_path / "filled", data)
        command = [sys.executable, "-m", "tests.labelling.killed_recovery", str(data), str(step)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        killed = done.returncode == -signal.SIGKILL
        assert killed or done.returncode == 0, done.stderr
        with Store(data) as store:
            assert len(store.find("")) == 12
            assert len(store.list_notices()) == 1
        kept = [path for path in (data / "damaged").glob(f"*/{NAME}*") if "-" not in path.name]
        assert len(kept) == (damage == "pages")
        assert not list((data / "damaged").glob("*/unfinished.txt"))
    assert step > 3
