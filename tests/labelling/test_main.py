"""`python -m labelling`, as people run it."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from inference.errors import run_command
from labelling.__main__ import app
from labelling.audit_log import read_acts
from labelling.store.store import Store
from tests.labelling.sample_files import encode, make_image, write_images
from tests.running import ROOT


@dataclass(frozen=True)
class Done:
    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        return json.loads(self.stdout.splitlines()[-1])


Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs the command in this process, on a data folder of its own."""

    def run_here(*options: str | Path, data: str = "data") -> Done:
        folders = ("--data", str(tmp_path / data), "--exported", str(tmp_path / "exported"))
        monkeypatch.setattr(sys, "argv", ["labelling", *folders, *map(str, options)])
        monkeypatch.setenv("COLUMNS", "160")
        code: str | int | None = 0
        try:
            run_command(app)
        except SystemExit as ended:
            code = ended.code or 0
        seen = capsys.readouterr()
        assert isinstance(code, int)
        return Done(code, seen.out, seen.err)

    return run_here


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_images(tmp_path / "given" / "cat", range(4))
    write_images(tmp_path / "given" / "dog", range(4, 7))
    return tmp_path / "given"


def test_it_runs_as_a_process(tmp_path: Path, folder: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "labelling", "import", str(folder), "--json"]
    env = {"CLASSIFIER_DATA": str(tmp_path / "data"), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=True
    )
    assert json.loads(done.stdout)["added"] == 7
    assert done.stderr == ""
    assert (tmp_path / "data" / "labels.sqlite3").is_file()


def test_images_go_in_and_are_listed(run: Run, folder: Path) -> None:
    (folder / "cat" / "note.txt").write_text("no picture")
    done = run("import", folder, "--model", "pets", "--who", "Ann")
    assert done.code == 0
    assert "Added 7 pictures: 4 cat, 3 dog." in done.stdout
    assert "given/cat/note.txt: This file is not a picture" in done.stdout
    assert "7 were there already" in run("import", folder, "--model", "pets").stdout
    counts = run("list", "--json").json()
    assert counts["pets"]["cat"]["groups"] == 4
    assert counts["pets"]["cat"]["lacks"] == "6 more for 10"
    assert list(run("list", "--label", "dog", "--json").json()["pets"]) == ["dog"]
    table = run("list").stdout
    assert "pets" in table
    assert "6 more for 10" in table
    entries = run("list", "--pictures", "--json").json()
    assert {entry["who"] for entry in entries} == {"Ann"}
    assert "picture-6.jpg" in run("list", "--pictures", "--label", "dog").stdout
    assert run("list", "--model", "food", "--json").json() == {"food": {}}


def test_single_images_wait_for_a_teacher(run: Run, folder: Path) -> None:
    picture = folder / "cat" / "picture-0.jpg"
    done = run("import", picture, "--label", "tiger", "--state", "pending", "--json")
    assert done.json()["classes"] == {"tiger": 1}
    assert [entry["label"] for entry in run("list", "--state", "pending", "--json").json()] == [
        "tiger"
    ]
    assert run("list", "--state", "approved", "--json").json() == []


def test_labels_are_corrected_and_changes_undone(run: Run, folder: Path) -> None:
    run("import", folder, "--state", "pending")
    assert run("approve", "1", "2", "--json").json() == {"changes": {"1": 8, "2": 9}}
    assert run("approve", "1", "--json").json() == {"changes": {"1": 8}}
    assert "label 3: change 10" in run("reject", "3").stdout
    run("relabel", "4", "--label", "lion")
    run("approve", "5", "--label", "wolf")
    run("delete", "6")

    def read() -> dict[int, tuple[str, str]]:
        rows = run("list", "--pictures", "--json").json()
        return {row["id"]: (row["label"], row["state"]) for row in rows}

    changed = read()
    assert changed == {
        1: ("cat", "approved"),
        2: ("cat", "approved"),
        3: ("cat", "rejected"),
        4: ("lion", "pending"),
        5: ("wolf", "approved"),
        7: ("dog", "pending"),
    }
    (deleted,) = run("undo", "13", "--json").json()
    assert (deleted["id"], deleted["state"]) == (6, "pending")
    assert read() == changed | {6: ("dog", "pending")}
    assert run("undo", "8").code == 0
    assert run("undo", "8").code == 2


