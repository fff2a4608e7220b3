"""The README and docs/ hold: each command that they name exists, and the cheap ones are run."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.classifier import Classifier
from inference.images import decode
from tests.documented import Typed, find_fault, list_named_files, list_scripts, list_typed
from tests.running import ROOT, RunningApp, make_environment
from tests.trainer.drawn import draw

TYPED = list_typed()


def test_commands_are_found() -> None:
    texts = {typed.text for typed in TYPED}
    assert "make app ARGS=--teach    # the same page, where you can teach it" in texts
    assert any(not typed.whole and typed.text.startswith("python -m ") for typed in TYPED)
    assert len(TYPED) > 50


def test_every_command_is_one_that_exists() -> None:
    faults = {(typed.page, typed.text): find_fault(typed) for typed in TYPED}
    assert not {where: fault for where, fault in faults.items() if fault}


@pytest.mark.parametrize(
    ("text", "whole", "words"),
    [
        ("make nonsense", True, "no target"),
        ("make app ARGS=--nonsense", True, "--nonsense"),
        ("python -m trainer nonsense", False, "nonsense"),
        ("python -m trainer train DATA --nonsense 3", False, "--nonsense"),
        ("python -m trainer train DATA", True, "model"),
        ("python -m labelling approve one", True, "integer"),
        ("python -m labelling --nonsense list", True, "--nonsense"),
        ("python -m nonsense", False, "nonsense"),
        ("nonsense --help", True, "unknown"),
    ],
)
def test_command_that_does_not_exist_is_found_out(text: str, whole: bool, words: str) -> None:
    assert words in str(find_fault(Typed("page", text, whole)))


def test_every_file_that_is_named_is_there() -> None:
    generated = ("runs/", "data/", "exported/NAME", "exported/MODEL")
    named = {name for _, name in list_named_files() if not name.startswith(generated)}
    assert "trainer/corrections/hotdog.csv" in named
    assert not [name for name in named if not (ROOT / name).exists()]


# Run as they stand


def write_images(folder: Path, kind: str, count: int, first: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(first, first + count):
        draw(kind, seed).save(folder / f"{seed}.jpg")


@pytest.fixture(scope="module")
def place(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which everything lies that the commands of the pages name."""
    folder = tmp_path_factory.mktemp("place")
    shutil.copytree(exported, folder / "exported")
    for kind, label in (("discs", "cat"), ("stripes", "dog")):
        write_images(folder / "PICTURES" / label, kind, 12)
    write_images(folder / "holiday", "discs", 3, first=100)
    example = ROOT / "web/examples/hot_dog-lunch.webp"
    shutil.copy(example, folder / "photo.jpg")
    return folder


def run(place: Path, words: list[str], *more: str) -> str:
    """Run one command where everything lies; returns what it printed."""
    program = [sys.executable, *words[1:]] if words[0] == "python" else words
    done = subprocess.run(
        [*program, *more],
        cwd=place,
        env={**make_environment({}), "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def list_lines(page: str, beginning: str) -> Iterator[Typed]:
    """Yield the lines of a page's blocks that begin so, in their order."""
    yield from (
        typed
        for typed in TYPED
        if typed.page == page and typed.whole and typed.text.startswith(beginning)
    )


@pytest.mark.slow
def test_teaching_can_be_done_from_the_command_line(place: Path) -> None:
    """All of docs/teaching.md in its order; Deep takes too long, Quick stands in for it."""
    printed = {}
    for typed in list_lines("teaching.md", "python -m "):
        words = ["head" if word == "finetune" else word for word in typed.words]
        if not words[2].startswith("benchmarks"):
            printed[typed.text.partition(" #")[0].strip()] = run(place, words)
    assert len(printed) > 15
    assert "12" in printed["python -m labelling list --model pets"]
    assert {path.name for path in (place / "FOLDER").iterdir() if path.is_dir()} == {"cat", "dog"}
    assert "other_pets" in run(place, ["python", "-m", "labelling", "list"])


@pytest.mark.slow
def test_pictures_to_practise_on_are_rendered(place: Path) -> None:
    [typed] = list_lines("training.md", "python -m trainer demo-data")
    run(place, [*typed.words[:-1], "practice", "--count", "2"])
    assert len(list((place / "practice").rglob("*.*"))) > 4


def test_figure_of_rendered_pictures_is_so(classifier: Classifier) -> None:
    """What `evaluate` prints, without the rest that it measures and takes half a minute for."""
    paths = sorted((ROOT / "tests/fixtures/rendered").glob("*/*.webp"))
    images = [decode(path.read_bytes(), classifier.min_side) for path in paths]
    labels = [classifier.predict([image])[0].label for image in images]
    right = sum(label == path.parent.name for label, path in zip(labels, paths, strict=True))
    [figure] = re.findall(r"it is right for ([\d.]+%)", (ROOT / "docs/measurements.md").read_text())
    assert figure == f"{100 * right / len(paths):.1f}%"


def test_picture_and_folder_are_answered(place: Path) -> None:
    [typed] = list_lines("README.md", "python -m inference predict")
    assert len(run(place, typed.words).splitlines()) == 1 + 1 + 3


def test_scripts_of_ours_run(place: Path) -> None:
    scripts = [text for _, text in list_scripts() if "from inference" in text]
    assert len(scripts) == 1
    assert run(place, ["python", "-c", scripts[0]]).startswith("hot_dog")


def test_running_page_is_called(place: Path, app: RunningApp) -> None:
    scripts = [text for _, text in list_scripts() if "gradio_client" in text]
    assert len(scripts) == 1
    printed = run(place, ["python", "-c", scripts[0].replace("http://127.0.0.1:7860/", app.url)])
    assert "hot_dog" in printed
    assert len(printed.splitlines()) > 2


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_running_page_is_called_by_curl(place: Path, app: RunningApp) -> None:
    lines = [typed for typed in TYPED if typed.text.startswith("curl ")]
    assert lines
    for typed in lines:
        words = [word.replace("http://127.0.0.1:7860/", app.url) for word in typed.words]
        assert '"label":"hot_dog"' in run(place, words)
