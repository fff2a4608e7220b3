"""Starting, watching and cancelling a training: a process of its own, which outlives the page.

`python -m trainer …` writes `DIR/training/progress.jsonl`; whoever asks reads it from there, so
that a closed browser, another tab or a restarted page see the same.
"""

import json
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
from typing import Any

from filelock import FileLock, Timeout

from web.http.errors import ConflictError

KINDS = {"quick": "head", "deep": "deep"}
_ROOT = Path(__file__).resolve().parents[2]
_ENDS = {"done": "done", "failed": "failed", "cancelled": "cancelled"}
# What an outcome that was told before the last stage is worth, once nothing runs any more.
_SETTLED = {"settled": "done"}
_PATIENCE = 15.0  # seconds in which a cancelled training may end by itself
_ASKED_EVERY = 0.2  # seconds
_NICENESS = 10
_LOG_LINES = 12
_SECRET_WORDS = ("PASSWORD", "TOKEN", "SECRET", "KEY", "CREDENTIAL", "OAUTH")
_BUSY = "A training is running. Wait for it, or cancel it."

Event = dict[str, Any]


@dataclass(frozen=True)
class Order:
    """What to train. `start`: for a new network, the one whose backbone it takes."""

    model: str
    kind: str
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
        return [sys.executable, "-m", "trainer", KINDS[order.kind], *options]

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

    def read(self) -> dict[str, Any]:
        """Return how far the running training is, or how the last one ended."""
        running = self.is_running()  # before the events: what ends in between is seen next time
        events = read_events(self.folder / "progress.jsonl")
        own = self._process
        if own is not None and own.pid != _find_pid(events) and self._order is not None:
            begun: Event = {"event": "start", "pid": own.pid, "time": None}
            events = [begun | {"model": self._order.model, "kind": self._order.kind}]
        asked = (self.folder / "cancel").exists()
        seen = describe(events, running=running, cancelled=asked)
        return seen | {"cancelling": running and asked, "log": self._read_log(seen["state"])}

    def _let_go(self) -> None:
        """Wait for a training of ours that has said its last word to be gone."""
        process, events = self._process, read_events(self.folder / "progress.jsonl")
        if process is None or _find_pid(events) != process.pid:
            return
        if any(event["event"] in _ENDS for event in events):
            with suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE)

    def _read_log(self, state: str) -> list[str]:
        if state != "died":
            return []
        try:
            text = (self.folder / "log.txt").read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        return text.strip().splitlines()[-_LOG_LINES:]


def describe(events: list[Event], *, running: bool, cancelled: bool) -> dict[str, Any]:
    """Return a training's state from what it wrote.

    `state`: none, running, done, failed, cancelled, or died (ended without saying so).
    """
    start: Event = next((e for e in events if e["event"] == "start"), {})
    stage: Event = next((e for e in reversed(events) if e["event"] == "stage"), {})
    ends = _ENDS if running else _ENDS | _SETTLED
    end: Event = next((e for e in reversed(events) if e["event"] in ends), {})
    return {
        "state": _find_state(start, end, running, cancelled),
        **{name: start.get(name) for name in ("model", "kind", "time", "pid")},
        **{name: stage.get(name) for name in ("stage", "done", "total")},
        **{name: end.get(name) for name in ("version", "outcome", "sentence", "seconds")},
        "curve": [
            {name: e.get(name) for name in ("step", "loss", "accuracy", "split")}
            for e in events
            if e["event"] == "curve"
        ],
    }


def _find_state(start: Event, end: Event, running: bool, cancelled: bool) -> str:
    if end:
        return (_ENDS | _SETTLED)[end["event"]]
    if running:
        return "running"
    if not start:
        return "none"
    return "cancelled" if cancelled else "died"


def read_events(path: Path) -> list[Event]:
    """Return the events of a progress file; a line that is being written is left out."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except FileNotFoundError:
        return []
    return [event for line in lines if (event := _parse(line)) is not None]


def strip_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without passwords and tokens, which no training needs."""
    return {
        name: value
        for name, value in environment.items()
        if not any(word in name.upper() for word in _SECRET_WORDS)
    }


def _parse(line: str) -> Event | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None


def _find_pid(events: list[Event]) -> int | None:
    return next((event.get("pid") for event in events if event["event"] == "start"), None)


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
