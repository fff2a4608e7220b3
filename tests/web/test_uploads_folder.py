import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from inference.errors import UserInputError
from tests.running import ROOT
from web.uploads_folder import remove_abandoned, use_own_folder


def test_abandoned_folders_go_and_those_in_use_stay(tmp_path: Path) -> None:
    abandoned, used, other = (
        tmp_path / name for name in ("picture-classifier-a", "picture-classifier-b", "else")
    )
    for folder in (abandoned, used, other):
        folder.mkdir()
        (folder / "photo.jpg").touch()
    with FileLock(used / ".lock"):
        remove_abandoned(tmp_path)
    assert not abandoned.exists()
    assert (used / "photo.jpg").exists()
    assert (other / "photo.jpg").exists()


def test_folder_stays_for_as_long_as_its_page_lives(tmp_path: Path) -> None:
    script = "from web.uploads_folder import use_own_folder as f; print(f(), flush=True); input()"
    environment = {k: v for k, v in os.environ.items() if k != "GRADIO_TEMP_DIR"}
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**environment, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as page:
        assert page.stdout is not None
        folder = Path(page.stdout.readline().strip())
        remove_abandoned(tmp_path)  # as another page does when it starts
        assert folder.is_dir()
        page.communicate("\n")
    assert not folder.exists()


def test_other_files_of_a_folder_that_the_environment_names_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.txt").touch()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    folder = use_own_folder()
    assert folder.parent == tmp_path
    assert os.environ["GRADIO_TEMP_DIR"] == str(folder)
    assert (tmp_path / "mine.txt").exists()


def test_a_folder_that_cannot_be_made_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "file" / "folder"))
    with pytest.raises(UserInputError, match="Name another with GRADIO_TEMP_DIR"):
        use_own_folder()
