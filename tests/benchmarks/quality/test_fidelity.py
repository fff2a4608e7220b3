from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.quality.fidelity import describe, enlarge, quantise
from benchmarks.serving.images import make_photo
from inference.images import decode
from inference.providers import open_session
from inference.versions.catalog import Catalog


def test_changed_predictions_are_counted() -> None:
    before = [np.array([0.9, 0.1]), np.array([0.6, 0.4])]
    after = [np.array([0.8, 0.2]), np.array([0.4, 0.6])]
    found = describe("so", before, after)
    assert found.startswith(
        "so: 1 of 2 answers changed, probabilities by 0.1500 on average, 0.2000"
    )


def test_enlarged_image_has_twelve_megapixels(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), "red").save(tmp_path / "a.jpg")
    assert decode(enlarge(tmp_path / "a.jpg", np.random.default_rng(0))).shape == (3000, 4000, 3)


def test_eight_bit_network_is_smaller_and_runs(exported: Path, tmp_path: Path) -> None:
    model = Catalog(exported).find("hotdog") / "model.onnx"
    image = decode(make_photo(320, 240))
    path = quantise(model, tmp_path, [image])
    assert path.stat().st_size < 0.7 * model.stat().st_size
    [[found]] = open_session(path).run(["probabilities"], {"image": image[None]})
    assert abs(found.sum() - 1) < 1e-4
