"""A whole folder: our command against plain onnxruntime in a loop, as one would write it."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from benchmarks.effort import Effort
from benchmarks.results import Measured, summarise
from benchmarks.serving.images import make_photo
from benchmarks.serving.servers import ROOT

_EVERY = 0.05  # seconds between two readings of the memory
_PEER = "P4 onnxruntime loop"
_SHAPES = ((500, 375), (640, 480), (375, 500), (1024, 768))


def measure(version: Path, effort: Effort) -> dict[str, Measured]:
    """Time a folder of images, and read the memory meanwhile."""
    with make_folder(effort.images) as folder:
        rows = {"ours": measure_ours(folder, version), _PEER: measure_peer(folder, version)}
    rates = {name: [effort.images / row["seconds"]] for name, row in rows.items()}
    memory = {
        f"{name}, {key}": [row[key]] for name, row in rows.items() for key in row if "MB" in key
    }
    return {
        f"folder of {effort.images} pictures": summarise(rates, _PEER, "a second"),
        "memory meanwhile": summarise(memory, f"{_PEER}, MB", "MB"),
    }


@contextmanager
def make_folder(count: int) -> Iterator[Path]:
    """Yield a folder of so many JPEGs, alternately small and up to 1024 pixels wide."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(count):
            shape = _SHAPES[number % len(_SHAPES)]
            data = make_photo(*shape, seed=number % 80)
            (folder / f"{number:05}.jpg").write_bytes(data)
        yield folder


def measure_ours(folder: Path, version: Path) -> dict[str, float]:
    """Return seconds, and resident MB early and late, of `python -m inference predict`."""
    options = ["--exported", str(version.parents[1]), "--model", version.parent.name]
    command = ["-m", "inference", "predict", str(folder), *options, "--version", version.name]
    return _measure([sys.executable, *command])


def measure_peer(folder: Path, version: Path) -> dict[str, float]:
    """Return the same of peer 4."""
    command = ["-m", "benchmarks.peers.onnx_folder", str(version / "model.onnx"), str(folder)]
    return _measure([sys.executable, *command])


def _measure(command: Sequence[str]) -> dict[str, float]:
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    readings = []
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            readings.append(watched.memory_info().rss / 1e6)
        except psutil.NoSuchProcess:
            break
        time.sleep(_EVERY)
    if process.wait():
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}.")
    seconds = time.perf_counter() - start
    half = len(readings) // 2
    return {"seconds": seconds, "MB, first half": max(readings[:half]), "MB": max(readings[half:])}
