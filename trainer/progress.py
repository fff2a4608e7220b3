"""Progress on the error stream: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from labelling.training_log import Stage
from trainer.jobs import Job, estimate_remaining

T = TypeVar("T")
_SECONDS_BETWEEN_LINES = 15.0


class SizedIterable(Sized, Iterable[T], Protocol[T]):  # type: ignore[misc]
    """Something to iterate over whose length is known."""


class Progress:
    """Shows how far a loop is, with a note such as the loss, and the time left.

    Silent in every process but the first. A `job` logs the same for the page, and may end a loop
    by `trainer.jobs.CancelledError`.
    """

    def __init__(self, shown: bool = True, job: Job | None = None) -> None:
        self.shown = shown
        self.job = job
        self.console = Console(stderr=True)
        self.note = ""

    def say(self, text: str) -> None:
        """Print one line."""
        if self.shown:
            self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def point(self, step: float, loss: float, accuracy: float) -> None:
        """Log a point of the learning curve on validation."""
        if self.job:
            self.job.curve(step, loss, accuracy, "validation")

    def track(
        self,
        items: SizedIterable[T],
        stage: Stage,
        epoch: int | None = None,
        epochs: int | None = None,
        ahead: int = 0,
    ) -> Iterator[T]:
        """Yield the items while showing how many are done; `epoch` of `epochs` from 1.

        `ahead`: how many items that take as long will follow later, for the time left.
        """
        self.note = ""
        if self.job:
            self.job.ahead = ahead
        task = f"{stage.value} {epoch}/{epochs}" if epoch else stage.value
        for done, item in enumerate(self._show(items, task)):
            if self.job:
                self.job.stage(stage, done, len(items), epoch, epochs)
            yield item

    def _show(self, items: SizedIterable[T], task: str) -> Iterator[T]:
        if not self.shown:
            yield from items
        elif self.console.is_terminal:
            yield from self._track_with_bar(items, task)
        else:
            yield from self._track_with_lines(items, task)

    def count(self, done: int, total: int, task: str) -> None:
        """Print a line for a loop that is counted elsewhere, at every tenth of the whole."""
        if self.shown and total and done % max(1, total // 10) == 0:
            self.say(f"{task}: {done} of {total}")

    def _track_with_bar(self, items: SizedIterable[T], task: str) -> Iterator[T]:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        with Bars(*columns, console=self.console) as bars:
            bar = bars.add_task(task, total=len(items), note="")
            for item in items:
                yield item
                bars.update(bar, advance=1, note=self.note)

    def _track_with_lines(self, items: SizedIterable[T], task: str) -> Iterator[T]:
        start = printed = time.monotonic()
        for done, item in enumerate(items, 1):
            yield item
            now = time.monotonic()
            if now - printed >= _SECONDS_BETWEEN_LINES:
                printed = now
                left = estimate_remaining(now - start, done, len(items))
                self.say(f"{task}: {done} of {len(items)}, {left:.0f} s left {self.note}")
                sys.stderr.flush()
