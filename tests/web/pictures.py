"""Pictures and predictions made for the tests of the page."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from inference.classifier import Prediction
from inference.versions.cards import Card, InputGeometry, Thresholds

EXAMPLES = Path(__file__).parents[2] / "web" / "examples"
HOT_DOG = EXAMPLES / "hot_dog-drawn.webp"
CAT = EXAMPLES / "not_hot_dog-cat.webp"


def make_card(names: tuple[str, ...] = ("hot_dog", "not_hot_dog"), **changes: object) -> Card:
    values = {
        "model": "hotdog",
        "version": 1,
        "class_names": names,
        "input": InputGeometry(),
        "temperature": 1.0,
        "thresholds": Thresholds(),
        "backbone": "tf_efficientnet_lite0",
        "created": "2026-01-01T00:00:00+00:00",
        "catch_all": "not_hot_dog" if "not_hot_dog" in names else None,
    }
    return Card(**{**values, **changes})  # type: ignore[arg-type]


def make_prediction(probabilities: dict[str, float], **changes: object) -> Prediction:
    values = {
        "label": max(probabilities, key=lambda name: probabilities[name]),
        "probabilities": probabilities,
        "certainty": "sure",
        "model": "hotdog",
        "version": 1,
        "provider": "cpu",
        "milliseconds": 31.2,
        "heatmap": np.zeros((len(probabilities), 7, 7), np.float32),
        "embedding": np.zeros(8, np.float32),
    }
    return Prediction(**{**values, **changes})  # type: ignore[arg-type]


def save_turned(source: Path, target: Path) -> Path:
    """Save a picture lying on its side, with the EXIF mark that says so."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(source).convert("RGB").rotate(90, expand=True).save(target, exif=exif)
    return target


def save_truncated(source: Path, target: Path) -> Path:
    """Save the first half of a JPEG."""
    buffer = io.BytesIO()
    Image.open(source).convert("RGB").save(buffer, "JPEG")
    target.write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    return target


def save_heic(source: Path, target: Path) -> Path:
    """Save a picture as phones do."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    Image.open(source).convert("RGB").save(target, "HEIF")
    return target
