"""The models that all visitors share, always by their version in use, and errors in words."""

import logging
import threading
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from inference.classifier import Classifier, Prediction
from inference.errors import UserInputError, explain_full_disk
from inference.images import decode
from inference.process import count_usable_cores
from inference.versions.catalog import Catalog, check_model_name
from labelling.store.entries import RecordedPrediction

DEFECT_SENTENCE = "Something went wrong here, not with your picture. Try once more in a moment."
MAX_IMAGES = 200
_TIMED = 200  # answers of each version, the last ones
MAX_OPEN = 4  # versions; the one unused for longest is closed for another


def count_at_once() -> int:
    """Return how many images are worked on at once: one is decoded while another is answered."""
    return max(2, count_usable_cores() // 2)


@dataclass(frozen=True)
class Response:
    """What one version answered for one image: `classifier`, whatever is in use now.

    `image`: decoded, (H, W, 3) uint8 RGB, upright.
    """

    image: NDArray[np.uint8]
    prediction: Prediction
    classifier: Classifier


def record_prediction(prediction: Prediction) -> RecordedPrediction:
    """Return what is stored of a prediction."""
    return RecordedPrediction(
        label=prediction.label,
        probability=prediction.probabilities[prediction.label],
        model=prediction.model,
        version=prediction.version,
        certainty=prediction.certainty,
    )


@dataclass(frozen=True)
class _InUse:
    """Which folder a model's answers come from, and the catalog's stamp when that was looked up."""

    stamp: tuple[int, ...]
    folder: Path


class Service:
    """Answers from image bytes and counts the answers since the start. Safe between threads.

    Another version that comes into use answers from the next request on; requests that are under
    way are finished by the version that began them. Where it cannot be opened, the one that
    answered before goes on, else the newest that can be, and `find_fault` says so.
    """

    def __init__(
        self,
        catalog: Catalog,
        model: str,
        version: int | None = None,
        providers: str = "auto",
    ) -> None:
        """Answer with `model` where no other is requested.

        `version`: stay with this one whatever comes into use.
        """
        self.catalog = catalog
        self.model = model
        self.version = version
        self.providers = providers
        self.answered = 0
        self.refused = 0  # images that could not be decoded
        self._answers: Counter[tuple[str, int, str]] = Counter()
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._in_use: dict[str, _InUse] = {}
        self._faults: dict[str, str] = {}
        self._classifiers: OrderedDict[Path, Classifier] = OrderedDict()
        self._times: WeakKeyDictionary[Classifier, deque[float]] = WeakKeyDictionary()

    def open(self, model: str | None = None) -> Classifier:
        """Return the version that answers for a model now; loads it where it is not open.

        Raises: UserInputError for a model that does not exist, or of which no version opens.
        """
        model = check_model_name(model or self.model)
        stamp = self.catalog.read_stamp(model)
        found = self._look_up(model, stamp)
        if found is not None:
            return found
        with self._loading:  # other requests wait for the one that loads
            stamp = self.catalog.read_stamp(model)
            return self._look_up(model, stamp) or self._load(model, stamp)

    def answer(self, data: bytes, model: str | None = None) -> Response:
        """Decode one image and classify it by the version in use.

        Raises: UserInputError for what is not an image, is broken, too large or not allowed.
        """
        return self.answer_by(self.open(model), data)

    def answer_by(self, classifier: Classifier, data: bytes) -> Response:
        """Do the same by one version, such as the one that began with several images."""
        try:
            image = decode(data, classifier.min_side)
        except UserInputError:
            with self._lock:
                self.refused += 1
            raise
        prediction = classifier.predict([image])[0]
        with self._lock:
            self.answered += 1
            self._answers[prediction.model, prediction.version, prediction.certainty] += 1
            times = self._times.setdefault(classifier, deque(maxlen=_TIMED))
            times.append(prediction.milliseconds)
        return Response(image, prediction, classifier)

    def list_answers(self) -> Counter[tuple[str, int, str]]:
        """Return how many images were answered, by model, version and certainty."""
        with self._lock:
            return self._answers.copy()

    def list_times(self, classifier: Classifier) -> list[float]:
        """Return how many milliseconds its last answers took, without decoding."""
        with self._lock:
            return list(self._times.get(classifier, ()))

    def list_models(self) -> list[str]:
        """Return the models that can be asked, the usual one first."""
        others = [name for name in self.catalog.list_models() if name != self.model]
        return [self.model, *others]

    def find_fault(self, model: str | None = None) -> str | None:
        """Return a sentence where another version answers than the one that should."""
        with self._lock:
            return self._faults.get(model or self.model)

    def list_public(self, model: str) -> set[int]:
        """Return the versions that visitors may see: the one that answers, and those that shipped.

        What was made here is a candidate until a teacher publishes it; a number above the one that
        ships as current was exported and is not in use yet.
        Raises: UserInputError for a model that does not exist or cannot be opened.
        """
        shipped = self.catalog.read_shipped(model) or 0
        versions = self.catalog.list_versions(model)
        found = {n for n in versions if n <= shipped and not self.catalog.is_custom(model, n)}
        return found | {int(self.open(model).folder.name)}

    def _look_up(self, model: str, stamp: tuple[int, ...]) -> Classifier | None:
        with self._lock:
            used = self._in_use.get(model)
            if used is None or used.stamp != stamp or used.folder not in self._classifiers:
                return None
            self._classifiers.move_to_end(used.folder)
            return self._classifiers[used.folder]

    def _load(self, model: str, stamp: tuple[int, ...]) -> Classifier:
        """Open what the catalog names now, or else what can answer in its place."""
        folder, classifier, fault = self._open_best(model)
        if fault is not None:
            logging.getLogger(__name__).error(fault)
        with self._lock:
            self._faults.pop(model, None)
            if fault is not None:
                self._faults[model] = fault
            self._in_use[model] = _InUse(stamp, folder)
            self._classifiers[folder] = classifier
            self._classifiers.move_to_end(folder)
            while len(self._classifiers) > MAX_OPEN:
                self._classifiers.popitem(last=False)
        return classifier

    def _open_best(self, model: str) -> tuple[Path, Classifier, str | None]:
        """Return a version that answers, and a sentence where it is not the one that should."""
        with self._lock:
            used = self._in_use.get(model)
        pinned = self.version if model == self.model else None
        try:
            folder = self.catalog.find(model, pinned)
        except UserInputError:
            if used is None:
                raise
            return used.folder, self._open_folder(used.folder), _describe_lost(used.folder, None)
        try:
            lost = self.catalog.find_lost(model) if pinned is None else None
            return folder, self._open_folder(folder), _describe_lost(folder, lost)
        except Exception as error:  # noqa: BLE001  (raised again unless another version opens)
            others = self.catalog.list_replacements(model, int(folder.name))
            found, classifier = self._replace([used.folder] if used else [], others, error)
            return found, classifier, _describe_fault(folder, found, error)

    def _replace(
        self, before: list[Path], others: list[Path], error: Exception
    ) -> tuple[Path, Classifier]:
        """Return the first of these versions that opens; raise the error where none does."""
        for folder in [*before, *others]:
            try:
                return folder, self._open_folder(folder)
            except Exception:  # noqa: BLE001  (the next one may open)
                logging.getLogger(__name__).info("%s cannot be opened either.", folder)
        raise error

    def _open_folder(self, folder: Path) -> Classifier:
        with self._lock:
            held = self._classifiers.get(folder)
        return held or Classifier(folder, self.providers)


def _describe_fault(folder: Path, found: Path, error: Exception) -> str:
    """Return which version cannot be opened, why, and which one answers."""
    if not isinstance(error, UserInputError):
        logging.getLogger(__name__).error("%s cannot be opened.", folder, exc_info=error)
    reason = str(error) if isinstance(error, UserInputError) else "Its files are damaged."
    return (
        f"Version {folder.name} of {folder.parent.name}, which is in use, cannot be opened. "
        f"{reason} Version {found.name} answers instead."
    )


def _describe_lost(found: Path, lost: int | None) -> str | None:
    if lost is None:
        return None
    return (
        f"Version {lost} of {found.parent.name}, which was in use, is not there any more. "
        f"Version {found.name} answers instead."
    )


def check_count(count: int) -> None:
    """Raise UserInputError if these are too many images for one go."""
    if count > MAX_IMAGES:
        raise UserInputError(
            f"You chose {count} pictures; at most {MAX_IMAGES} are taken at a time. Choose fewer."
        )


def explain(error: Exception) -> str:
    """Return what a visitor reads of an error; a defect's traceback goes to the log."""
    if isinstance(error, UserInputError):
        return str(error)
    full = explain_full_disk(error)
    if full is not None:
        logging.getLogger(__name__).error("The disk is full: %s", error)
        return str(full)
    logging.getLogger(__name__).error("An answer failed.", exc_info=error)
    return DEFECT_SENTENCE
