"""A disk that is really full: a sentence wherever that strikes, and nothing half written."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.errors import StorageError
from inference.versions.catalog import Catalog
from labelling.exchange.exporting import export_folder
from labelling.exchange.projects import write_project
from labelling.planned_classes import PlannedClasses, read_planned, write_planned
from labelling.store.snapshots import list_snapshots
from labelling.store.store import Store
from tests.inference.tiny_versions import write_version
from tests.labelling.sample_files import encode, make_image
from tests.web.requests import make_access
from tests.web.teach_page import MODEL, Visit, paint, serve
from trainer.jobs import run_job
from web.model.versions import make_version_routes
from web.serving import Service
from web.teach.tab import make_teach_routes
from web.teach.train import TrainingRunner


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB, which only root can mount."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("No file system can be mounted here.")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill_up(disk: Path) -> Path:
    """Leave no room on a disk; returns the file that takes it."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (65_536, 4096, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
    return ballast


def list_files(disk: Path) -> set[str]:
    """Return what lies on a disk, but for SQLite's own files and locks."""
    paths = (path.relative_to(disk) for path in disk.rglob("*") if path.is_file())
    return {str(path) for path in paths if not path.name.startswith((".", "labels.sqlite3"))}


def test_labels_that_were_acknowledged_are_there_and_no_others(disk: Path) -> None:
    data = disk / "data"
    with Store(data) as store:
        kept = [store.add(encode(make_image(seed)), "cat").entry.id for seed in range(3)]
        ballast = fill_up(disk)
        with pytest.raises(StorageError, match="disk"):
            for seed in range(3, 300):
                kept.append(store.add(encode(make_image(seed)), "cat").entry.id)
    ballast.unlink()
    with Store(data) as store:
        assert {entry.id for entry in store.find("")} == set(kept)
        assert not list(data.glob("pictures/??/.*"))
        store.add(encode(make_image(400)), "cat")
        assert store.list_notices() == []


def test_nothing_is_left_of_what_had_no_room(disk: Path) -> None:
    data = disk / "data"
    catalog = Catalog(disk / "exported", data)
    for number in (1, 2):
        write_version(catalog.exported / MODEL / str(number), version=number)
    catalog.publish(MODEL, 1)
    with Store(data) as store:
        for seed in range(20):
            store.add(encode(make_image(seed)), "cat", model=MODEL)
        ballast = fill_up(disk)
        before = list_files(disk)
        with pytest.raises(StorageError, match="the disk is full"):
            catalog.publish(MODEL, 2)
        with pytest.raises(StorageError, match="the disk is full"):
            write_planned(data, "pets", PlannedClasses(("cat", "dog")))
        with pytest.raises(StorageError, match="the disk is full"):
            write_project(store, catalog, MODEL, disk / "project.zip")
        with pytest.raises(StorageError, match="the disk is full"):
            export_folder(store, disk / "out", MODEL)
        store.keep_snapshots()
        (notice,) = store.list_notices()
        assert notice.startswith("No snapshot of the labels could be made.")
        assert "disk is full" in notice
        assert list_files(disk) == before
        assert not list_snapshots(data / "labels.sqlite3")
        assert catalog.read_current(MODEL) == 1
        assert read_planned(data, "pets") == PlannedClasses()
        ballast.unlink()
        catalog.publish(MODEL, 2)
        assert store._database.save_snapshot()


def test_training_that_finds_no_room_says_so(disk: Path) -> None:
    (disk / "training").mkdir()
    ballast = fill_up(disk)
    with pytest.raises(StorageError, match="disk is full"), run_job(disk, "head", "pets"):
        pass
    state = TrainingRunner(disk, disk).read_state()
    assert state.state in ("none", "died")
    ballast.unlink()
    with (
        pytest.raises(StorageError, match="disk is full"),
        run_job(disk, "head", "pets") as job,
    ):
        fill_up(disk)
        for step in range(10_000):
            job.curve(step, 0.5, 0.5, "train")
    died = TrainingRunner(disk, disk).read_state()
    assert "disk" in (died.error or "") + "".join(died.log)


def test_page_answers_507_and_one_sentence(disk: Path) -> None:
    exported, data = disk / "exported", disk / "data"
    for number in (1, 2):
        write_version(exported / MODEL / str(number), version=number)
    service = Service(Catalog(exported, data), MODEL, None, "cpu")
    with Store(data) as store:
        routes = make_teach_routes(service, make_access(), store)
        client = serve([*routes, *make_version_routes(service, make_access())])
        visit = Visit(client, service, store, data)
        visit.add("red", paint("red"))
        fill_up(disk)
        answers = [
            visit.add("red", paint("red", 7)),
            client.post("/versions/publish", json={"model": MODEL, "version": 1}),
            client.get("/teach/project", params={"model": MODEL}),
            client.post("/teach/project", content=b"x" * 100_000),
            client.post("/teach/training", json={"model": MODEL, "kind": "head"}),
            client.post("/teach/classes", json={"model": MODEL, "label": "black"}),
        ]
        for answer in answers:
            assert answer.status_code == 507, answer.text
            assert "disk is full" in answer.json()["error"]
