"""Real pages to measure, ours and those of peers: each in a process of its own, asked over HTTP."""

import contextlib
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
_PATIENCE = 300.0  # seconds


@dataclass(frozen=True)
class Page:
    """A page that answers. Every call raises httpx.HTTPStatusError where it is refused.

    `begun`: when its process was started, by time.perf_counter().
    """

    http: httpx.Client
    process: subprocess.Popen[bytes]
    port: int
    begun: float

    def get(self, path: str) -> Any:  # noqa: ANN401  (JSON)
        """Return a route's JSON."""
        return self.http.get(path).raise_for_status().json()

    def post(self, path: str, **values: object) -> Any:  # noqa: ANN401  (JSON)
        """Send JSON to a route and return its answer."""
        return self.http.post(path, json=values).raise_for_status().json()

    def send(self, path: str, data: bytes, values: dict[str, str]) -> bool:
        """Send a file's bytes to a route; tells whether they were taken."""
        return self.http.post(path, content=data, params=values).is_success

    def classify(self, picture: Path, model: str | None = None) -> dict[str, Any]:
        """Upload a picture and return the answer, as curl would."""
        sent = {"files": (picture.name, picture.read_bytes())}
        [path] = self.http.post("/gradio_api/upload", files=sent).raise_for_status().json()
        file = {"path": path, "meta": {"_type": "gradio.FileData"}}
        found = self.post("/gradio_api/run/classify", data=[file, False, model])
        answer: dict[str, Any] = found["data"][0]
        return answer

    def read_memory(self) -> int:
        """Return the resident bytes of the process and its children."""
        process = psutil.Process(self.process.pid)
        family = [process, *process.children(recursive=True)]
        return sum(int(member.memory_info().rss) for member in family)


@contextmanager
def open_page(*options: str) -> Iterator[Page]:
    """Start our page and wait until it listens; end it afterwards."""
    port = find_free_port()
    command = [sys.executable, str(ROOT / "app.py"), "--port", str(port), *options]
    with open_command(command, port) as page:
        yield page


@contextmanager
def open_peer(module: str, *arguments: str) -> Iterator[Page]:
    """Start a peer's page, which takes its port last, and wait until it listens."""
    port = find_free_port()
    command = [sys.executable, "-m", f"benchmarks.peers.{module}", *arguments, str(port)]
    with open_command(command, port) as page:
        yield page


@contextmanager
def open_command(command: Sequence[str], port: int) -> Iterator[Page]:
    """Start any page."""
    with tempfile.TemporaryFile() as log:
        begun = time.perf_counter()
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=_PATIENCE) as http:
                _wait(http, process)
                yield Page(http, process, port, begun)
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
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if http.get("/config").is_success:
                return
        time.sleep(0.02)
    raise RuntimeError("The page did not start; its command by hand says why.")
