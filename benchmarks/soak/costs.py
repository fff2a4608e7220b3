"""What decoding one file costs this process and those that it starts: CPU seconds, and memory."""

import os
import re
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_EVERY = 0.01  # seconds between two looks at the processes that were started
_PAGE = resource.getpagesize()


@dataclass
class Cost:
    """CPU seconds, and the most resident bytes above what processes take anyway."""

    seconds: float = 0.0
    memory: int = 0


class Meter:
    """Measures one piece of work after the other.

    `rest`: bytes that a process takes anyway; by default those of this one before each piece.
    """

    def __init__(self, rest: int | None = None) -> None:
        self._rest = rest
        self._base = measure_peak() if rest is None else rest
        self._started = 0  # the most bytes of started processes and this one, above the base
        threading.Thread(target=self._watch, daemon=True).start()

    @contextmanager
    def measuring(self) -> Iterator[Cost]:
        """Give a cost that is known after the block."""
        cost = Cost()
        if self._rest is None:  # also what making the file left behind
            self._base = read_resident(os.getpid())
        measure_peak()
        self._started = 0
        start = measure_seconds()
        try:
            yield cost
        finally:
            cost.seconds = measure_seconds() - start
            cost.memory = max(0, measure_peak() - self._base, self._started)

    def _watch(self) -> None:
        own = Path(f"/proc/self/task/{os.getpid()}/children")
        while own.exists():
            time.sleep(_EVERY)
            children = own.read_text(encoding="ascii").split()
            if children:
                processes = [os.getpid(), *map(int, children)]
                above = sum(max(0, read_resident(one) - self._base) for one in processes)
                self._started = max(self._started, above)


def measure_seconds() -> float:
    """Return the CPU seconds of this process, and of those that it started and that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def measure_peak() -> int:
    """Return the most resident bytes of this process since this was last called.

    Source: proc(5), /proc/pid/clear_refs (5) and VmHWM.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    peak = int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return peak


def read_resident(pid: int) -> int:
    """Return the resident bytes of a process, 0 of one that has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    return 0
