"""Start `app.py` as people do, for the tests of the page, its API and its options."""

import asyncio
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

T = TypeVar("T")
ROOT = Path(__file__).parent.parent
_TIMEOUT = 240  # seconds; a busy machine with two cores has needed 60


@dataclass(frozen=True)
class RunningApp:
    """A running `app.py`: its address, its process and the file that it prints to."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def read_log(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def read_teacher_url(self) -> str:
        """Return the printed address with a token, by which one becomes a teacher."""
        (url,) = re.findall(r"http://\S+\?token=\S+", self.read_log())
        return str(url)

    def sign_in(self) -> httpx.Cookies:
        """Open that address; returns the cookie that it brings."""
        return httpx.get(self.read_teacher_url(), timeout=60).cookies


def make_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """Return this environment without the app's settings, plus the changes."""
    ours = ("CLASSIFIER_", "GRADIO_", "SPACE_", "SYSTEM")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    return {**kept, **changes}


def run_apart(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns, in a thread where no loop of another test runs."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def find_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def run_app(
    *options: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `app.py` until it ends, without the versions taught in this checkout."""
    with tempfile.TemporaryDirectory() as data:
        return subprocess.run(
            [sys.executable, str(ROOT / "app.py"), *options],
            env=make_environment({"CLASSIFIER_DATA": data, **(env or {})}),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )


@contextmanager
def start_app(
    *options: str,
    port: int,
    env: Mapping[str, str],
    under: Sequence[str] = (),
    cwd: Path | None = None,
) -> Iterator[RunningApp]:
    """Start `app.py`, wait until it answers and has printed its address, and stop it afterwards.

    `under`: a program that runs another and takes its place, such as `nice`.
    """
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.txt"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*under, sys.executable, str(ROOT / "app.py"), *options],
                env=make_environment({"CLASSIFIER_DATA": f"{folder}/data", **env}),
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd or folder,
            )
        app = RunningApp(f"http://127.0.0.1:{port}/", process, log)
        try:
            _wait_until_healthy(app)
            yield app
        finally:
            process.terminate()
            process.wait(timeout=_TIMEOUT)


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until a condition holds; fail after a time that only a broken program needs."""
    deadline = time.monotonic() + _TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def _wait_until_healthy(app: RunningApp) -> None:
    def is_healthy() -> bool:
        assert app.process.poll() is None, app.read_log()
        try:
            healthy = httpx.get(f"{app.url}healthz", timeout=5).is_success
        except httpx.TransportError:
            return False
        return healthy and "http://" in app.read_log()

    wait_for(is_healthy)
