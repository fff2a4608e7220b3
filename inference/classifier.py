"""One frozen version, opened once: pixels in, predictions out.

>>> classifier = Classifier(Path("exported/hotdog/4"))
>>> classifier.predict([decode(Path("photo.jpg").read_bytes(), classifier.min_side)])[0].label
'hot_dog'
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from inference.certainty import Memory, judge, remember
from inference.errors import UserInputError
from inference.providers import make_session, name_provider
from inference.versions.cards import Card, InputGeometry
from inference.versions.integrity import (
    MEMORY,
    MODEL,
    check_memory,
    check_version,
    find_wrong_probe,
    name_version,
)

_OUTPUTS = ["probabilities", "embedding", "heatmap", "logits"]


@dataclass(frozen=True)
class Prediction:
    """The answer for one picture.

    `probabilities`: class name → 0–1, calibrated, most probable first. `certainty`: `sure`,
    `unsure` or `unfamiliar`. `heatmap`: (C, h, w) float32 in the order of `class_names`; its
    mean over h×w plus the class's bias is that class's of the `logits`, (C,) float32 or None where
    they are not known. `embedding`: (D,) float32, the pooled features. `milliseconds` count the
    network alone, not the decoding.
    """

    label: str
    probabilities: dict[str, float]
    certainty: str
    model: str
    version: int
    provider: str
    milliseconds: float
    heatmap: NDArray[np.float32]
    embedding: NDArray[np.float32]
    logits: NDArray[np.float32] | None = None

    def to_json(self, *, with_heatmap: bool = False) -> dict[str, Any]:
        """Return what the page's API answers: JSON values, without the heatmap unless asked."""
        answer: dict[str, Any] = {
            "label": self.label,
            "probabilities": {k: round(v, 6) for k, v in self.probabilities.items()},
            "certainty": self.certainty,
            "model": self.model,
            "version": self.version,
            "provider": self.provider,
            "milliseconds": round(self.milliseconds, 2),
        }
        if with_heatmap:
            answer["heatmap"] = np.round(self.heatmap, 4).tolist()
        return answer


class Classifier:
    """A frozen version with its card, its session and what it remembers.

    Safe to share between threads: nothing in it changes after it is made.
    """

    def __init__(self, version_folder: Path, providers: str = "auto") -> None:
        """Open the version in a folder such as `exported/hotdog/4`.

        `providers`: `auto`, `cpu`, `cuda` or another that onnxruntime has.
        Raises: UserInputError for a folder that holds no version, or a damaged one, or a provider
        not to be had.
        """
        self.card: Card = check_version(version_folder)
        self.folder = version_folder
        self.session = make_session(version_folder / MODEL, providers, self.find_wrong_probe)
        self.provider = name_provider(self.session)
        if not self.card.graph_sha256:
            self._check_probes()
        self.memory = _load_memory(version_folder, self.card)

    @property
    def min_side(self) -> int:
        """The shorter side, in pixels, beyond which a picture need not be decoded."""
        return find_min_side(self.card.input)

    def predict(self, images: Iterable[NDArray[np.uint8]]) -> list[Prediction]:
        """Answer for pictures of any sizes, each (H, W, 3) uint8 RGB, in the order given.

        Raises: UserInputError where the network is broken: what it answers are no numbers.
        """
        return [self._predict_one(image) for image in images]

    def _predict_one(self, image: NDArray[np.uint8]) -> Prediction:
        start = time.perf_counter()
        outputs = self.session.run(_OUTPUTS, {"image": image[None]})
        milliseconds = 1000 * (time.perf_counter() - start)
        probabilities, embedding, heatmap, logits = outputs
        self._check_finite(probabilities)
        distance = float(self.memory.measure_distances(embedding)[0]) if self.memory else None
        scores, names = probabilities[0], self.card.class_names
        order = np.argsort(-scores, kind="stable")
        return Prediction(
            label=names[order[0]],
            probabilities={names[i]: float(scores[i]) for i in order},
            certainty=judge(scores, names, distance, self.card.thresholds),
            model=self.card.model,
            version=self.card.version,
            provider=self.provider,
            milliseconds=milliseconds,
            heatmap=heatmap[0],
            embedding=embedding[0],
            logits=logits[0],
        )

    def _check_finite(self, probabilities: NDArray[np.float32]) -> None:
        if not np.isfinite(probabilities).all():
            raise UserInputError(
                f"Version {self.card.version} of {self.card.model} is broken: its answer to this "
                "picture holds no numbers. Put another version back into use."
            )

    def find_wrong_probe(self, session: ort.InferenceSession | None = None) -> str | None:
        """Return a sentence if it, or another session, does not answer as the card says."""
        return find_wrong_probe(session or self.session, self.card)

    def _check_probes(self) -> None:
        wrong = self.find_wrong_probe()
        if wrong is not None:
            raise UserInputError(
                f"{name_version(self.folder)} is broken: {wrong} Use another version."
            )


def find_min_side(geometry: InputGeometry) -> int:
    """Return the shorter side, in pixels, that decoding must keep.

    With 1.6 times what the network takes, 12 megapixels of JPEG are decoded at an eighth: of 160
    pictures enlarged to that no answer changed, and probabilities by 0.0016 on average.
    """
    used = geometry.crop_ratio if geometry.geometry == "crop" else 1.0
    return round(1.6 * geometry.size / used)


def _load_memory(folder: Path, card: Card) -> Memory | None:
    if not (folder / MEMORY).is_file():
        return None
    if MEMORY not in card.files:
        check_memory(folder, card)
    with np.load(folder / MEMORY, allow_pickle=False) as arrays:
        embeddings = arrays["embeddings"]
        targets = arrays["targets"] if "targets" in arrays else np.zeros(len(embeddings), int)
    if not len(embeddings):
        return None
    return remember(embeddings, targets, card.class_names, card.thresholds)
