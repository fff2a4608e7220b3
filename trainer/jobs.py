"""One training at a time in a data folder: its lock, its log for the page, its cancelling.

The log is `DATA/training/progress.jsonl` (`labelling.training_log`); `DATA/training/cancel` asks
the running training to stop. A killed process leaves the lock free and the log without an end.
"""

import io
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Literal, TextIO

from filelock import FileLock, Timeout

from inference.errors import UserInputError, explain_full_disk, explaining_files
from labelling.audit_log import name_command_line, record
from labelling.training_log import (
    FILE,
    Cancelled,
    CurvePoint,
    CurveSplit,
    Event,
    Failed,
    Kind,
    Outcome,
    Stage,
    Started,
    Step,
    read_events,
)

_TIMEOUT = 2.0  # seconds: a page that checks whether a training runs holds the lock for a moment
# Seconds between two events of one stage: more where a training is long, since every reader reads
# them all.
_MIN_PAUSE = 0.2
_MAX_PAUSE = 5.0


class CancelledError(Exception):
    """Somebody cancelled the training; nothing of it stays."""


@dataclass
class Job:
    """The running training, as it is logged. `clock` returns seconds."""

    folder: Path
    file: TextIO
    clock: Callable[[], float] = time.monotonic
    started: float = field(init=False)
    ahead: int = 0  # steps that take as long and follow after a stage, for the time left
    version: int | None = None  # that was made
    is_published: bool = False
    _stage: tuple[Stage | None, int | None] = (None, None)
    _stage_began: float = 0.0
    _written: float = 0.0

    def __post_init__(self) -> None:
        """Start the clock."""
        self.started = self.clock()

    def emit(self, event: Event) -> None:
        """Add one event, so that a reader sees it at once."""
        self.file.write(event.model_dump_json(exclude_none=True) + "\n")
        self.file.flush()

    def stage(
        self,
        stage: Stage,
        done: int = 0,
        total: int = 1,
        epoch: int | None = None,
        epochs: int | None = None,
    ) -> None:
        """Log how far a stage is, unless that was logged just now.

        Raises: CancelledError where somebody cancelled.
        """
        self.check()
        now = self.clock()
        is_new = (stage, epoch) != self._stage
        if is_new:
            self._stage, self._stage_began = (stage, epoch), now
        pause = min(_MAX_PAUSE, max(_MIN_PAUSE, (now - self.started) / 200))
        if not is_new and done != total and now - self._written < pause:
            return
        self._written = now
        remaining = estimate_remaining(now - self._stage_began, done, total + self.ahead)
        self.emit(
            Step(
                stage=stage,
                done=done,
                total=total,
                epoch=epoch,
                epochs=epochs,
                remaining=remaining,
            )
        )

    def curve(self, step: float, loss: float, accuracy: float, split: CurveSplit) -> None:
        """Log a point of the learning curve; `accuracy` 0–1."""
        loss, accuracy = round(loss, 5), round(accuracy, 5)
        self.emit(CurvePoint(step=step, loss=loss, accuracy=accuracy, split=split))

    def check(self) -> None:
        """Raise CancelledError where somebody cancelled the training."""
        if (self.folder / "cancel").exists():
            raise CancelledError

    def settle(self, model: str, version: int, outcome: str, sentence: str) -> None:
        """Log the outcome of a version, which holds even if the work after it is killed."""
        self._log_outcome("settled", model, version, outcome, sentence)

    def finish(self, model: str, version: int, outcome: str, sentence: str) -> None:
        """Log that a version was made, and its outcome."""
        self._log_outcome("done", model, version, outcome, sentence)

    def _log_outcome(
        self,
        event: Literal["settled", "done"],
        model: str,
        version: int,
        outcome: str,
        sentence: str,
    ) -> None:
        self.version, self.is_published = version, outcome in ("first", "published")
        self.emit(
            Outcome(
                event=event,
                model=model,
                version=version,
                outcome=outcome,
                sentence=sentence,
                seconds=round(self.clock() - self.started, 2),
            )
        )


def estimate_remaining(seconds: float, done: int, total: int) -> float | None:
    """Return how many seconds the rest takes if `done` steps took `seconds`; None before any."""
    return round(seconds / done * (total - done), 1) if done else None


@contextmanager
def run_job(data: Path, kind: Kind, model: str, timeout: float = _TIMEOUT) -> Iterator[Job]:
    """Hold the lock of a data folder while a training runs, and log how it ended.

    `timeout`: seconds to wait for the lock.
    Raises: UserInputError where another training runs.
    """
    folder = data / "training"
    with explaining_files(data):
        folder.mkdir(parents=True, exist_ok=True)
    with _holding_lock(folder, timeout), _opening_log(folder) as file:
        (folder / "cancel").unlink(missing_ok=True)
        job = Job(folder, file)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with explaining_files(folder):
            job.emit(Started(kind=kind, model=model, pid=os.getpid(), time=now))
        with (
            _recording(data, model, job),
            _cancelled_by_sigterm(folder),
            _logging_failure(job),
        ):
            yield job


@contextmanager
def _recording(data: Path, model: str, job: Job) -> Iterator[None]:
    """Note in the audit log who trained, and what came of it."""
    who = name_command_line()
    record(data, who, "started", model=model)
    try:
        yield
    finally:
        version = job.version
        record(data, who, "trained" if version else "ended", model=model, version=version)
        if job.is_published:
            record(data, who, "published", model=model, version=version)


@contextmanager
def run_unlogged() -> Iterator[Job]:
    """Yield the job of work that is no training: it has no log and holds no lock."""
    with tempfile.TemporaryDirectory() as folder, io.StringIO() as nowhere:
        yield Job(Path(folder), nowhere)


@contextmanager
def _holding_lock(folder: Path, timeout: float) -> Iterator[None]:
    try:
        held = FileLock(folder / "lock").acquire(timeout=timeout)
    except Timeout as error:
        raise UserInputError(
            f"{_describe_running(folder)} is running here. Wait for it, or cancel it."
        ) from error
    with held:
        yield


@contextmanager
def _opening_log(folder: Path) -> Iterator[TextIO]:
    """Open the log anew; where there is no room for it, that is said in one sentence."""
    with explaining_files(folder):
        file = (folder / FILE).open("w", encoding="utf-8")
    try:
        yield file
    finally:
        with explaining_files(folder):
            file.close()


@contextmanager
def _cancelled_by_sigterm(folder: Path) -> Iterator[None]:
    """Cancel on SIGTERM, so that this end is logged too.

    It takes effect at the next step: an error raised from the handler could come between any two
    lines, those of libraries too. A second signal ends the process at once.
    """

    def cancel(number: int, frame: FrameType | None) -> None:
        (folder / "cancel").touch()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, cancel)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _logging_failure(job: Job) -> Iterator[None]:
    try:
        yield
    except (CancelledError, KeyboardInterrupt):
        job.emit(Cancelled())
        raise
    except UserInputError as error:
        job.emit(Failed(sentence=str(error)))
        raise
    except Exception as error:
        full = explain_full_disk(error)
        if full is not None:
            with suppress(OSError):  # for which there may be no room either
                job.emit(Failed(sentence=str(full)))
            raise full from error
        job.emit(Failed(sentence=f"An unexpected error occurred: {type(error).__name__}."))
        raise


def _describe_running(folder: Path) -> str:
    started = next(iter(read_events(folder / FILE)), None)
    if isinstance(started, Started):
        return f"A {started.kind} training of {started.model}, started {started.time},"
    return "A training"
