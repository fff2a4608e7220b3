"""A version with a new head: what it is made of, its card, and its files."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from scipy.special import softmax

from inference.providers import open_session
from inference.versions.cards import Card, DataCounts, Parent, TrainingFacts
from inference.versions.comparison import Comparison, write_comparison
from trainer.cards.plots import write_report
from trainer.data.dataset import LabelledImage
from trainer.data.replay_memory import write_memory
from trainer.evaluation.comparison import Locked, Side, compare
from trainer.evaluation.predictions import Predictions
from trainer.finetuning.weights import CHECKPOINT
from trainer.freezing.head_replacement import (
    prove,
    read_head,
    replace_checkpoint_head,
    replace_head,
)
from trainer.freezing.version_folder import (
    answer_probes,
    hash_graph,
    list_libraries,
    write_version,
)
from trainer.head.fitting import FittedHead
from trainer.head.start import Start
from trainer.head.training_set import TrainingSet, make_memory


@dataclass(frozen=True)
class HeadVersion:
    """A version with a new head, before it is written. `history`: the curve of the fit."""

    model: str
    catch_all: str | None
    start: Start
    training_set: TrainingSet
    fitted: FittedHead
    history: list[dict[str, float]]
    seconds: float

    def predict_locked(self) -> NDArray[np.float32]:
        """Return the probabilities (N, C) of the locked images, stored ones first."""
        logits = self.fitted.head.score(self._list_locked_embeddings())
        return np.asarray(softmax(logits / self.fitted.temperature, axis=1))

    def list_locked(self) -> list[Locked]:
        """Return the locked images: stored ones, then those remembered as embeddings only."""
        training_set = self.training_set
        stored = [Locked(entry.label, sha256=entry.sha256) for entry in training_set.locked.entries]
        rows = np.flatnonzero(training_set.select_remembered(is_val=True)).tolist()
        targets = training_set.remembered.targets
        return stored + [Locked(training_set.class_names[targets[row]], row=row) for row in rows]

    def compare(self) -> Comparison:
        """Compare with the version in use by embeddings, since the backbone is the same."""
        new = Side(self.training_set.class_names, self.predict_locked())
        set_aside = self.training_set.doubtful["validation"]
        if not self.start.own:
            return compare(self.list_locked(), new, set_aside=set_aside)
        card = self.start.card
        logits = read_head(self.start.network).score(self._list_locked_embeddings())
        old = Side(card.class_names, softmax(logits / card.temperature, axis=1))
        against = Parent(model=card.model, version=card.version)
        return compare(self.list_locked(), new, old, against, set_aside)

    def measure(self) -> dict[str, Predictions]:
        """Return the predictions for held-out and for locked images, where there are any."""
        names, fitted = self.training_set.class_names, self.fitted
        locked = self.list_locked()
        targets = np.array([names.index(image.label) for image in locked], dtype=np.int64)
        locked_names = [image.sha256 or f"remembered {image.row}" for image in locked]
        files = [f"held out {number}" for number in range(1, len(fitted.targets) + 1)]
        found = {
            "validation": _make_predictions(names, files, fitted.probabilities, fitted.targets),
            "locked": _make_predictions(names, locked_names, self.predict_locked(), targets),
        }
        return {split: some for split, some in found.items() if len(some.targets)}

    def _list_locked_embeddings(self) -> NDArray[np.float16]:
        remembered = self.training_set.remembered.embeddings
        val = self.training_set.select_remembered(is_val=True)
        return np.concatenate([self.training_set.locked.embeddings, remembered[val]])


def write_head_version(
    folder: Path,
    made: HeadVersion,
    version: int,
    comparison: Comparison,
    images: list[NDArray[np.uint8]],
) -> Card:
    """Write all files of a version into an empty folder, and prove it on some images.

    Raises: HeadReplacementError where the graph does not compute what its head does.
    """
    head, temperature = made.fitted.head, made.fitted.temperature
    network = replace_head(made.start.network, head, temperature)
    session = open_session(network.SerializeToString())
    gap = prove(session, made.start.session, images, head, temperature)
    predictions = made.measure()
    card = _describe(made, version, predictions, gap).model_copy(
        update={"probes": answer_probes(session), "graph_sha256": hash_graph(network)}
    )
    write_memory(folder, make_memory(made.training_set))
    _write_checkpoint(folder, made)
    write_comparison(folder, comparison)
    if predictions:
        write_report(folder / "report", card, made.history, predictions[list(predictions)[-1]])
    return write_version(folder, network, card)


def _describe(
    made: HeadVersion, version: int, predictions: dict[str, Predictions], gap: float
) -> Card:
    parent, fitted = made.start.card, made.fitted
    return Card(
        model=made.model,
        version=version,
        class_names=made.training_set.class_names,
        input=parent.input,
        temperature=fitted.temperature,
        thresholds=fitted.thresholds,
        backbone=parent.backbone,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        catch_all=made.catch_all,
        parent=Parent(model=parent.model, version=parent.version),
        data=_describe_data(made.training_set),
        training=TrainingFacts.model_validate(
            {
                "kind": "head",
                "minutes": round(made.seconds / 60, 2),
                "device": "cpu",
                "seconds": round(made.seconds, 1),
                "regularisation": fitted.regularisation,
                "proof": round(gap, 7),
            }
        ),
        metrics={split: found.measure() for split, found in predictions.items()},
        libraries=list_libraries(),
        backbone_sha256=parent.backbone_key,
        licence=parent.licence,
    )


def _describe_data(training_set: TrainingSet) -> DataCounts:
    sides = {"train": training_set.train, "locked": training_set.locked}
    counts = {
        split: dict(Counter(entry.label for entry in stored.entries))
        for split, stored in sides.items()
    }
    lines = sorted(f"{e.sha256} {e.label} {s}\n" for s in sides for e in sides[s].entries)
    return DataCounts(
        sha256=hashlib.sha256("".join(lines).encode()).hexdigest(),
        counts=counts,
        remembered={
            "train": int(training_set.select_remembered(is_val=False).sum()),
            "validation": int(training_set.select_remembered(is_val=True).sum()),
        },
        left_out_as_doubtful=training_set.doubtful,
        left_out_as_seen_before=training_set.seen_before,
    )


def _write_checkpoint(folder: Path, made: HeadVersion) -> None:
    """Write the parent's weights, if it has any, with the new head, for fine-tuning."""
    if made.start.weights is not None:
        old = read_head(made.start.network)
        changed = replace_checkpoint_head(made.start.weights, old, made.fitted.head)
        save_file(changed, folder / CHECKPOINT)
        (folder / CHECKPOINT).chmod(0o644)  # it is written readable by its owner alone


def _make_predictions(
    names: tuple[str, ...],
    files: list[str],
    probabilities: NDArray[np.float32],
    targets: NDArray[np.int64],
) -> Predictions:
    """Return predictions as the report takes them; images have no name but a hash."""
    images = [
        LabelledImage(Path(file[:16]), names[target], "", "", "", "")
        for file, target in zip(files, targets, strict=True)
    ]
    nothing = np.zeros((len(targets), 0), dtype=np.float32)
    return Predictions(images, names, probabilities, nothing, nothing, targets)
