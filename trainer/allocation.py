"""Keeping the memory that a training step frees, for the next step.

glibc gives large blocks back to the system at once, and a step on the CPU asks for the same
gigabytes again: half of its time went into page faults. Elsewhere this does nothing.
"""

import ctypes
import sys

# Source: malloc.h of glibc.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> bool:
    """Tell glibc not to give memory back; returns whether it listened."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, 2**26), (_M_MMAP_MAX, 0))
    return all(mallopt(name, value) == 1 for name, value in settings)
