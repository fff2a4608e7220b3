import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.trainer.drawn import write_classes
from trainer.freezing.version_folder import Version

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "trainer", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_evaluate_prints_its_result_as_one_json_line(
    drawn_version: Version, drawn_data: Path
) -> None:
    exported = str(drawn_version.folder.parents[1])
    done = _run("evaluate", str(drawn_data), "--model=drawn", f"--exported={exported}", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["split"] == "test"
    assert found["top1"] == drawn_version.card.metrics["test"].top1.model_dump()


def test_evaluate_refuses_a_class_that_the_network_lacks(
    drawn_version: Version, tmp_path: Path
) -> None:
    write_classes(tmp_path, 3)
    (tmp_path / "discs").rename(tmp_path / "balls")
    exported = str(drawn_version.folder.parents[1])
    done = _run("evaluate", str(tmp_path), "--model=drawn", f"--exported={exported}")
    assert done.returncode == 2
    assert "balls, which drawn version 1 does not know" in done.stderr
    assert "Traceback" not in done.stderr


def test_training_on_nothing_ends_with_one_sentence(tmp_path: Path) -> None:
    done = _run("train", str(tmp_path), "--model=empty", f"--run-folder={tmp_path / 'run'}")
    assert done.returncode == 2
    assert done.stderr.count("Error:") == 1
    assert "Traceback" not in done.stderr


def test_what_cannot_be_written_is_found_before_training(drawn_data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    options = ["--model=drawn", f"--run-folder={tmp_path / 'run'}", "--weights=none"]
    done = _run("train", str(drawn_data), *options, f"--exported={tmp_path / 'file'}")
    assert done.returncode == 2
    assert "Choose another --exported" in done.stderr
    done = _run("train", str(drawn_data), *options, f"--exported={tmp_path}", "--catch-all=discz")
    assert done.returncode == 2
    assert "'discz' is not among the classes discs, stripes" in done.stderr


def test_name_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    done = _run("train", str(tmp_path), "--model=../../etc")
    assert done.returncode == 2
    assert "cannot name a model" in done.stderr
