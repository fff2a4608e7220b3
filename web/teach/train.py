"""Starting, watching and cancelling a training: a process of its own, which outlives the page.

`python -m trainer …` writes `DIR/training/progress.jsonl`; whoever asks reads it from there, so
that a closed browser, another tab or a restarted page see the same.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from labelling.training_log import (
    FILE,
    Event,
    Kind,
    Started,
    TrainingState,
    read_events,
    summarise,
)
from web.http.errors import ConflictError

_ROOT = Path(__file__).resolve().parents[2]
_PATIENCE = 15.0  # seconds in which a cancelled training may end by itself
_ASKED_EVERY = 0.2  # seconds
_NICENESS = 10
_LOG_LINES = 12
_SECRET_WORDS = ("PASSWORD", "TOKEN", "SECRET", "KEY", "CREDENTIAL", "OAUTH")
_BUSY = "A training is running. Wait for it, or cancel it."


@dataclass(frozen=True)
class Order:
    """What to train. `start`: for a new network, the one whose backbone it takes."""

    model: str
    kind: Kind
    start: str | None = None


class Trainings:
    """The one training of a data folder, whichever process started it. Safe between threads."""

    def __init__(self, data: Path, exported: Path) -> None:
        self.data = data.resolve()
        self.exported = exported.resolve()
        self.folder = self.data / "training"
        self._starting = threading.Lock()
        self._looking = threading.Lock()  # who looks takes the lock for a moment
        self._process: subprocess.Popen[bytes] | None = None
        self._order: Order | None = None

    def start(self, order: Order) -> None:
        """Start a training and return at once.

        Raises: ConflictError while another runs, here or in any other process.
        """
        with self._starting:
            self._let_go()
            if self.is_running():
                raise ConflictError(_BUSY)
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / "cancel").unlink(missing_ok=True)
            with (self.folder / "log.txt").open("wb") as log:
                self._process = subprocess.Popen(
                    self.list_arguments(order),
                    cwd=_ROOT,
                    env=strip_secrets(os.environ),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            self._order = order
            _give_way(self._process.pid)

    def list_arguments(self, order: Order) -> list[str]:
        """Return the command that does the same by hand."""
        options = ["--data", str(self.data), "--exported", str(self.exported)]
        options += ["--model", order.model]
        options += ["--from", order.start] if order.start else []
        return [sys.executable, "-m", "trainer", order.kind, *options]

    def cancel(self) -> None:
        """Ask the running training to end; one of ours that does not is ended."""
        if not self.is_running():
            return
        (self.folder / "cancel").touch()
        process = self._process
        if process is not None and process.poll() is None:
            arguments = (process, self.folder / "cancel")
            threading.Thread(target=_end, args=arguments, daemon=True).start()

    def is_running(self) -> bool:
        """Tell whether a training runs, in this process's care or another's."""
        if self._process is not None and self._process.poll() is None:
            return True
        try:
            with self._looking, FileLock(self.folder / "lock").acquire(blocking=False):
                return False
        except Timeout:
            return True
        except FileNotFoundError:
            return False

    def read(self) -> TrainingState:
        """Return how far the running training is, or how the last one ended."""
        running = self.is_running()  # before the events: what ends in between is seen next time
        events = read_events(self.folder / FILE)
        own = self._process
        if own is not None and own.pid != _find_pid(events) and self._order is not None:
            kind, model = self._order.kind, self._order.model
            events = [Started(kind=kind, model=model, pid=own.pid, time=None)]
        asked = (self.folder / "cancel").exists()
        seen = summarise(events, running=running, cancelled=asked)
        log = self._read_log() if seen.state == "died" else ()
        return seen.model_copy(update={"cancelling": running and asked, "log": log})

    def _let_go(self) -> None:
        """Wait for a training of ours that has said its last word to be gone."""
        process, events = self._process, read_events(self.folder / FILE)
        if process is None or _find_pid(events) != process.pid:
            return
        if summarise(events, running=True, cancelled=False).state != "running":
            with suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE)

    def _read_log(self) -> tuple[str, ...]:
        try:
            text = (self.folder / "log.txt").read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ()
        return tuple(text.strip().splitlines()[-_LOG_LINES:])


def strip_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without passwords and tokens, which no training needs."""
    return {
        name: value
        for name, value in environment.items()
        if not any(word in name.upper() for word in _SECRET_WORDS)
    }


def _find_pid(events: list[Event]) -> int | None:
    return next((event.pid for event in events if isinstance(event, Started)), None)


def _give_way(pid: int) -> None:
    """Let the page's own answers go first."""
    if hasattr(os, "setpriority"):
        try:
            os.setpriority(os.PRIO_PROCESS, pid, _NICENESS)
        except ProcessLookupError:
            return  # it has ended already


def _end(process: subprocess.Popen[bytes], cancel: Path) -> None:
    """Ask again until it hears: a training that only begins takes an old wish for another's."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        cancel.touch()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_ASKED_EVERY)
            return
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)  # it leads a group of its own
    else:
        process.kill()
