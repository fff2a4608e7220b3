"""Whatever is damaged on the disk, or cannot be written: a page that answers, or one sentence."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from labelling.store.store import Store
from tests.inference.tiny_versions import write_version
from tests.labelling.stored import add_images
from tests.running import ROOT, find_free_port, run_app, start_app

pytestmark = pytest.mark.slow  # starts processes
SHIPPED = (ROOT / "exported" / "hotdog" / "current").read_text().strip()


def test_page_starts_and_says_what_is_damaged(tmp_path: Path) -> None:
    """The version in use, the card of an unused one, the pointer, and the list of labels."""
    exported, data = tmp_path / "exported", tmp_path / "data"
    for number in (1, 2, 3, 4):
        write_version(exported / "colours" / str(number), version=number)
    with Store(data) as store:
        add_images(store, "red", range(3), model="colours")
        assert store._database.save_snapshot()
    (exported / "colours" / "2" / "model.json").write_bytes(b"\xff{")
    (exported / "colours" / "3" / "model.json").write_bytes(b"")
    network = exported / "colours" / "4" / "model.onnx"
    network.write_bytes(network.read_bytes()[:-3])
    (exported / "colours" / "current").write_bytes(b"\x00garbage")
    (data / "labels.sqlite3").write_bytes(b"")
    (data / "models" / "colours").mkdir(parents=True)
    (data / "models" / "colours" / "classes.json").write_bytes(b"{")
    port = find_free_port()
    env = {"CLASSIFIER_EXPORTED": str(exported), "CLASSIFIER_DATA": str(data)}
    options = ("--model", "colours", "--teach", "--port", str(port), "--providers", "cpu")
    with start_app(*options, port=port, env=env) as app:
        page = httpx.get(app.url, timeout=60).text
        log = app.read_log()
        picture = next((ROOT / "web" / "examples").glob("*.webp")).read_bytes()
        answer = httpx.post(f"{app.url}api/classify", content=picture, timeout=60).json()
    assert answer["version"] == 1
    assert "colours 1 on cpu" in log
    for text in (page, log):
        assert "Version 4 of colours, which is in use, cannot be opened." in text
        assert "Version 1 answers instead." in text
    assert page.count("data-damaged") == 3
    assert "The list of labels (labels.sqlite3) was empty" in log
    assert "Traceback" not in log
    with Store(data) as store:
        assert len(store.find("colours")) == 3


@pytest.fixture(params=["a file", "below a file", "read-only"])
def unusable(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder that nobody can write to, root included."""
    if request.param == "read-only":
        folder = Path("/sys/kernel")  # a file system without room for files of ours
        if not folder.is_dir():
            pytest.skip("There is no such folder here.")
        return folder / "picture-classifier"
    (tmp_path / "file").touch()
    return tmp_path / "file" / ("data" if request.param == "below a file" else "")


@pytest.mark.parametrize("password", ["", "correct horse"])
def test_page_that_cannot_write_says_so(unusable: Path, password: str) -> None:
    options = ("--teach", "--port", str(find_free_port()), "--data", str(unusable))
    done = run_app(*options, env={"CLASSIFIER_TEACH_PASSWORD": password})
    assert done.returncode == 2
    assert str(unusable) in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "command",
    [
        ("labelling", "--data", "DATA", "list"),
        ("trainer", "head", "--model", "hotdog", "--data", "DATA"),
        ("trainer", "publish", SHIPPED, "--model", "hotdog", "--data", "DATA"),
        ("trainer", "check-labels", "--model", "hotdog", "--data", "DATA"),
    ],
    ids=" ".join,
)
def test_command_that_cannot_write_says_so(unusable: Path, command: tuple[str, ...]) -> None:
    given = [str(unusable) if part == "DATA" else part for part in command]
    done = subprocess.run(
        [sys.executable, "-m", *given], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"Error: Nothing can be written to {unusable}")
    assert len(done.stderr.splitlines()) == 1


def test_folder_of_models_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    """By a person who is not root, whom permissions do stop."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("Only root can become somebody else.")
    folder = write_version(tmp_path / "exported" / "colours" / "1")
    (folder / "model.onnx").chmod(0)
    tmp_path.chmod(0o755)
    script = (
        "import sys; from pathlib import Path; "
        "from inference.versions.integrity import find_fault; "
        "print(find_fault(Path(sys.argv[1])))"
    )
    someone = ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c", script]
    done = subprocess.run(
        [*someone, str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("Somebody else cannot run this Python.")
    assert "Permission denied" in done.stdout
