"""Training images a second: ours against a plain PyTorch loop, on rendered images."""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.effort import Effort
from benchmarks.results import Measured, summarise
from benchmarks.serving.servers import ROOT
from inference.versions.cards import read_card
from trainer.options import TrainOptions
from trainer.synthetic.rendering import render_demo_data

OURS, PLAIN = "ours", "plain torch loop"
_SIDE, _BATCH = 192, 32


def measure(version: Path, effort: Effort) -> dict[str, Measured]:
    """Time epochs of both in turn, in images a second.

    Ours augments more, averages the weights and keeps normalisation as it was pretrained; size,
    batch, workers, network and optimizer are the same.
    """
    rates: dict[str, list[float]] = {OURS: [], PLAIN: []}
    with TemporaryDirectory() as name:
        render_demo_data(Path(name), count_per_class=effort.training_images)
        images = Path(name) / "train"
        for number in range(effort.epochs):
            rates[OURS].append(_measure_ours(images, version, Path(name) / f"run{number}"))
            rates[PLAIN].append(_measure_plain(images, version))
    return {"training pictures": summarise(rates, PLAIN, "a second")}


def _measure_ours(images: Path, version: Path, run: Path) -> float:
    weights = str(version / "checkpoint.safetensors")
    options = ["--model", "bench", "--weights", weights, "--epochs", "1", "--no-export"]
    options += ["--train-size", str(_SIDE), "--batch-size", str(_BATCH), "--run-folder", str(run)]
    _run("-m", "trainer", "train", str(images), *options)
    counts = json.loads((run / "pictures.json").read_text(encoding="utf-8"))
    history = json.loads((run / "history.json").read_text(encoding="utf-8"))
    trained = sum(1 for picture in counts["pictures"] if picture["split"] == "train")
    return trained // _BATCH * _BATCH / float(history[0]["seconds"])


def _measure_plain(images: Path, version: Path) -> float:
    numbers = (_SIDE, _BATCH, TrainOptions(model="bench").workers)
    paths = [str(images), str(version / "checkpoint.safetensors"), read_card(version).backbone]
    done = _run("-m", "benchmarks.peers.torch_training", *paths, *map(str, numbers))
    return float(done.splitlines()[-1])


def _run(*arguments: str) -> str:
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout
