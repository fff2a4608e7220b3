import numpy as np
import pytest

from trainer.evaluation.corruptions import CORRUPTIONS, corrupt


def _draw(height: int = 90, width: int = 120) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_image_is_made_worse_and_stays_a_image(name: str) -> None:
    image = _draw()
    bad = corrupt(image, name)
    assert bad.dtype == np.uint8
    assert bad.ndim == 3
    assert bad.shape[2] == 3
    assert not np.array_equal(bad, image)
    assert np.array_equal(bad, corrupt(image, name))


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 2), (3, 70_000), (70_000, 1)])
def test_odd_shapes_pass(name: str, shape: tuple[int, int]) -> None:
    assert corrupt(_draw(*shape), name).shape[2] == 3


def test_directions() -> None:
    image = _draw()
    assert corrupt(image, "dark").mean() < 0.5 * image.mean()
    assert corrupt(image, "bright").mean() > 1.2 * image.mean()
    assert (np.ptp(corrupt(image, "grey").astype(int), axis=2) == 0).all()
    assert min(corrupt(image, "56 pixels small").shape[:2]) == 56
    assert corrupt(image, "blurred").std() < image.std()
