import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from inference.errors import UserInputError
from tests.trainer.conftest import OPTIONS
from trainer.data.dataset import Dataset
from trainer.finetuning import run_folder as runs
from trainer.finetuning.devices import make_accelerator
from trainer.finetuning.loop import train
from trainer.finetuning.weights import CHOSEN
from trainer.progress import Progress

ROOT = Path(__file__).resolve().parents[3]


def _command(data: Path, folder: Path, *more: str) -> list[str]:
    options = [
        f"--model={OPTIONS.model}",
        f"--backbone={OPTIONS.backbone}",
        "--weights=none",
        f"--epochs={OPTIONS.epochs}",
        f"--batch-size={OPTIONS.batch_size}",
        f"--size={OPTIONS.size}",
        f"--train-size={OPTIONS.train_size}",
        "--workers=0",
        "--device=cpu",
        f"--run-folder={folder}",
    ]
    return ["-m", "trainer", "train", str(data), *options, *more]


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / CHOSEN)


def _same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(v, other[k]) for k, v in one.items())


def test_run_leaves_weights_history_and_choices(finished_run: Path) -> None:
    history = runs.read_history(finished_run)
    result = runs.read_result(finished_run)
    assert [row["epoch"] for row in history] == [1, 2]
    assert set(result.geometries) == {"crop", "squash", "pad"}
    assert result.geometry in result.geometries
    assert sum(result.bias) == pytest.approx(0.0, abs=1e-3)
    assert result.epoch == OPTIONS.epochs


@pytest.mark.slow
def test_same_seed_gives_same_weights(
    finished_run: Path, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    quiet = Progress(shown=False)
    train(drawn_dataset, OPTIONS, tmp_path / "same", make_accelerator("cpu"), quiet)
    assert _same(_weights(finished_run), _weights(tmp_path / "same"))
    other = replace(OPTIONS, seed=1)
    train(drawn_dataset, other, tmp_path / "other", make_accelerator("cpu"), quiet)
    different = _weights(tmp_path / "other")
    assert not all(
        torch.allclose(v, different[k], atol=2e-3) for k, v in _weights(tmp_path / "same").items()
    )


@pytest.mark.slow
def test_frozen_stages_stay_as_they_were(
    finished_run: Path, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    options = replace(OPTIONS, epochs=1, frozen=2, average=0.5, weights=str(finished_run / CHOSEN))
    train(drawn_dataset, options, tmp_path, make_accelerator("cpu"), Progress(shown=False))
    assert runs.read_options(tmp_path) == options
    before, after = _weights(finished_run), _weights(tmp_path)
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert not any(name.startswith(("conv_stem", "bn1", "blocks.0.")) for name in changed)
    assert any(name.startswith("blocks.") for name in changed)


def test_run_of_another_release_is_refused_in_one_sentence(
    finished_run: Path, tmp_path: Path
) -> None:
    content = json.loads((finished_run / "run.json").read_text())
    content["options"] |= {"teachers": ["a"], "hard": 2.0}
    (tmp_path / "run.json").write_text(json.dumps(content))
    with pytest.raises(UserInputError, match="options that are gone: hard, teachers"):
        runs.read_options(tmp_path)
    assert runs.read_settings(tmp_path)["teachers"] == ["a"]


@pytest.mark.slow
def test_killed_run_resumes_to_the_same_weights(
    finished_run: Path, drawn_data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    command = [sys.executable, *_command(drawn_data, folder, "--no-export")]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    first = folder / "checkpoints" / "1"
    deadline = time.monotonic() + 300
    while not first.is_dir() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert first.is_dir()
    assert not (folder / "result.json").exists()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Resuming the run." in done.stderr
    assert _same(_weights(finished_run), _weights(folder))


@pytest.mark.slow
def test_run_that_became_no_version_is_not_trained_again(
    finished_run: Path, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(finished_run, folder)
    (folder / "version.json").unlink(missing_ok=True)
    before = (folder / CHOSEN).stat().st_mtime_ns
    accelerator, quiet = make_accelerator("cpu"), Progress(shown=False)
    assert train(drawn_dataset, OPTIONS, folder, accelerator, quiet) == runs.read_result(folder)
    assert (folder / CHOSEN).stat().st_mtime_ns == before
    runs.write_json(folder / "version.json", {})
    train(drawn_dataset, OPTIONS, folder, accelerator, quiet)
    assert (folder / CHOSEN).stat().st_mtime_ns > before


@pytest.mark.slow
def test_two_processes_take_part_and_make_the_same_kind_of_version(
    drawn_data: Path, tmp_path: Path
) -> None:
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2"]
    exported = tmp_path / "exported"
    command = _command(drawn_data, tmp_path / "run", f"--exported={exported}", "--json")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*launch, "--standalone", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    card = json.loads((Path(summary["folder"]) / "model.json").read_text())
    assert card["training"]["processes"] == 2
    assert {p.name for p in Path(summary["folder"]).iterdir()} == {
        "README.md",
        "model.onnx",
        "model.json",
        "checkpoint.safetensors",
        "memory.npz",
        "report",
    }


def test_unfinished_run_of_other_options_is_not_lost(tmp_path: Path) -> None:
    runs.open_run(tmp_path, OPTIONS, "abc")
    (tmp_path / "checkpoints" / "1").mkdir(parents=True)
    assert runs.open_run(tmp_path, OPTIONS, "abc")
    with pytest.raises(UserInputError, match="unfinished run with other options"):
        runs.open_run(tmp_path, replace(OPTIONS, seed=9), "abc")
    assert runs.list_checkpoints(tmp_path)


def test_processes_that_do_not_cooperate_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    make_accelerator("cpu")  # Accelerate keeps the state of this, the only process
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserInputError, match="2 processes were started but only 1"):
        make_accelerator("cpu")


def test_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserInputError, match="is not available"):
        make_accelerator("tpu")
