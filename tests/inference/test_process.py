"""The cores that this process may use: the least of affinity, quota and what a Space says."""

import math
from pathlib import Path

import pytest

from inference import process as cores


@pytest.fixture
def count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]  # noqa: ANN201
    """Return a function that counts on a machine of 64 cores with the given files."""

    def count_with(files: dict[str, str], cpu_cores: str | None = None) -> int:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        monkeypatch.setattr(cores, "CGROUP", tmp_path)
        monkeypatch.setattr(cores, "_count_affinity", lambda: 64)
        monkeypatch.delenv("CPU_CORES", raising=False)
        if cpu_cores is not None:
            monkeypatch.setenv("CPU_CORES", cpu_cores)
        return cores.count_usable_cores()

    return count_with


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 64),
        ({"cpu.max": "max 100000\n"}, 64),
        ({"cpu.max": "200000 100000\n"}, 2),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "100000 100000\n"}, 1),
        ({"cpu.max": "5000 100000\n"}, 1),
        ({"cpu.max": "99900000 100000\n"}, 64),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 64),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        (
            {
                "cpu.max": "400000 100000\n",
                "cpu/cpu.cfs_quota_us": "100000\n",
                "cpu/cpu.cfs_period_us": "100000\n",
            },
            4,
        ),
    ],
)
def test_quota(count, files: dict[str, str], expected: int) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    assert count(files) == expected


@pytest.mark.parametrize(
    ("declared", "expected"),
    [("2", 2), ("16", 16), ("0", 1), ("128", 64), ("", 64), ("many", 64), ("-3", 64), ("²", 64)],
)
def test_declared_cores(count, declared: str, expected: int) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    assert count({}, declared) == expected


def test_least_counts(count) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    assert count({"cpu.max": "800000 100000"}, "3") == 3
    assert count({"cpu.max": "200000 100000"}, "3") == 2


def test_without_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert cores._count_affinity() == 1
    monkeypatch.setattr("os.cpu_count", lambda: 12)
    assert cores._count_affinity() == 12


def test_this_machine() -> None:
    assert 1 <= cores.count_usable_cores() < math.inf
