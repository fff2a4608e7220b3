"""One training at a time in a data folder: its lock, its progress for the page, its cancelling.

`DATA/training/progress.jsonl` holds the events of the last training, one JSON object a line;
`DATA/training/cancel` asks the running one to stop. A killed process leaves the lock free and
the events without an end.
"""

import io
import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TextIO

from filelock import FileLock, Timeout

from inference.errors import UserInputError
from labelling.images.files import explaining_files

_PATIENCE = 2.0  # seconds: who only looks whether a training runs holds the lock for a moment
# Seconds between two events of one stage: more where a training is long, since whoever looks
# reads them all.
_BETWEEN_STAGES = 0.2
_LONGEST_SILENCE = 5.0


class CancelledError(Exception):
    """Somebody asked the training to stop; nothing of it stays."""


@dataclass
class Job:
    """The running training, as it tells of itself."""

    folder: Path
    file: TextIO
    started: float
    _told: tuple[str, float] = ("", 0.0)

    def emit(self, event: str, **values: object) -> None:
        """Add one event, so that a reader sees it at once."""
        self.file.write(json.dumps({"event": event, **values}, ensure_ascii=False) + "\n")
        self.file.flush()

    def stage(self, name: str, done: int = 0, total: int = 1) -> None:
        """Tell how far a stage is.

        Raises: CancelledError where somebody asked for it.
        """
        self.check()
        known, when = self._told
        now = time.monotonic()
        pause = min(_LONGEST_SILENCE, max(_BETWEEN_STAGES, (now - self.started) / 200))
        if name != known or done == total or now - when >= pause:
            self._told = (name, now)
            self.emit("stage", stage=name, done=done, total=total)

    def curve(self, step: float, loss: float, accuracy: float, split: str) -> None:
        """Tell a point of the learning curve; `accuracy` 0–1."""
        self.emit("curve", step=step, loss=round(loss, 5), accuracy=round(accuracy, 5), split=split)

    def check(self) -> None:
        """Raise CancelledError where somebody asked the training to stop."""
        if (self.folder / "cancel").exists():
            raise CancelledError

    def settle(self, model: str, version: int, outcome: str, sentence: str) -> None:
        """Tell what will have become of a version, though the work after it be killed."""
        self._tell("settled", model, version, outcome, sentence)

    def finish(self, model: str, version: int, outcome: str, sentence: str) -> None:
        """Tell that a version was made, and what became of it."""
        self._tell("done", model, version, outcome, sentence)

    def _tell(self, event: str, model: str, version: int, outcome: str, sentence: str) -> None:
        seconds = round(time.monotonic() - self.started, 2)
        values = {"model": model, "version": version, "outcome": outcome, "sentence": sentence}
        self.emit(event, **values, seconds=seconds)


@contextmanager
def run_job(data: Path, kind: str, model: str) -> Iterator[Job]:
    """Hold the lock of a data folder while a training runs, and tell how it ended.

    Raises: UserInputError where another training runs.
    """
    folder = data / "training"
    with explaining_files(data):
        folder.mkdir(parents=True, exist_ok=True)
    with _holding_lock(folder), (folder / "progress.jsonl").open("w", encoding="utf-8") as file:
        (folder / "cancel").unlink(missing_ok=True)
        job = Job(folder, file, time.monotonic())
        now = datetime.now(UTC).isoformat(timespec="seconds")
        job.emit("start", kind=kind, model=model, pid=os.getpid(), time=now)
        with _listening(folder), _telling(job):
            yield job


@contextmanager
def run_quietly() -> Iterator[Job]:
    """Give the job of work that is no training: it is told to nobody, and holds no lock."""
    with tempfile.TemporaryDirectory() as folder, io.StringIO() as nowhere:
        yield Job(Path(folder), nowhere, time.monotonic())


@contextmanager
def _holding_lock(folder: Path) -> Iterator[None]:
    try:
        held = FileLock(folder / "lock").acquire(timeout=_PATIENCE)
    except Timeout as error:
        raise UserInputError(
            f"{_describe_running(folder)} runs here already. Wait for it, or cancel it."
        ) from error
    with held:
        yield


@contextmanager
def _listening(folder: Path) -> Iterator[None]:
    """Take the signal to terminate as a wish to cancel, so that this end is told too.

    It is heard at the next step: an error raised from here could come between any two lines, those
    of libraries too. A second signal ends the process at once.
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
def _telling(job: Job) -> Iterator[None]:
    try:
        yield
    except (CancelledError, KeyboardInterrupt):
        job.emit("cancelled")
        raise
    except UserInputError as error:
        job.emit("failed", sentence=str(error))
        raise
    except Exception as error:
        sentence = f"Training failed ({type(error).__name__}); what was live stays live."
        job.emit("failed", sentence=sentence)
        raise


def _describe_running(folder: Path) -> str:
    try:
        with (folder / "progress.jsonl").open(encoding="utf-8") as lines:
            start = json.loads(lines.readline())
        return f"A {start['kind']} training of {start['model']}, since {start['time']},"
    except (OSError, ValueError, KeyError):
        return "A training"
