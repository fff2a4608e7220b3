import base64
import io
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from PIL import Image

from inference.classifier import Classifier
from inference.geometry import find_region
from inference.versions.cards import InputGeometry
from tests.web.pictures import make_prediction
from web.try_it.heatmap import (
    Overlay,
    Part,
    colour,
    encode_preview,
    find_evidence,
    find_part,
    make_lookup,
    make_overlay,
)

NAMES = ("hot_dog", "not_hot_dog")
WHOLE = Part(0, 0, 4, 4)
# Height and width in pixels: 1:5 and 5:1, tiny, a line, and larger than is decoded.
SHAPES = ((60, 300), (300, 60), (1, 1), (3, 2), (1, 900), (900, 1), (1600, 2400))


def open_source(source: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))


@pytest.mark.parametrize(
    ("size", "geometry", "place"),
    [
        ((200, 400), "squash", (0, 0, 100, 100)),
        ((200, 400), "crop", (28.125, 6.25, 43.75, 87.5)),
        ((400, 200), "crop", (6.25, 28.125, 87.5, 43.75)),
        ((200, 400), "pad", (0, 0, 100, 100)),
        ((400, 200), "pad", (0, 0, 100, 100)),
        ((1, 5000), "pad", (0, 0, 100, 100)),
        ((5000, 1), "squash", (0, 0, 100, 100)),
        ((1, 1), "crop", (0, 0, 100, 100)),
        ((1000, 200), "crop", (6.25, 41.25, 87.5, 17.5)),
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
    drawn = np.asarray(colour(evidence, WHOLE))
    assert drawn[:40, -40:, :3].sum() > drawn[-40:, :40, :3].sum()
    assert drawn[10, -10, 3] > 200
    assert drawn[-10, 10, 3] == 0


def test_evidence_follows_the_order_of_the_outputs_not_of_the_probabilities() -> None:
    maps = np.stack([np.zeros((2, 2)), np.eye(2)]).astype(np.float32)
    prediction = make_prediction({"not_hot_dog": 0.8, "hot_dog": 0.2}, heatmap=maps)
    assert find_evidence(prediction, NAMES).tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_each_place_has_its_share_of_the_bias() -> None:
    """Else a picture of something else would be all dark, where the bias decides."""
    maps = np.array([[[3.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]], np.float32)
    rather_not = np.array([1.0, 2.0], np.float32)  # a bias of 0 and 2
    prediction = make_prediction({"not_hot_dog": 0.7, "hot_dog": 0.3}, heatmap=maps)
    assert find_evidence(prediction, NAMES).max() == 0
    found = find_evidence(replace(prediction, logits=rather_not), NAMES)
    assert found.tolist() == [[0.0, 0.5], [1.0, 1.0]]


def draw_cell(row: int, column: int, size: tuple[int, int], geometry: str) -> Overlay:
    """Draw a heatmap of one bright cell among 8 × 8, and one half as bright in the middle."""
    maps = np.zeros((2, 8, 8), np.float32)
    maps[0, 4, 4], maps[0, row, column] = 1.0, 2.0
    prediction = make_prediction({"hot_dog": 0.9, "not_hot_dog": 0.1}, heatmap=maps)
    return make_overlay(prediction, NAMES, size, InputGeometry(geometry=geometry))


def find_brightest(overlay: Overlay, size: tuple[int, int]) -> tuple[float, float]:
    """Return where the overlay is brightest, y and x in pixels of the picture."""
    drawn = np.asarray(open_source(overlay.source)).astype(int).sum(axis=2)
    y, x = (places.mean() + 0.5 for places in np.nonzero(drawn >= drawn.max() - 2))
    height, width = drawn.shape
    top, left = overlay.top + overlay.height * y / height, overlay.left + overlay.width * x / width
    return top * size[0] / 100, left * size[1] / 100


@pytest.mark.parametrize("geometry", ["crop", "squash", "pad"])
@pytest.mark.parametrize("size", [(400, 400), (320, 480), (480, 320)])
@pytest.mark.parametrize("cell", [(2, 2), (2, 5), (5, 3)])
def test_bright_lies_over_the_pixels_that_the_cell_saw(
    geometry: str, size: tuple[int, int], cell: tuple[int, int]
) -> None:
    region = find_region(*size, InputGeometry(geometry=geometry))
    expected = (
        region.top + (cell[0] + 0.5) * region.height / 8,
        region.left + (cell[1] + 0.5) * region.width / 8,
    )
    found = find_brightest(draw_cell(*cell, size, geometry), size)
    reach = max(region.height, region.width) / 32  # a quarter of a cell
    assert found == pytest.approx(expected, abs=reach)


def test_bars_are_no_place_of_the_picture() -> None:
    """What a bar said neither shows nor makes what the picture said look faint."""
    overlay = draw_cell(0, 4, (200, 400), "pad")  # the upper two of eight rows are a bar
    drawn = np.asarray(open_source(overlay.source))
    assert drawn[0, :, 3].max() == 0
    assert drawn[..., 3].max() == make_lookup()[255, 3]
    assert find_brightest(overlay, (200, 400)) == pytest.approx((125, 225), abs=10)
    maps = np.zeros((2, 8, 8), np.float32)
    maps[0, 0, 4] = 2.0
    alone = make_prediction({"hot_dog": 0.9, "not_hot_dog": 0.1}, heatmap=maps)
    geometry = InputGeometry(geometry="pad")
    assert make_overlay(alone, NAMES, (200, 400), geometry).blank
    assert not make_overlay(alone, NAMES, (400, 400), geometry).blank


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (1, 1), (7, 3)])
@pytest.mark.parametrize("geometry", ["crop", "squash", "pad"])
def test_thinnest_picture_has_its_part_of_the_map(size: tuple[int, int], geometry: str) -> None:
    part = find_part((7, 7), size, find_region(*size, InputGeometry(geometry=geometry)))
    assert 0 <= part.left < part.right <= 7
    assert 0 <= part.top < part.bottom <= 7
    assert np.asarray(colour(np.ones((7, 7), np.float32), part))[..., 3].min() > 200


def test_flat_map_draws_nothing() -> None:
    prediction = make_prediction({"hot_dog": 0.9, "not_hot_dog": 0.1})
    overlay = make_overlay(prediction, NAMES, (10, 10), InputGeometry())
    assert np.asarray(open_source(overlay.source))[..., 3].max() == 0
    assert overlay.blank


@pytest.mark.parametrize("shape", SHAPES)
def test_heatmap_of_the_shipped_network_is_exact(
    classifier: Classifier, shape: tuple[int, int]
) -> None:
    """Mean over all places plus the class's bias is the class's logit."""
    image = np.random.default_rng(0).integers(0, 256, (1, *shape, 3), np.uint8)
    maps, logits = classifier.session.run(["heatmap", "logits"], {"image": image})
    network = onnx.load(classifier.folder / "model.onnx")
    (bias,) = (i for i in network.graph.initializer if i.name == "head_bias")
    expected = maps.mean(axis=(2, 3)) + numpy_helper.to_array(bias)
    np.testing.assert_allclose(expected, logits, atol=1e-4)
    assert np.ptp(maps[0, 0]) > 1e-3  # no flat map


@pytest.mark.parametrize("shape", SHAPES)
def test_evidence_adds_up_to_the_lead_of_the_label(
    classifier: Classifier, shape: tuple[int, int]
) -> None:
    """What is drawn is the positive part of what sums to the difference of the logits."""
    image = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    prediction = classifier.predict([image])[0]
    label, second = list(prediction.probabilities)[:2]
    network = onnx.load(classifier.folder / "model.onnx")
    (bias,) = (i for i in network.graph.initializer if i.name == "head_bias")
    shares = prediction.heatmap + numpy_helper.to_array(bias)[:, None, None]
    maps = dict(zip(classifier.card.class_names, shares, strict=True))
    lead = maps[label] - maps[second]
    odds = np.log(prediction.probabilities[label] / prediction.probabilities[second])
    assert lead.mean() == pytest.approx(odds * classifier.card.temperature, rel=1e-3)
    found = find_evidence(prediction, classifier.card.class_names)
    np.testing.assert_allclose(found * lead.max(), np.clip(lead, 0, None), atol=1e-4)


def test_colours_grow_lighter_evenly() -> None:
    red, green, blue, alpha = make_lookup().astype(float).T
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    assert (np.diff(light) > -0.5).all()
    assert (np.diff(alpha) >= 0).all()


def test_preview_keeps_its_shape() -> None:
    preview = open_source(encode_preview(np.zeros((300, 900, 3), np.uint8), 90))
    assert preview.size == (90, 30)
