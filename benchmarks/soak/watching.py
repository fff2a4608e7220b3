"""Watches a page's process: memory, open descriptors, threads, and its temporary files."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
import psutil

from benchmarks.soak.findings import Findings
from benchmarks.soak.running_page import RunningPage
from web.server.uploads import MOST

_EVERY = 1.0  # seconds
_WARM = 0.2  # of the time, before which nothing counts
_ENOUGH = 180  # readings; of fewer no growth is told from chance
_GROWTH = 0.1  # of what there was, in the last third against the first
_MIN_GROWTH = {"memory": 30e6, "descriptors": 30.0}


@dataclass(frozen=True)
class Reading:
    """One moment. `memory`, `temporary`: bytes; the memory is that of its helpers, too."""

    memory: float
    descriptors: int
    threads: int
    temporary: float


@dataclass
class Watch:
    """All readings of a page, in order."""

    readings: list[Reading] = field(default_factory=list)

    @staticmethod
    def read(page: RunningPage) -> Reading:
        """Take one.

        Raises: psutil.NoSuchProcess where it has ended.
        """
        process = psutil.Process(page.process.pid)
        memory = process.memory_info().rss
        for child in process.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                memory += child.memory_info().rss
        size = measure_folder(page.place.temporary)
        return Reading(memory, process.num_fds(), process.num_threads(), size)

    def describe(self, findings: Findings) -> None:
        """Add what grew; a failure where it grew by more than is by chance."""
        for name, scale, unit in (("memory", 1e6, "MB"), ("descriptors", 1, "")):
            values = np.array([getattr(one, name) for one in self.readings], float)
            values = values[int(_WARM * len(values)) :]
            if len(values) < 6:
                continue
            third = len(values) // 3
            first, last = median(values[:third]), median(values[-third:])
            slope = np.polyfit(np.arange(len(values)) * _EVERY / 60, values, 1)[0]
            shown = f"{first / scale:,.0f} → {last / scale:,.0f} {unit}".strip()
            most = f"at most {values.max() / scale:,.0f}, {slope / scale:+.2g} a minute"
            findings.add(f"{name}, first and last third", f"{shown} ({most})", wanted="flat")
            limit = max(_GROWTH * first, _MIN_GROWTH[name])
            grew = last - first > limit and len(self.readings) >= _ENOUGH
            findings.require(not grew, f"{name} grew: {shown}")
        if self.readings:
            findings.add("threads at most", max(one.threads for one in self.readings))
            uploads = max(one.temporary for one in self.readings)
            limit = f"{MOST / 1e6:,.0f} MB or less"  # uploads count for ten minutes
            findings.add("temporary files at most", uploads / 1e6, "MB", limit)
            findings.require(uploads <= MOST, f"uploads took {uploads / 1e6:,.0f} MB")


@contextmanager
def watching(page: RunningPage) -> Iterator[Watch]:
    """Watch a page while the block runs."""
    watch, over = Watch(), threading.Event()

    def work() -> None:
        while not over.wait(_EVERY):
            with suppress(psutil.NoSuchProcess):
                watch.readings.append(Watch.read(page))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()


def list_unfinished(page: RunningPage, older_than: float) -> list[Path]:
    """Return uploads that arrived in part and were not touched for so many seconds."""
    files = page.place.temporary.glob("picture-classifier-*/[!.]*")
    found = []
    for path in files:
        with suppress(FileNotFoundError):
            if path.is_file() and time.time() - path.stat().st_mtime > older_than:
                found.append(path)
    return found


def measure_folder(folder: Path) -> int:
    """Return the bytes of all files in a folder, of which some may just be going."""
    size = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            size += path.stat().st_size if path.is_file() else 0
    return size
