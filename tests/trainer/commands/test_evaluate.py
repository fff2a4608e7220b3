from pathlib import Path

import numpy as np
import pytest

from inference.errors import UserInputError
from trainer.commands.evaluate import _check_unlearned
from trainer.data.dataset import LabelledImage
from trainer.data.replay_memory import make_rows


def test_validation_images_that_were_learned_from_are_refused() -> None:
    images = [LabelledImage(Path("a"), "cat", "val", "", name * 64, "") for name in "abc"]
    files = [name * 64 for name in "bcd"]
    rows = make_rows(np.zeros((3, 2)), [0, 0, 0], [False, True, False], files, files)
    with pytest.raises(UserInputError, match="learned from at least 1 of these 3 validation"):
        _check_unlearned(images, rows)
    _check_unlearned(images[2:], rows)
