"""What glibc does with memory that was freed: kept for a training step, given back by a page.

By default it does neither well. A step on the CPU asks for the same gigabytes again, and half of
its time went into page faults; a page keeps for each of its threads what the largest picture took.
Elsewhere this does nothing.
"""

import ctypes
import sys

# Source: malloc.h of glibc.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -3, -4, -8
_LARGE = 2**22  # bytes; smaller blocks would be fetched anew for every picture
_KEPT = 2**26  # bytes at the top of the heap


def keep_freed_memory() -> bool:
    """Tell glibc not to give memory back; returns whether it listened."""
    return _set((_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, 2**26), (_M_MMAP_MAX, 0))


def give_back_freed_memory() -> bool:
    """Tell glibc to give large blocks back at once; returns whether it listened."""
    return _set((_M_ARENA_MAX, 2), (_M_MMAP_THRESHOLD, _LARGE), (_M_TRIM_THRESHOLD, _KEPT))


def _set(*settings: tuple[int, int]) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(mallopt(name, value) == 1 for name, value in settings)
