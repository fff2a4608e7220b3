"""What a piece of work costs is measured, that of processes that it starts too."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.soak.costs import Meter

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc"
)
MB = 1_000_000
# Takes 200 MB and half a second of CPU, in another process.
WORK = """
import time
block = bytearray(b"1" * 200_000_000)
while time.process_time() < 0.5:
    pass
"""


def test_memory_is_the_peak_of_this_work_alone() -> None:
    meter = Meter()
    with meter.measuring() as first:
        block = bytearray(b"\1" * 60 * MB)
        del block
    with meter.measuring() as second:
        pass
    assert 50 * MB < first.memory < 200 * MB
    assert second.memory < 30 * MB


def test_seconds_are_of_the_cpu() -> None:
    with Meter().measuring() as cost:
        end = time.process_time() + 0.2
        while time.process_time() < end:
            pass
    assert 0.2 <= cost.seconds < 1


def test_started_processes_count() -> None:
    with Meter(rest=0).measuring() as cost:
        pass
    alone = cost.memory
    with Meter(rest=0).measuring() as cost:
        subprocess.run([sys.executable, "-c", WORK], check=True)
    assert cost.seconds >= 0.5
    assert cost.memory > alone + 190 * MB
