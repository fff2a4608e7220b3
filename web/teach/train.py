"""Train: starting, watching and cancelling a process of its own, which outlives the page.

`python -m trainer …` logs to `DIR/training/progress.jsonl`, and every page reads that file, so that
a closed browser, another tab and a restarted page see the same.
"""

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from starlette.responses import Response
from starlette.routing import Route

from inference.errors import UserInputError, explaining_files
from inference.versions.cards import name_for_display
from labelling.audit_log import WHO, record
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

if sys.platform != "win32":
    import fcntl

_HELD = "starting"  # locked from the start of a training to its end
_ROOT = Path(__file__).resolve().parents[2]
_CANCEL_EVERY = 0.2  # seconds
_NICENESS = 10
_LOG_LINES = 12
_LITTLE = 65_536  # bytes
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
            raise UserInputError(f"{name[:64]!r} is no training. Choose {' or '.join(KINDS)}.")
        runner.start(TrainingRequest(model, kind, context.find_start(model), call.who))
        return show(call)

    def cancel(call: Call) -> Response:
        if runner.is_running():
            record(context.data, call.who, "cancelled", model=runner.read_state().model)
        runner.cancel()
        return show(call)

    return [
        get(access, "/teach/training", show),
        post(access, "/teach/training", start),
        post(access, "/teach/training/cancel", cancel),
    ]


@dataclass(frozen=True)
class TrainingRequest:
    """What to train, and who wants it.

    `start`: for a model without a version, the one whose backbone it takes.
    """

    model: str
    kind: Kind
    start: str | None = None
    who: str = ""


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
        self._launched = 0.0

    def start(self, request: TrainingRequest) -> None:
        """Start a training and return at once.

        Raises: ConflictError while another runs, here or in any other process.
        """
        with self._starting:
            self._await_end()
            if self.is_running():
                raise ConflictError(self._describe_running())
            self._make_folder()
            with _holding(self.folder / _HELD, self.timeout) as held:
                (self.folder / "cancel").unlink(missing_ok=True)
                self._process = self._launch(request, held)
            self._request, self._launched = request, time.time()
            _lower_priority(self._process.pid)

    def _make_folder(self) -> None:
        with explaining_files(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(self.folder).free < _LITTLE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _describe_running(self) -> str:
        state = self.read_state()
        is_own = self._process is not None and self._process.poll() is None
        if is_own or state.model is None:
            return "A training is running. Wait for it, or cancel it."
        shown = name_for_display(state.model)
        return (
            f"Another page or a command is training {shown} in the same data folder. Wait for it, "
            "or cancel it."
        )

    def _launch(self, request: TrainingRequest, held: int | None) -> subprocess.Popen[bytes]:
        """Start the command, which holds the lock of this start for as long as it lives."""
        with explaining_files(self.folder), (self.folder / "log.txt").open("wb") as log:
            return subprocess.Popen(
                self._make_command(request),
                cwd=_ROOT,
                env={**strip_secrets(os.environ), WHO: request.who},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=() if held is None else (held,),
            )

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
                return _is_held(self.folder / _HELD)
        except Timeout:
            return True
        except FileNotFoundError:
            return False

    def read_state(self) -> TrainingState:
        """Return how far the running training is, or how the last one ended."""
        running = self.is_running()  # before the events: what ends in between is seen next time
        events = read_events(self.folder / FILE)
        own, request = self._process, self._request
        is_silent = own is not None and own.pid != _find_pid(events)
        if is_silent and own is not None and request is not None and self._is_last(own):
            events = [Started(kind=request.kind, model=request.model, pid=own.pid, time=None)]
        cancelled = (self.folder / "cancel").exists()
        state = summarise(events, running=running, cancelled=cancelled)
        log = self._read_log() if state.state == "died" else ()
        return state.model_copy(update={"cancelling": running and cancelled, "log": log})

    def _is_last(self, own: "subprocess.Popen[bytes]") -> bool:
        """Tell whether no other process has logged a training since we started this one."""
        try:
            logged = (self.folder / FILE).stat().st_mtime
        except OSError:
            return True
        return own.poll() is None or logged < self._launched

    def _await_end(self) -> None:
        """Wait until a training of ours that has logged its end is gone."""
        process, events = self._process, read_events(self.folder / FILE)
        if process is None or _find_pid(events) != process.pid:
            return
        if summarise(events, running=True, cancelled=False).state != "running":
            with suppress(subprocess.TimeoutExpired):
                process.wait(self.timeout)

    def _read_log(self) -> tuple[str, ...]:
        """Return the last lines, and whether the disk has room: a full one keeps no lines."""
        lines: list[str] = []
        with suppress(OSError):
            text = (self.folder / "log.txt").read_text(encoding="utf-8", errors="replace")
            lines = text.strip().splitlines()[-_LOG_LINES:]
        if shutil.disk_usage(self.folder).free < _LITTLE:
            lines.append("The disk of the data folder is full. Make room, and train again.")
        return tuple(lines)


def strip_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without passwords and tokens, which no training needs."""
    return {
        name: value
        for name, value in environment.items()
        if not any(word in name.upper() for word in _SECRET_WORDS)
    }


@contextmanager
def _holding(path: Path, timeout: float) -> Iterator[int | None]:
    """Hold a lock that a started process inherits, so that none can start before it has its own.

    Yields: the handle to pass on; None where handles cannot be.
    Raises: ConflictError where another process does the same.
    """
    if sys.platform == "win32":
        yield None
        return
    with explaining_files(path.parent):
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        end = time.monotonic() + timeout
        while not _lock(handle, fcntl.LOCK_EX):  # a page that looks holds it for a moment
            if time.monotonic() > end or _is_held(path):
                raise ConflictError("Another page has just started a training in this data folder.")
            time.sleep(_CANCEL_EVERY)
        yield handle
    finally:
        os.close(handle)


def _is_held(path: Path) -> bool:
    """Tell whether a process that was started holds its lock; those that look do not count."""
    if sys.platform == "win32":
        return False
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        return not _lock(handle, fcntl.LOCK_SH)
    finally:
        os.close(handle)


def _lock(handle: int, kind: int) -> bool:
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
