import base64
import io

import numpy as np
import pytest
from PIL import Image

from inference.cards import InputGeometry
from tests.web.pictures import make_prediction
from web.heatmap import colour, encode_preview, find_evidence, make_lookup, make_overlay

NAMES = ("hot_dog", "not_hot_dog")


def open_source(source: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))


@pytest.mark.parametrize(
    ("size", "geometry", "place"),
    [
        ((200, 400), "squash", (0, 0, 100, 100)),
        ((200, 400), "crop", (28.125, 6.25, 43.75, 87.5)),
        ((400, 200), "crop", (6.25, 28.125, 87.5, 43.75)),
        ((200, 400), "pad", (0, -50, 100, 200)),
        ((400, 200), "pad", (-50, 0, 200, 100)),
    ],
)
def test_overlay_lies_over_what_the_network_saw(
    size: tuple[int, int], geometry: str, place: tuple[float, ...]
) -> None:
    prediction = make_prediction({"hot_dog": 0.9, "not_hot_dog": 0.1})
    overlay = make_overlay(prediction, NAMES, size, InputGeometry(geometry=geometry))
    found = (overlay.left, overlay.top, overlay.width, overlay.height)
    assert found == pytest.approx(place, abs=0.5)


def test_bright_is_where_the_label_was_ahead_of_the_next_class() -> None:
    maps = np.zeros((2, 4, 4), np.float32)
    maps[0, 0, 3], maps[1, 3, 0] = 4.0, 9.0
    prediction = make_prediction({"hot_dog": 0.9, "not_hot_dog": 0.1}, heatmap=maps)
    evidence = find_evidence(prediction, NAMES)
    assert evidence[0, 3] == 1.0
    assert evidence[3, 0] == 0.0
    drawn = np.asarray(colour(evidence))
    assert drawn[:40, -40:, :3].sum() > drawn[-40:, :40, :3].sum()
    assert drawn[10, -10, 3] > 200
    assert drawn[-10, 10, 3] == 0


def test_evidence_follows_the_order_of_the_outputs_not_of_the_probabilities() -> None:
    maps = np.stack([np.zeros((2, 2)), np.eye(2)]).astype(np.float32)
    prediction = make_prediction({"not_hot_dog": 0.8, "hot_dog": 0.2}, heatmap=maps)
    assert find_evidence(prediction, NAMES).tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_flat_map_draws_nothing() -> None:
    prediction = make_prediction({"hot_dog": 0.9, "not_hot_dog": 0.1})
    overlay = make_overlay(prediction, NAMES, (10, 10), InputGeometry())
    assert np.asarray(open_source(overlay.source))[..., 3].max() == 0


def test_colours_grow_lighter_evenly() -> None:
    red, green, blue, alpha = make_lookup().astype(float).T
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    assert (np.diff(light) > -0.5).all()
    assert (np.diff(alpha) >= 0).all()


def test_preview_keeps_its_shape() -> None:
    preview = open_source(encode_preview(np.zeros((300, 900, 3), np.uint8), 90))
    assert preview.size == (90, 30)
