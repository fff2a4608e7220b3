"""Predictions of a frozen graph for labelled images, decoded as the page decodes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from pydantic import BaseModel

from inference.classifier import find_min_side
from inference.images import decode
from inference.versions.cards import InputGeometry, Metrics
from labelling.training_log import Stage
from trainer.data.dataset import LabelledImage
from trainer.evaluation.metrics import measure
from trainer.progress import Progress


class Mistake(BaseModel, frozen=True):
    """A wrong prediction. `file`: a name without folder, or a hash; `probability`: 0–1."""

    file: str
    label: str
    predicted: str
    probability: float


@dataclass(frozen=True)
class Predictions:
    """The probabilities, logits and embeddings of N images.

    `probabilities` and `logits` (N, C) float32, `embeddings` (N, D) float32, `targets` (N,).
    """

    images: Sequence[LabelledImage]
    class_names: tuple[str, ...]
    probabilities: NDArray[np.float32]
    logits: NDArray[np.float32]
    embeddings: NDArray[np.float32]
    targets: NDArray[np.int64]

    def select(self, wanted: NDArray[np.bool_]) -> Self:
        """Return the predictions of a (N,) mask."""
        chosen = [p for p, kept in zip(self.images, wanted.tolist(), strict=True) if kept]
        return type(self)(
            chosen,
            self.class_names,
            self.probabilities[wanted],
            self.logits[wanted],
            self.embeddings[wanted],
            self.targets[wanted],
        )

    def measure(self) -> Metrics:
        """Return accuracy by class, group and kind, calibration and confusion."""
        sources = [image.source for image in self.images]
        kinds = [image.kind for image in self.images]
        return measure(self.probabilities, self.targets, sources, self.class_names, kinds)

    def list_mistakes(self, most: int = 30) -> list[Mistake]:
        """Return the wrong predictions, the most confident first, by file name."""
        predicted = self.probabilities.argmax(axis=1)
        wrong = np.flatnonzero(predicted != self.targets)
        order = wrong[np.argsort(-self.probabilities[wrong].max(axis=1), kind="stable")]
        return [
            Mistake(
                file=self.images[i].path.name,
                label=self.class_names[self.targets[i]],
                predicted=self.class_names[predicted[i]],
                probability=round(float(self.probabilities[i].max()), 4),
            )
            for i in order[:most]
        ]


def predict(
    session: ort.InferenceSession,
    images: Sequence[LabelledImage],
    class_names: tuple[str, ...],
    geometry: InputGeometry,
    progress: Progress,
) -> Predictions:
    """Run the frozen graph on each image, one at a time."""
    outputs: list[list[NDArray[np.float32]]] = [[], [], []]
    names = ["probabilities", "logits", "embedding"]
    for image in progress.track(images, Stage.PREDICTING):
        pixels = decode(image.path.read_bytes(), find_min_side(geometry))
        for kept, value in zip(outputs, session.run(names, {"image": pixels[None]}), strict=True):
            kept.append(value[0])
    widths = [output.shape[-1] for output in session.get_outputs()[:3]]
    probabilities, logits, embeddings = (
        np.stack(rows) if rows else np.zeros((0, width), dtype=np.float32)
        for rows, width in zip(outputs, widths, strict=True)
    )
    targets = np.array([class_names.index(p.label) for p in images], dtype=np.int64)
    return Predictions(images, class_names, probabilities, logits, embeddings, targets)
