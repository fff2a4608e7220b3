"""The one classifier that every visitor shares, and what went wrong with a picture in words."""

import logging
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.classifier import Classifier, Prediction
from inference.errors import UserInputError
from inference.images import decode

DEFECT_SENTENCE = "Something went wrong here, not with your picture. Try once more in a moment."
MAX_PICTURES = 200


class Service:
    """Answers from picture bytes and counts the answers since the start. Safe between threads."""

    def __init__(self, classifier: Classifier) -> None:
        self.classifier = classifier
        self.answered = 0
        self._lock = threading.Lock()

    def answer(self, data: bytes) -> tuple[NDArray[np.uint8], Prediction]:
        """Decode one picture and classify it.

        Returns: the decoded picture, (H, W, 3) uint8 RGB, upright, and its prediction.
        Raises: UserInputError for what is not a picture, is broken, too large or not allowed.
        """
        image = decode(data, self.classifier.min_side)
        prediction = self.classifier.predict([image])[0]
        with self._lock:
            self.answered += 1
        return image, prediction

    def answer_file(self, path: Path) -> tuple[NDArray[np.uint8], Prediction]:
        """Do the same for an uploaded file."""
        return self.answer(path.read_bytes())


def check_count(count: int) -> None:
    """Raise UserInputError if these are too many pictures for one go."""
    if count > MAX_PICTURES:
        raise UserInputError(
            f"You chose {count} pictures; at most {MAX_PICTURES} are taken at a time. Choose fewer."
        )


def explain(error: Exception) -> str:
    """Return what a visitor reads of an error; a defect's traceback goes to the log."""
    if isinstance(error, UserInputError):
        return str(error)
    logging.getLogger(__name__).error("An answer failed.", exc_info=error)
    return DEFECT_SENTENCE
