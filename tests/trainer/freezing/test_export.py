import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import load_file

from inference.classifier import Classifier
from inference.errors import UserInputError
from inference.versions.cards import Parent, parse_card
from inference.versions.catalog import Catalog
from tests.trainer.drawn import draw
from trainer.data.dataset import Dataset
from trainer.finetuning.weights import CHOSEN
from trainer.freezing import parity
from trainer.freezing.export import export_run
from trainer.freezing.parity import ParityError
from trainer.freezing.version_folder import Version
from trainer.progress import Progress

pytestmark = pytest.mark.slow

QUIET = Progress(shown=False)


def test_version_holds_every_file(exported_version: Version) -> None:
    names = {
        p.relative_to(exported_version.folder).as_posix()
        for p in exported_version.folder.rglob("*")
    }
    assert names == {
        "README.md",
        "model.onnx",
        "model.json",
        "checkpoint.safetensors",
        "memory.npz",
        "report",
        "report/learning_curves.png",
        "report/confusion.png",
        "report/reliability.png",
        "report/groups.png",
        "report/mistakes.json",
    }


def test_checkpoint_is_half_as_large_and_readable_by_all(
    exported_version: Version, finished_run: Path
) -> None:
    path = exported_version.folder / "checkpoint.safetensors"
    halved, whole = load_file(path), load_file(finished_run / CHOSEN)
    assert halved.keys() == whole.keys()
    for name, value in whole.items():
        assert halved[name].dtype == (torch.float16 if value.ndim == 4 else value.dtype)
        assert torch.allclose(halved[name].to(value), value, rtol=1e-3, atol=1e-6)
    assert path.stat().st_mode & 0o777 == 0o644


def test_card_is_the_same_beside_and_inside_the_network(exported_version: Version) -> None:
    network = onnx.load(exported_version.folder / "model.onnx")
    inside = {entry.key: entry.value for entry in network.metadata_props}["card"]
    beside = (exported_version.folder / "model.json").read_text()
    assert inside == beside
    assert parse_card(beside) == exported_version.card


def test_card_says_where_the_network_comes_from(
    exported_version: Version, drawn_dataset: Dataset
) -> None:
    card = exported_version.card
    assert card.data.counts == drawn_dataset.counts()
    assert card.data.sha256 == drawn_dataset.sha256
    assert card.metrics["test"].top1.n == 12
    assert card.metrics["validation"].top1.n == 12
    assert card.training.settings["seed"] == 0
    assert card.licence == "CC0 drawings."
    assert "torch" in card.libraries
    for name, digest in card.files.items():
        assert hashlib.sha256((exported_version.folder / name).read_bytes()).hexdigest() == digest


def test_memory_holds_embeddings_and_no_images(
    exported_version: Version, drawn_dataset: Dataset
) -> None:
    train, val = drawn_dataset.select("train"), drawn_dataset.select("val")
    with np.load(exported_version.folder / "memory.npz") as memory:
        assert set(memory) == {"embeddings", "targets", "is_val", "sha256", "group"}
        assert set(memory["sha256"].astype(str)) == {image.sha256 for image in train + val}
        assert set(memory["group"].astype(str)) == {image.group for image in train + val}
        assert memory["embeddings"].dtype == np.float16
        assert len(memory["embeddings"]) == len(memory["targets"]) == len(train + val)
        assert memory["is_val"].sum() == len(val)


def test_version_answers(exported_version: Version) -> None:
    classifier = Classifier(exported_version.folder)
    found = classifier.predict([np.asarray(draw("discs", 1)), np.asarray(draw("stripes", 1))])
    assert [sorted(p.probabilities) for p in found] == [["discs", "stripes"]] * 2


def test_next_version_names_its_parent(
    finished_run: Path, exported_version: Version, tmp_path: Path
) -> None:
    shutil.copytree(exported_version.folder.parent, tmp_path / "drawn")
    second = export_run(finished_run, tmp_path, QUIET)
    assert second.card.version == 2
    assert second.card.parent == Parent(model="drawn", version=1)
    assert Catalog(tmp_path).read_current("drawn") == 2


def test_graph_that_predicts_otherwise_becomes_no_version(
    finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parity, "TOLERANCE", -1.0)
    with pytest.raises(ParityError, match="No version was made"):
        export_run(finished_run, tmp_path, QUIET)
    assert not list(tmp_path.iterdir())


def test_unfinished_run_is_refused(finished_run: Path, tmp_path: Path) -> None:
    for name in ("run.json", "pictures.json"):
        (tmp_path / name).write_bytes((finished_run / name).read_bytes())
    with pytest.raises(UserInputError, match="is not finished"):
        export_run(tmp_path, tmp_path / "exported", QUIET)


def test_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserInputError, match="holds no training run"):
        export_run(tmp_path, tmp_path / "exported", QUIET)


def test_mistakes_name_files_only(exported_version: Version, drawn_dataset: Dataset) -> None:
    mistakes = json.loads((exported_version.folder / "report" / "mistakes.json").read_text())
    names = {image.path.name for image in drawn_dataset.select("test")}
    assert all(mistake["file"] in names for mistake in mistakes)
    assert str(drawn_dataset.images[0].path.parent) not in str(mistakes)
