"""What this process may take of the machine: cores, threads, and memory that was freed.

Nothing here loads NumPy: `keep_to_one_thread` must come before it.
"""

import ctypes
import math
import os
import sys
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
# What is under NumPy and SciPy. Not MKL: PyTorch uses it too, and has large matrices.
_SETTINGS = ("OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "BLIS_NUM_THREADS")
# Source: malloc.h of glibc.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -3, -4, -8
_LARGE = 2**22  # bytes; smaller blocks would be fetched anew for every image
_KEPT = 2**26  # bytes at the top of the heap


def open_closed_streams() -> None:
    """Open the standard streams that were closed, on nothing.

    Their numbers would go to the next files that are opened, a database for one, and what a
    library then writes to "its" output would land there.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115


def discard_output() -> None:
    """Send what is still to be printed to nothing, where it cannot be written."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)


def count_usable_cores() -> int:
    """Return the cores given by affinity, container quota and a Space's `CPU_CORES`, at least 1.

    Source: onnxruntime sizes its pools by the host's cores, not the container's
    (microsoft/onnxruntime issue 29510), hence a count of our own.
    """
    limits: list[float] = [_count_affinity(), _read_cgroup_quota(CGROUP)]
    declared = os.environ.get("CPU_CORES", "")
    if declared.isdecimal():
        limits.append(int(declared))
    return max(1, math.ceil(min(limits)))


def use_passive_waiting() -> None:
    """Let PyTorch's threads sleep while they wait, unless the environment says otherwise.

    They spin otherwise, on cores that could decode the next images or serve a page. Must be
    called before PyTorch is imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def keep_to_one_thread() -> None:
    """Let the libraries under NumPy and SciPy use one thread, unless the environment says more.

    Our matrices are small: cores that share them mostly wait for each other, all the more while
    others decode and a network runs on its own threads. Must be called before NumPy is imported.
    """
    for name in _SETTINGS:
        os.environ.setdefault(name, "1")


def keep_freed_memory() -> bool:
    """Let glibc keep memory that was freed; returns whether it does.

    A training step on the CPU asks for the same gigabytes again; half of its time went into page
    faults. Does nothing where there is no glibc.
    """
    return _set_malloc((_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, 2**26), (_M_MMAP_MAX, 0))


def give_back_freed_memory() -> bool:
    """Let glibc give large blocks back at once; returns whether it does.

    A page otherwise keeps, for each of its threads, what the largest image took. Does nothing
    where there is no glibc.
    """
    return _set_malloc((_M_ARENA_MAX, 2), (_M_MMAP_THRESHOLD, _LARGE), (_M_TRIM_THRESHOLD, _KEPT))


def _count_affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _read_cgroup_quota(root: Path) -> float:
    """Return the cores of a cgroup (version 2, then 1) quota; infinity where there is none."""
    v2 = root / "cpu.max"
    v1 = root / "cpu" / "cpu.cfs_quota_us"
    if v2.is_file():
        quota, period = v2.read_text().split()
    elif v1.is_file():
        quota, period = v1.read_text(), (v1.parent / "cpu.cfs_period_us").read_text()
    else:
        return math.inf
    return int(quota) / int(period) if quota.strip().isdecimal() else math.inf


def _set_malloc(*settings: tuple[int, int]) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(mallopt(name, value) == 1 for name, value in settings)
