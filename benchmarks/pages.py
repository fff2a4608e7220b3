"""A real page of ours to measure: `app.py` in a process of its own, asked over HTTP."""

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

_ROOT = Path(__file__).resolve().parents[1]
_PATIENCE = 120.0  # seconds


@dataclass(frozen=True)
class Page:
    """A page that answers. Every call raises httpx.HTTPStatusError where it is refused."""

    http: httpx.Client
    process: subprocess.Popen[bytes]

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


@contextmanager
def open_page(*options: str) -> Iterator[Page]:
    """Start the page on a free port and wait until it answers; end it afterwards."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = int(listener.getsockname()[1])
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, str(_ROOT / "app.py"), "--port", str(port), *options],
            stdout=log,
            stderr=log,
        )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=_PATIENCE) as http:
                _wait(http, process)
                yield Page(http, process)
        finally:
            process.terminate()
            process.wait()


def _wait(http: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if http.get("/healthz").is_success:
                return
        time.sleep(0.05)
    raise RuntimeError("The page did not start; `python app.py` says why.")
