import shutil
from pathlib import Path

import pytest

from inference.errors import UserInputError
from tests.trainer.drawn import BACKBONE
from trainer.finetuning import weights
from trainer.finetuning.weights import find_weights
from trainer.freezing.export import Version


@pytest.fixture(autouse=True)
def without_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(weights, "SHARED_WEIGHTS", tmp_path / "shared")
    (tmp_path / "shared").mkdir()
    return tmp_path / "shared"


def test_local_file_of_the_backbones_name_comes_first(without_shared: Path) -> None:
    file = without_shared / "resnet18.in1k.safetensors"
    file.touch()
    assert find_weights(None, "resnet18") == str(file)


def test_checkpoint_of_the_shipped_version_comes_next(
    drawn_version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "SHIPPED", drawn_version.folder)
    expected = drawn_version.folder / "checkpoint.safetensors"
    assert find_weights(None, BACKBONE) == str(expected)
    assert find_weights(None, "resnet18") == "hub"


def test_folder_of_a_version_can_be_named(drawn_version: Version, tmp_path: Path) -> None:
    shutil.copytree(drawn_version.folder, tmp_path / "copy")
    found = find_weights(str(tmp_path / "copy"), BACKBONE)
    assert found == str(tmp_path / "copy" / "checkpoint.safetensors")


def test_words_and_missing_files() -> None:
    assert find_weights("none", BACKBONE) is None
    assert find_weights("hub", BACKBONE) == "hub"
    with pytest.raises(UserInputError, match="no weights at missing"):
        find_weights("missing.safetensors", BACKBONE)
