"""`python -m inference predict`, as people run it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from inference.__main__ import app
from inference.errors import run_command
from inference.versions.catalog import Catalog
from tests.inference.tiny_versions import write_version
from tests.running import ROOT


@dataclass(frozen=True)
class Done:
    code: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


def run_process(*options: str | Path) -> Done:
    """Run the command as a process of its own; a second or two, so only twice."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "inference", *map(str, options)],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs the command in this process."""

    def run_here(*options: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["inference", *map(str, options)])
        monkeypatch.setenv("COLUMNS", "160")
        with pytest.raises(SystemExit) as ended:
            run_command(app)
        seen = capsys.readouterr()
        code = ended.value.code or 0
        assert isinstance(code, int)
        return Done(code, seen.out, seen.err)

    return run_here


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    write_version(folder / "colours" / "1")
    write_version(folder / "colours" / "2", version=2)
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of pictures in two levels, with things that are none beside them."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "deep").mkdir()
    Image.new("RGB", (20, 20), (255, 0, 0)).save(folder / "b red.PNG")
    Image.new("RGB", (20, 20), (0, 0, 255)).save(folder / "deep" / "a.jpg")
    Image.new("RGB", (20, 20), (0, 255, 0)).save(folder / "ü.webp")
    Image.new("RGB", (20, 20)).save(folder / ".hidden.png")
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture
def ask(run: Run, models: Path) -> Run:
    """Return a function that runs `predict` with options, on the CPU."""
    given = ("--model", "colours", "--exported", models, "--providers", "cpu")
    return lambda *options: run("predict", *given, *options)


def test_as_a_process(models: Path, pictures: Path) -> None:
    options = ("--model", "colours", "--exported", models, "--providers", "cpu", "--json")
    done = run_process("predict", pictures, *options)
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    assert [row["label"] for row in json.loads(done.stdout)] == ["red", "blue_berry", "green"]


def test_mistake_as_a_process(models: Path) -> None:
    done = run_process("predict", "nowhere.jpg", "--model", "colours", "--exported", models)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr == (
        "Error: There is nothing at nowhere.jpg. Give picture files or folders.\n"
    )


def test_json_is_one_line_and_last(ask: Run, pictures: Path) -> None:
    done = ask(pictures, "--json")
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    rows = json.loads(done.stdout)
    assert [Path(row["file"]).name for row in rows] == ["b red.PNG", "a.jpg", "ü.webp"]
    assert [row["label"] for row in rows] == ["red", "blue_berry", "green"]
    assert {row["version"] for row in rows} == {2}
    assert {row["provider"] for row in rows} == {"cpu"}
    assert "heatmap" not in rows[0]


def test_files_in_the_order_given_with_heatmap_of_a_version(ask: Run, pictures: Path) -> None:
    files = [pictures / "ü.webp", pictures / "b red.PNG"]
    done = ask(*files, "--json", "--heatmap", "--version", "1")
    rows = json.loads(done.stdout.splitlines()[-1])
    assert [row["file"] for row in rows] == [str(path) for path in files]
    assert rows[0]["version"] == 1
    assert len(rows[0]["heatmap"]) == 3


def test_custom_versions_of_a_data_folder_are_found(
    ask: Run, pictures: Path, models: Path, tmp_path: Path
) -> None:
    catalog = Catalog(models, tmp_path)
    write_version(catalog.reserve("colours"), version=3)
    write_version(catalog.reserve("berries"), model="berries")
    options = ("--data", tmp_path, "--json")
    for chosen, found in (((), 2), (("--version", "3"), 3), (("--model", "berries"), 1)):
        rows = json.loads(ask(pictures / "b red.PNG", *options, *chosen).stdout)
        assert rows[0]["version"] == found
    catalog.publish("colours", 3)
    assert json.loads(ask(pictures / "b red.PNG", *options).stdout)[0]["version"] == 3


def test_table(ask: Run, pictures: Path) -> None:
    done = ask(pictures / "deep", pictures / "ü.webp")
    assert (done.code, done.stderr) == (0, "")
    for words in ("answer", "probability", "certainty", "Blue berry", "Green", "sure", "%"):
        assert words in done.stdout
    with pytest.raises(json.JSONDecodeError):
        json.loads(done.stdout)


def test_bad_file_is_a_row_and_exit_code_1(ask: Run, pictures: Path) -> None:
    done = ask(pictures / "notes.txt", pictures / "b red.PNG", "--json")
    assert (done.code, done.stderr) == (1, "")
    bad, good = json.loads(done.stdout)
    assert bad == {"file": str(pictures / "notes.txt"), "error": bad["error"]}
    assert bad["error"].startswith("This file is not a picture")
    assert good["label"] == "red"
    assert "not a picture" in " ".join(ask(pictures / "notes.txt").stdout.split())


@pytest.mark.parametrize("name", ["a[bold]b.png", "[red]x[", "x[∕red].png", ":smile:.png"])
@pytest.mark.parametrize("good", [True, False])
def test_names_are_not_read_as_markup(
    ask: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, good: bool
) -> None:
    """Rich takes words in square brackets for styles: a file may be named so."""
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (9, 9), (255, 0, 0)).save("x.png")
    Path(name).write_bytes(Path("x.png").read_bytes() if good else b"x")
    done = ask(name)
    assert done.code == (0 if good else 1)
    assert name in done.stdout


def test_folder_named_like_a_closing_tag(
    ask: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x[").mkdir()
    Path("x[/b].png").write_bytes(b"x")
    assert "x[/b].png" in ask("x[/b].png").stdout


def test_name_that_is_not_utf_8(ask: Run, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))
    try:
        Image.new("RGB", (9, 9), (255, 0, 0)).save(path)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    done = ask(path, "--json")
    assert done.code == 0
    row = json.loads(done.stdout.encode().decode())[0]
    assert row["file"].endswith("/?.png")


def test_folder_without_pictures(ask: Run, tmp_path: Path) -> None:
    done = ask(tmp_path, "--json")
    assert (done.code, done.stdout) == (0, "[]\n")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["nowhere.jpg", "--model", "colours"], "There is nothing at nowhere.jpg"),
        (["app.py", "--model", "cats"], "no model named 'cats'; there are: colours"),
        (["app.py", "--model", "../etc"], "cannot name a model"),
        (["app.py", "--model", "colours", "--version", "9"], "no version 9; it has: 1, 2"),
        (["app.py", "--model", "colours", "--providers", "abacus"], "no provider 'abacus'"),
    ],
)
def test_what_a_person_gave_wrongly_is_one_sentence_and_exit_code_2(
    run: Run, models: Path, options: list[str], words: str
) -> None:
    done = run("predict", *options, "--exported", models, "--json")
    assert done.code == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_unknown_option_is_no_traceback(run: Run) -> None:
    done = run("predict", "--colour", "red")
    assert done.code == 2
    assert "Traceback" not in done.stderr


def test_file_that_vanishes_or_may_not_be_read_is_a_row(
    ask: Run, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.suffix != ".PNG":
            return read(path)
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    done = ask(pictures / "b red.PNG", "--json")
    assert done.code == 1
    assert "Permission denied" in json.loads(done.stdout)[0]["error"]
