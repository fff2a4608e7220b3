"""Cores: the least of affinity, quota and what a Space says; threads; memory that was freed."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from inference import process
from tests.running import ROOT

PROGRAM = """
import resource, sys
from inference.process import give_back_freed_memory, keep_freed_memory
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


@pytest.fixture
def count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]  # noqa: ANN201
    """Return a function that counts on a machine of 64 cores with the given files."""

    def count_with(files: dict[str, str], cpu_cores: str | None = None) -> int:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        monkeypatch.setattr(process, "CGROUP", tmp_path)
        monkeypatch.setattr(process, "_count_affinity", lambda: 64)
        monkeypatch.delenv("CPU_CORES", raising=False)
        if cpu_cores is not None:
            monkeypatch.setenv("CPU_CORES", cpu_cores)
        return process.count_usable_cores()

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
    assert process._count_affinity() == 1
    monkeypatch.setattr("os.cpu_count", lambda: 12)
    assert process._count_affinity() == 12


def test_this_machine() -> None:
    assert 1 <= process.count_usable_cores() < math.inf


def run_python(script: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_environment_decides_on_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "4")
    process.keep_to_one_thread()
    assert os.environ["OPENBLAS_NUM_THREADS"] == "4"


@pytest.mark.parametrize("module", ["trainer.__main__", "inference.__main__", "app"])
def test_commands_set_threads_before_numpy_is_loaded(module: str) -> None:
    assert run_python(f"import sys, {module}; print('numpy' in sys.modules)") == "False\n"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_freed_memory_is_kept_or_given_back() -> None:
    assert int(run_python(PROGRAM, "keep")) * 10 < int(run_python(PROGRAM, "give back"))
