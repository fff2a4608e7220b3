"""The folder of one training run: its options, its checkpoints, what was found.

`run.json` options and data hash · `pictures.json` the labelled images and their splits ·
`left_out.txt` the files that are not used, and why · `checkpoints/<epoch>/` to resume from ·
`history.json` a line an epoch · `chosen.safetensors` the weights to be frozen · `result.json` what
validation chose · `version.json` the version that was made of it.
"""

import json
import shutil
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from inference.atomic_files import replace_file
from inference.errors import UserInputError
from trainer.data.dataset import Dataset, LabelledImage, LeftOut
from trainer.finetuning.weights import CHOSEN
from trainer.options import TrainOptions


@dataclass
class Result:
    """What validation chose, by the calibrated log loss, and each candidate's accuracy (0–1).

    `bias`: what was added to the classes' logits (`calibration.fit_calibration`). `tuned`: the
    share of the fine-tuned weights, the rest being the pretrained ones.
    Source: Wortsman et al., "Robust fine-tuning of zero-shot models" (2022).
    """

    epoch: int
    geometry: str
    bias: list[float] = field(default_factory=list)
    tuned: float = 1.0
    geometries: dict[str, float] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    probe_accuracy: float = 0.0
    seconds: float = 0.0
    device: str = "cpu"
    processes: int = 1


def open_run(folder: Path, options: TrainOptions, data_sha256: str) -> bool:
    """Prepare the folder; return whether a run of the same options and data is resumed.

    A finished run of other options or data, or one that became a version, is deleted.
    Raises: UserInputError where an unfinished run of other options or data would be lost.
    """
    if _is_same(folder, options, data_sha256) and not (folder / "version.json").is_file():
        return bool(list_checkpoints(folder)) or is_finished(folder)
    if list_checkpoints(folder):
        raise UserInputError(
            f"{folder} holds an unfinished run with other options or pictures. Resume it with the "
            "same options, choose another --run-folder, or delete that folder."
        )
    for name in ("result.json", "history.json", CHOSEN, "run.json", "version.json"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "run.json", _describe(options, data_sha256))
    return False


def clear_other_run(folder: Path, options: TrainOptions, data_sha256: str) -> None:
    """Delete the folder unless it holds a run of these options and this data."""
    if not _is_same(folder, options, data_sha256):
        shutil.rmtree(folder, ignore_errors=True)


def is_finished(folder: Path) -> bool:
    """Return whether training is finished; a version may not have been made of it yet."""
    return (folder / "result.json").is_file()


def list_checkpoints(folder: Path) -> list[Path]:
    """Return the finished checkpoints, oldest first."""
    found = (folder / "checkpoints").glob("[0-9]*")
    return sorted(found, key=lambda path: int(path.name))


def read_options(folder: Path) -> TrainOptions:
    """Return the options of a run.

    Raises: UserInputError where the folder holds no run, or one of a release with other options.
    """
    options = read_settings(folder)
    gone = options.keys() - {field.name for field in fields(TrainOptions)}
    if gone:
        raise UserInputError(
            f"The run in {folder} was made by another release, with options that are gone: "
            f"{', '.join(sorted(gone))}. Train anew."
        )
    return TrainOptions(**options)


def read_settings(folder: Path) -> dict[str, Any]:
    """Return the options of a run as JSON values, those that are gone by now included.

    Raises: UserInputError where the folder holds no run.
    """
    path = folder / "run.json"
    if not path.is_file():
        raise UserInputError(
            f"{folder} holds no training run. Run `python -m trainer train` first."
        )
    options: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["options"]
    return options


def describe_options(options: TrainOptions) -> dict[str, Any]:
    """Return the options as JSON keeps them."""
    return asdict(options)


def read_result(folder: Path) -> Result:
    """Return what validation chose.

    Raises: UserInputError where the run is not finished.
    """
    path = folder / "result.json"
    if not path.is_file():
        raise UserInputError(f"The run in {folder} is not finished. Resume the training.")
    return Result(**json.loads(path.read_text(encoding="utf-8")))


def read_history(folder: Path) -> list[dict[str, float]]:
    """Return one row an epoch: epoch, train_loss, val_loss, val_accuracy, lr, seconds."""
    path = folder / "history.json"
    rows: list[dict[str, float]] = json.loads(path.read_text("utf-8")) if path.is_file() else []
    return rows


def write_images(folder: Path, dataset: Dataset) -> None:
    """Remember the labelled images and their splits, for `export`."""
    rows = [{**asdict(p), "path": str(p.path)} for p in dataset.images]
    left_out = [asdict(item) for item in dataset.left_out]
    content = {"class_names": dataset.class_names, "pictures": rows, "left_out": left_out}
    write_json(folder / "pictures.json", content)
    lines = [f"{item.path}: {item.reason}\n" for item in dataset.left_out]
    (folder / "left_out.txt").write_text("".join(lines), encoding="utf-8")


def read_images(folder: Path) -> Dataset:
    """Return what `write_images` wrote."""
    content = json.loads((folder / "pictures.json").read_text(encoding="utf-8"))
    images = (LabelledImage(**{**row, "path": Path(row["path"])}) for row in content["pictures"])
    left_out = (LeftOut(**row) for row in content["left_out"])
    return Dataset(tuple(content["class_names"]), tuple(images), tuple(left_out))


def write_json(path: Path, content: Any) -> None:  # noqa: ANN401  (any JSON value)
    """Write JSON in one step that a kill cannot leave half done."""
    replace_file(path, json.dumps(content, indent=1).encode(), 0o644)


def _is_same(folder: Path, options: TrainOptions, data_sha256: str) -> bool:
    path = folder / "run.json"
    if not path.is_file():
        return False
    found = json.loads(path.read_text(encoding="utf-8"))
    defaults = describe_options(TrainOptions(model=options.model))  # an earlier release had fewer
    found["options"] = defaults | found["options"]
    return bool(found == _describe(options, data_sha256))


def _describe(options: TrainOptions, data_sha256: str) -> dict[str, Any]:
    return {"options": describe_options(options), "data_sha256": data_sha256}
