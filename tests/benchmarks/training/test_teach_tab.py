"""The Teach tab is timed by the routes that it has."""

from pathlib import Path

import pytest

from benchmarks.serving.servers import open_page
from benchmarks.training.teach_tab import add_images, list_images, time_training
from tests.trainer.drawn import write_classes

pytestmark = pytest.mark.slow


def test_images_are_added_and_a_training_is_timed(exported: Path, tmp_path: Path) -> None:
    folders = sorted(write_classes(tmp_path / "images", 6).iterdir())
    classes = {folder.name: list_images(folder) for folder in folders}
    options = ("--teach", "--data", str(tmp_path / "data"), "--exported", str(exported))
    with open_page(*options) as page:
        page.sign_in()
        page.post("/teach/models", model="bench", labels=list(classes))
        assert add_images(page, classes) == 12
        assert time_training(page, classes["discs"][0]) > 0
