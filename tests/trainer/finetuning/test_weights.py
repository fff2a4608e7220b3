import shutil
from pathlib import Path

import pytest

from inference.errors import UserInputError
from tests.trainer.drawn import BACKBONE
from trainer.finetuning.weights import SHIPPED, find_weights
from trainer.freezing.version_folder import Version


def test_local_file_of_the_backbones_name_comes_first(
    drawn_version: Version, tmp_path: Path
) -> None:
    file = tmp_path / f"{BACKBONE}.in1k.safetensors"
    file.touch()
    assert find_weights(None, BACKBONE, tmp_path, drawn_version.folder.parent) == str(file)


def test_checkpoint_of_the_first_version_comes_next(drawn_version: Version, tmp_path: Path) -> None:
    """Not that of the version in use, which the same command may have made."""
    for version in ("3", "4"):
        shutil.copytree(drawn_version.folder, tmp_path / "drawn" / version)
    (tmp_path / "drawn" / "current").write_text("4")
    expected = tmp_path / "drawn" / "3" / "checkpoint.safetensors"
    assert find_weights(None, BACKBONE, tmp_path, tmp_path / "drawn") == str(expected)
    assert find_weights(None, "resnet18", tmp_path, tmp_path / "drawn") == "hub"
    assert find_weights(None, BACKBONE, tmp_path, tmp_path / "nothing") == "hub"


def test_shipped_version_has_weights_to_start_from() -> None:
    assert [path.is_file() for path in SHIPPED.glob("*/checkpoint.safetensors")] == [True]


def test_folder_of_a_version_can_be_named(drawn_version: Version, tmp_path: Path) -> None:
    shutil.copytree(drawn_version.folder, tmp_path / "copy")
    found = find_weights(str(tmp_path / "copy"), BACKBONE)
    assert found == str(tmp_path / "copy" / "checkpoint.safetensors")


def test_words_and_missing_files() -> None:
    assert find_weights("none", BACKBONE) is None
    assert find_weights("hub", BACKBONE) == "hub"
    with pytest.raises(UserInputError, match="no weights at missing"):
        find_weights("missing.safetensors", BACKBONE)
