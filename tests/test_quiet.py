"""The page and the commands leave nothing behind but what they are for, and call nobody.

In an empty home folder, an empty working folder and an empty temporary folder, under strace: what
libraries do in native code passes Python's own hooks by.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.running import ROOT, find_free_port, start_app, wait_for
from tests.trainer.drawn import write_classes

PICTURE = ROOT / "web/examples/not_hot_dog-cat.webp"
# The fonts of this machine, listed once for the plots of a version; see docs/hosting.md.
FONTS = re.compile(r"home/\.(cache|config)/matplotlib(/fontlist-[\w.]+json(\.matplotlib-lock)?)?")


def can_trace() -> bool:
    """Tell whether strace is here and may look at what it starts."""
    return shutil.which("strace") is not None and not subprocess.call(["strace", "-qq", "true"])


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not can_trace(), reason="needs strace"),
]


@dataclass(frozen=True)
class Place:
    """Where a program is started: `home`, `work` and `tmp` are empty, `trace` is strace's."""

    folder: Path

    def list_files(self) -> list[str]:
        """Return files and empty folders."""
        found = [
            path
            for name in ("home", "work", "tmp")
            for path in (self.folder / name).rglob("*")
            if not path.is_dir() or not any(path.iterdir())
        ]
        return [str(path.relative_to(self.folder)) for path in found]

    def list_calls(self) -> list[str]:
        """Return the system calls that reach for another machine, the name server included."""
        lines = (self.folder / "trace").read_text().splitlines()
        return [line for line in lines if "AF_INET" in line and not is_local(line)]

    def list_environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def list_tracer(self) -> list[str]:
        """Return a prefix that leaves process id and exit code to the program itself."""
        trace = str(self.folder / "trace")
        return ["strace", "-D", "-f", "-q", "-e", "trace=connect,sendto,sendmmsg", "-o", trace]


def is_local(call: str) -> bool:
    return '"127.' in call or '"::1"' in call


@pytest.fixture
def place(tmp_path: Path) -> Place:
    for name in ("home", "work", "tmp"):
        (tmp_path / name).mkdir()
    return Place(tmp_path)


def test_a_call_to_elsewhere_is_seen(place: Place) -> None:
    """192.0.2.1 is nobody's; what is connected is a datagram socket, which sends nothing yet."""
    code = "import socket; socket.socket(type=socket.SOCK_DGRAM).connect(('192.0.2.1', 53))"
    run(place, "-c", code)
    assert "192.0.2.1" in str(place.list_calls())


def run(place: Place, *arguments: str | Path) -> None:
    done = subprocess.run(
        [*place.list_tracer(), sys.executable, *map(str, arguments)],
        cwd=place.folder / "work",
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **place.list_environment()},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("quiet") / "data"


def list_commands(data: Path, pictures: Path) -> Iterator[list[str | Path]]:
    exported = ROOT / "exported"
    labelling: list[str | Path] = ["-m", "labelling", "--data", data]
    trainer: list[str | Path] = ["--model", "pets", "--data", data, "--exported", exported]
    yield ["-m", "inference", "predict", PICTURE, "--exported", exported]
    yield [*labelling, "import", write_classes(pictures, 12), "--model", "pets"]
    yield [*labelling, "list"]
    yield [*labelling, "export", data.parent / "folders"]
    yield ["-m", "trainer", "head", *trainer]
    yield ["-m", "trainer", "versions", *trainer]
    yield ["-m", "inference", "predict", PICTURE, "--data", data, "--model", "pets"]


def test_commands_leave_nothing_and_call_nobody(place: Place, data: Path) -> None:
    for command in list_commands(data, place.folder / "pictures"):
        run(place, *command)
        left = [name for name in place.list_files() if not FONTS.fullmatch(name)]
        assert (command, left, place.list_calls()) == (command, [], [])
    assert (data / "models" / "pets" / "1").is_dir()


def test_page_leaves_nothing_and_calls_nobody(place: Place, exported: Path) -> None:
    port = find_free_port()
    env = {"CLASSIFIER_EXPORTED": str(exported), **place.list_environment()}
    options, under = ("--teach", "--port", str(port)), place.list_tracer()
    with start_app(*options, port=port, env=env, under=under, cwd=place.folder / "work") as running:
        assert httpx.get(running.url).is_success
        classified = httpx.post(f"{running.url}api/classify", content=PICTURE.read_bytes())
        assert classified.json()["label"] == "not_hot_dog"
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(timeout=60) == 0
        end = re.compile(rf"^{running.process.pid} +\+\+\+ exited", re.MULTILINE)  # in columns
        wait_for(lambda: end.search((place.folder / "trace").read_text()))
    assert place.list_files() == []
    assert place.list_calls() == []