def test_many_changes_and_a_purge_are_in_the_audit_log(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLASSIFIER_WHO", "Bob")
    run("import", *write_images(tmp_path / "given" / "cat", range(11)), "--label", "cat")
    numbers = [str(n) for n in range(1, 12)]
    few = run("delete", *numbers[:9], "--json").json()["changes"]
    run("undo", *map(str, few.values()))
    changes = run("reject", *numbers, "--who", "Ann", "--json").json()["changes"]
    run("undo", *map(str, changes.values()))
    run("delete", *numbers)
    run("purge", "--days", "0")
    acts = read_acts(tmp_path / "data")
    assert [(act.who, act.describe()) for act in reversed(acts)] == [
        ("Bob", "added 11 pictures to every model"),
        ("Ann", "rejected 11 pictures"),
        ("Bob", "undid 11 changes"),
        ("Bob", "deleted 11 pictures"),
        ("Bob", "removed the files of 11 pictures for good"),
    ]


def test_purging_asks_how_old(run: Run, folder: Path) -> None:
    run("import", folder)
    run("delete", "1")
    assert run("purge", "--json").json() == {"removed": 0}
    assert run("purge", "--days", "0").stdout == "Removed 1 picture files.\n"


def test_folders_come_out(run: Run, folder: Path, tmp_path: Path) -> None:
    run("import", folder, "--model", "pets")
    done = run("export", tmp_path / "out", "--model", "pets", "--json")
    assert done.json() == {"folder": str(tmp_path / "out"), "classes": {"cat": 4, "dog": 3}}
    assert len(list((tmp_path / "out").rglob("*.jpg"))) == 7
    assert run("import", tmp_path / "out", "--json").json()["existed"] == 7
    again = run("export", tmp_path / "out")
    assert (again.code, "is not empty" in again.stderr) == (2, True)


def test_a_model_goes_to_another_installation(run: Run, folder: Path, tmp_path: Path) -> None:
    run("import", folder, "--model", "pets")
    path = tmp_path / "pets.zip"
    done = run("backup", "--model", "pets", path)
    assert done.stdout == f"Wrote pets: 7 labelled pictures to {path}.\n"
    assert run("backup", "--model", "pets", path, "--json").json()["images"] == 7
    added = {"model": "pets", "version": None, "images": 7}
    assert run("restore", path, "--json", data="b").json() == added
    (act,) = read_acts(path.parent / "b")
    assert (act.who, act.what, act.model) == ("command line", "restored", added["model"])
    taken = run("restore", path, data="b")
    assert (taken.code, "Choose another name" in taken.stderr) == (2, True)
    again = run("restore", path, "--model", "mine", data="b")
    assert again.stdout == "Added mine: 7 labelled pictures.\n"
    assert sorted(run("list", "--json", data="b").json()) == ["mine", "pets"]
    refused = run("import", path, data="b")
    assert (refused.code, "is a project file" in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("import", "nothing"), "There is nothing at nothing"),
        (("import", "README.md"), "say with --label"),
        (("import", ".", "--state", "good"), "is no state"),
        (("import", ".", "--model", "../x"), "cannot name a model"),
        (("list", "--state", "good"), "is no state"),
        (("list", "--model", "../x"), "cannot name a model"),
        (("approve", "7"), "There is no label 7"),
        (("undo", "7"), "There is no change 7"),
        (("relabel", "7", "--label", "x"), "There is no label 7"),
        (("restore", "README.md"), "is not a project file"),
        (("backup", "--model", "x", "x.zip"), "no model named 'x'; there are: none"),
        (("export", "out"), "no such labelled picture"),
        (("export", "out", "--state", "good"), "is no state"),
    ],
    ids=str,
)
def test_mistakes_are_one_sentence(run: Run, options: tuple[str, ...], sentence: str) -> None:
    done = run(*options)
    assert done.code == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.splitlines()) == 1
    assert sentence in done.stderr


def test_nothing_taken_is_told_by_the_exit_code(run: Run, tmp_path: Path) -> None:
    (tmp_path / "note.jpg").write_text("no picture")
    done = run("import", tmp_path / "note.jpg", "--label", "cat", "--json")
    assert done.code == 1
    assert list(done.json()["left_out"]) == ["note.jpg"]


def test_one_wrong_number_changes_nothing(run: Run, tmp_path: Path) -> None:
    with Store(tmp_path / "data") as store:
        store.add(encode(make_image(1)), "cat", state="pending")
    assert run("approve", "1", "9").code == 2
    assert run("list", "--state", "pending", "--json").json()[0]["id"] == 1
