"""Real pages to measure, ours and those of peers, each in a process of its own."""

import contextlib
import json
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[2]
_TIMEOUT = 300.0  # seconds


@dataclass(frozen=True)
class Server:
    """A running page. Its calls raise httpx.HTTPStatusError where they are refused.

    `started`: when its process was started, by time.perf_counter(). `log`: what it prints.
    """

    http: httpx.Client
    process: subprocess.Popen[bytes]
    port: int
    started: float
    log: Path

    def sign_in(self) -> None:
        """Become a teacher, by the address with a token that a page with --teach prints.

        Raises: RuntimeError where it prints none.
        """
        end = time.monotonic() + _TIMEOUT
        while time.monotonic() < end and self.process.poll() is None:
            if found := re.search(r"/\?token=\S+", self.log.read_text(encoding="utf-8")):
                self.http.get(found[0])
                return
            time.sleep(0.02)
        raise RuntimeError("The page printed no address with a token.")

    def get(self, path: str) -> Any:  # noqa: ANN401  (JSON)
        """Return a route's JSON."""
        return self.http.get(path).raise_for_status().json()

    def post(self, path: str, **values: object) -> Any:  # noqa: ANN401  (JSON)
        """Send JSON to a route and return its answer."""
        return self.http.post(path, json=values).raise_for_status().json()

    def upload(self, path: str, data: bytes, values: dict[str, str]) -> bool:
        """Send a file's bytes to a route; returns whether they were accepted."""
        return self.http.post(path, content=data, params=values).is_success

    def classify(self, image: Path, model: str | None = None) -> dict[str, Any]:
        """Upload an image and return the answer, as Gradio's clients do."""
        files = {"files": (image.name, image.read_bytes())}
        [path] = self.http.post("/gradio_api/upload", files=files).raise_for_status().json()
        file = {"path": path, "meta": {"_type": "gradio.FileData"}}
        called = "/gradio_api/call/classify"
        event = self.post(called, data=[file, False, model])["event_id"]
        events = self.http.get(f"{called}/{event}").raise_for_status().text
        answer: dict[str, Any] = json.loads(events.rpartition("data: ")[2])[0]
        return answer

    def read_memory(self) -> int:
        """Return the resident bytes of the process and its children."""
        process = psutil.Process(self.process.pid)
        family = [process, *process.children(recursive=True)]
        return sum(int(member.memory_info().rss) for member in family)


@contextmanager
def open_page(*options: str) -> Iterator[Server]:
    """Start our page and wait until it listens; end it afterwards."""
    port = find_free_port()
    command = [sys.executable, str(ROOT / "app.py"), "--port", str(port), *options]
    with open_command(command, port) as server:
        yield server


@contextmanager
def open_peer(module: str, *arguments: str) -> Iterator[Server]:
    """Start a peer's page, which takes its port last, and wait until it listens."""
    port = find_free_port()
    command = [sys.executable, "-m", f"benchmarks.peers.{module}", *arguments, str(port)]
    with open_command(command, port) as server:
        yield server


@contextmanager
def open_command(command: Sequence[str], port: int) -> Iterator[Server]:
    """Start any page."""
    with tempfile.NamedTemporaryFile() as log:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=_TIMEOUT) as http:
                _wait(http, process)
                yield Server(http, process, port, started, Path(log.name))
        finally:
            process.terminate()
            process.wait()


def find_free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait(http: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    """Wait until Gradio answers with its configuration, which ours and the peers have."""
    end = time.monotonic() + _TIMEOUT
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if http.get("/config").is_success:
                return
        time.sleep(0.02)
    raise RuntimeError("The page did not start; its command run by hand says why.")
