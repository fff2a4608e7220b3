"""How many processor cores this process may really use.

Source: onnxruntime sizes its pools by the host's cores, not the container's
(microsoft/onnxruntime issue 29510), hence a count of our own.
"""

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def count_usable_cores() -> int:
    """Return the cores given by affinity, container quota and a Space's `CPU_CORES`, at least 1."""
    limits: list[float] = [_count_affinity(), _read_cgroup_quota(CGROUP)]
    declared = os.environ.get("CPU_CORES", "")
    if declared.isdecimal():
        limits.append(int(declared))
    return max(1, math.ceil(min(limits)))


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
