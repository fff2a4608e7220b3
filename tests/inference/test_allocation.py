import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from inference.allocation import give_back_freed_memory, keep_freed_memory
assert keep_freed_memory() if sys.argv[1] == "keep" else give_back_freed_memory()
def fill():
    block = bytearray(6_000_000)
for _ in range(2):
    fill()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    fill()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _count_faults(mode: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, mode], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_freed_memory_is_kept_or_given_back() -> None:
    assert _count_faults("keep") * 10 < _count_faults("give back")
