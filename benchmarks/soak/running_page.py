"""A real page of ours in a process of its own, to be attacked, killed and started again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.serving.servers import ROOT, find_free_port

PASSWORD = "a password for the soak"  # noqa: S105
_TIMEOUT = 120.0  # seconds; a busy machine is slow
_OURS = ("CLASSIFIER_", "GRADIO_", "SPACE_", "SYSTEM")


@dataclass(frozen=True)
class Place:
    """Folders of a page: its labels and versions, its temporary files, and its log."""

    folder: Path

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def temporary(self) -> Path:
        """The folder for temporary files, the page's own."""
        return self.folder / "tmp"

    @property
    def log(self) -> Path:
        """What all pages started here have printed."""
        return self.folder / "page.log"

    def read_log(self) -> str:
        """Return the log."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.is_file() else ""


@dataclass(frozen=True)
class RunningPage:
    """A page's process, which may have ended."""

    process: subprocess.Popen[bytes]
    port: int
    place: Place

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def runs(self) -> bool:
        """Whether the process has not ended."""
        return self.process.poll() is None

    def wait_until_ready(self) -> None:
        """Wait until it answers.

        Raises: RuntimeError where it ends, or does not answer in time.
        """
        end = time.monotonic() + _TIMEOUT
        with httpx.Client(base_url=self.url, timeout=10) as http:
            while self.runs and time.monotonic() < end:
                with suppress(httpx.TransportError):
                    if http.get("/healthz").is_success:
                        return
                time.sleep(0.02)
        words = "did not answer in time" if self.runs else f"ended ({self.process.returncode})"
        raise RuntimeError(f"the page {words}: {self.place.read_log()[-2000:]}")

    def connect(self, address: str = "127.0.0.1", *, sign_in: bool = False) -> httpx.Client:
        """Return a client from an address of this machine, signed in as a teacher or not.

        Raises: httpx.HTTPError where that is refused.
        """
        transport = httpx.HTTPTransport(local_address=address)
        http = httpx.Client(base_url=self.url, transport=transport, timeout=_TIMEOUT)
        if sign_in:
            http.post("/sign-in", data={"password": PASSWORD}).raise_for_status()
        return http

    def list_trainings(self) -> list[psutil.Process]:
        """Return the processes that it has started."""
        with suppress(psutil.NoSuchProcess):
            return list(psutil.Process(self.process.pid).children(recursive=True))
        return []

    def kill(self) -> None:
        """End it by SIGKILL."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """End it by SIGTERM; returns its exit status.

        Raises: subprocess.TimeoutExpired where it does not end.
        """
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=_TIMEOUT)


def start_page(place: Place, *options: str, port: int | None = None) -> RunningPage:
    """Start a page on which a teacher can sign in; it need not be ready on return."""
    place.temporary.mkdir(parents=True, exist_ok=True)
    port = port or find_free_port()
    command = [sys.executable, str(ROOT / "app.py"), "--teach", "--no-browser", *options]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(_OURS)} | {
        "CLASSIFIER_TEACH_PASSWORD": PASSWORD,
        "CLASSIFIER_DATA": str(place.data),
        "CLASSIFIER_PROVIDERS": "cpu",
        "TMPDIR": str(place.temporary),
    }
    with place.log.open("ab") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port)], stdout=log, stderr=log, cwd=ROOT, env=environment
        )
    return RunningPage(process, port, place)


@contextmanager
def open_page(place: Place, *options: str) -> Iterator[RunningPage]:
    """Start a page, wait until it answers, and kill it afterwards where it still runs."""
    page = start_page(place, *options)
    try:
        page.wait_until_ready()
        yield page
    finally:
        page.kill()
