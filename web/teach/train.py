"""Train: starting, watching and cancelling a process of its own, which outlives the page.

`python -m trainer …` logs to `DIR/training/progress.jsonl`, and every page reads that file, so that
a closed browser, another tab and a restarted page see the same.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from starlette.responses import Response
from starlette.routing import Route

from inference.errors import UserInputError
from labelling.training_log import (
    FILE,
    KINDS,
    Event,
    Kind,
    Started,
    TrainingState,
    read_events,
    summarise,
)
from web.access.rules import Access
from web.access.teacher_routes import Call, get, post, reply
from web.http.errors import ConflictError
from web.teach.models import TeachContext

_ROOT = Path(__file__).resolve().parents[2]
_CANCEL_EVERY = 0.2  # seconds
_NICENESS = 10
_LOG_LINES = 12
_SECRET_WORDS = ("PASSWORD", "TOKEN", "SECRET", "KEY", "CREDENTIAL", "OAUTH")


def list_train_routes(
    context: TeachContext, access: Access, runner: "TrainingRunner"
) -> list[Route]:
    """Return the routes."""

    def show(call: Call) -> Response:
        return reply(runner.read_state().model_dump(mode="json"))

    def start(call: Call) -> Response:
        model, name = context.models.check(call.get_text("model")), call.get_text("kind")
        kind = next((kind for kind in KINDS if kind == name), None)
        if kind is None:
            raise UserInputError(f"{name!r} is no training. Choose {' or '.join(KINDS)}.")
        runner.start(TrainingRequest(model, kind, context.find_start(model)))
        return show(call)

    def cancel(call: Call) -> Response:
        runner.cancel()
        return show(call)

    return [
        get(access, "/teach/training", show),
        post(access, "/teach/training", start),
        post(access, "/teach/training/cancel", cancel),
    ]


@dataclass(frozen=True)
class TrainingRequest:
    """What to train. `start`: for a model without a version, the one whose backbone it takes."""

    model: str
    kind: Kind
    start: str | None = None


class TrainingRunner:
    """Runs the one training of a data folder, and sees those of other processes.

    Safe between threads.
    """

    def __init__(
        self,
        data: Path,
        exported: Path,
        make_command: Callable[[TrainingRequest], list[str]] | None = None,
        timeout: float = 15.0,
    ) -> None:
        """Train into `data`, on from what is `exported`.

        `timeout`: seconds in which a cancelled training may end by itself.
        """
        self.data = data.resolve()
        self.exported = exported.resolve()
        self.folder = self.data / "training"
        self.timeout = timeout
        self._make_command = make_command or self.make_command
        self._starting = threading.Lock()
        self._looking = threading.Lock()  # is_running takes the file lock for a moment
        self._process: subprocess.Popen[bytes] | None = None
        self._request: TrainingRequest | None = None

    def start(self, request: TrainingRequest) -> None:
        """Start a training and return at once.

        Raises: ConflictError while another runs, here or in any other process.
        """
        with self._starting:
            self._await_end()
            if self.is_running():
                raise ConflictError("A training is running. Wait for it, or cancel it.")
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / "cancel").unlink(missing_ok=True)
            with (self.folder / "log.txt").open("wb") as log:
                self._process = subprocess.Popen(
                    self._make_command(request),
                    cwd=_ROOT,
                    env=strip_secrets(os.environ),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            self._request = request
            _lower_priority(self._process.pid)

    def make_command(self, request: TrainingRequest) -> list[str]:
        """Return the command that does the same by hand."""
        options = ["--data", str(self.data), "--exported", str(self.exported)]
        options += ["--model", request.model]
        options += ["--from", request.start] if request.start else []
        return [sys.executable, "-m", "trainer", request.kind, *options]

    def cancel(self) -> None:
        """Ask the running training to end; kill one of ours that does not in time."""
        if not self.is_running():
            return
        (self.folder / "cancel").touch()
        process = self._process
        if process is not None and process.poll() is None:
            arguments = (process, self.folder / "cancel", self.timeout)
            threading.Thread(target=_end, args=arguments, daemon=True).start()

    def end(self) -> None:
        """Ask a training that was started here to end, where one runs, and return at once."""
        process = self._process
        if process is not None and process.poll() is None:
            (self.folder / "cancel").touch()

    def is_running(self) -> bool:
        """Tell whether a training runs, started by this process or any other."""
        if self._process is not None and self._process.poll() is None:
            return True
        try:
            with self._looking, FileLock(self.folder / "lock").acquire(blocking=False):
                return False
        except Timeout:
            return True
        except FileNotFoundError:
            return False

    def read_state(self) -> TrainingState:
        """Return how far the running training is, or how the last one ended."""
        running = self.is_running()  # before the events: what ends in between is seen next time
        events = read_events(self.folder / FILE)
        own, request = self._process, self._request
        if own is not None and own.pid != _find_pid(events) and request is not None:
            events = [Started(kind=request.kind, model=request.model, pid=own.pid, time=None)]
        cancelled = (self.folder / "cancel").exists()
        state = summarise(events, running=running, cancelled=cancelled)
        log = self._read_log() if state.state == "died" else ()
        return state.model_copy(update={"cancelling": running and cancelled, "log": log})

    def _await_end(self) -> None:
        """Wait until a training of ours that has logged its end is gone."""
        process, events = self._process, read_events(self.folder / FILE)
        if process is None or _find_pid(events) != process.pid:
            return
        if summarise(events, running=True, cancelled=False).state != "running":
            with suppress(subprocess.TimeoutExpired):
                process.wait(self.timeout)

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


def _lower_priority(pid: int) -> None:
    """Let the page's own answers go first."""
    if hasattr(os, "setpriority"):
        with suppress(ProcessLookupError):  # it has ended already
            os.setpriority(os.PRIO_PROCESS, pid, _NICENESS)


def _end(process: subprocess.Popen[bytes], cancel: Path, timeout: float) -> None:
    """Cancel again and again: a training that is only starting removes the file once."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        cancel.touch()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_CANCEL_EVERY)
            return
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)  # it leads a group of its own
    else:
        process.kill()
