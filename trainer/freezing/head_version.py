"""A version that was taught: what it is made of, what its card says, and the files of it."""

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
from trainer.evaluation.predictions import Answers
from trainer.finetuning.weights import CHECKPOINT
from trainer.freezing.finishing import answer_probes, hash_graph, list_libraries, seal
from trainer.freezing.head_replacement import graft, prove, read_head, replace_head
from trainer.head.fitting import Learned
from trainer.head.start import Start
from trainer.head.training_set import Material, make_memory


@dataclass(frozen=True)
class Draft:
    """A new version before it is written. `history`: step, loss and accuracy of the fit."""

    model: str
    catch_all: str | None
    start: Start
    material: Material
    learned: Learned
    history: list[dict[str, float]]
    seconds: float

    def score(self) -> NDArray[np.float32]:
        """Return the (N, C) probabilities of the locked images, stored ones first."""
        logits = self.learned.head.score(self._list_locked_embeddings())
        return np.asarray(softmax(logits / self.learned.temperature, axis=1))

    def list_locked(self) -> list[Locked]:
        """Return the locked images: stored ones, then those remembered as numbers only."""
        material = self.material
        stored = [Locked(entry.label, sha256=entry.sha256) for entry in material.locked.entries]
        rows = np.flatnonzero(material.select_remembered(is_val=True)).tolist()
        targets = material.remembered.targets
        return stored + [Locked(material.class_names[targets[row]], row=row) for row in rows]

    def compare(self) -> Comparison:
        """Compare with the version in use, on embeddings: the backbone is the same."""
        new = Side(self.material.class_names, self.score())
        set_aside = self.material.doubtful["validation"]
        if not self.start.own:
            return compare(self.list_locked(), new, set_aside=set_aside)
        card = self.start.card
        logits = read_head(self.start.network).score(self._list_locked_embeddings())
        old = Side(card.class_names, softmax(logits / card.temperature, axis=1))
        against = Parent(model=card.model, version=card.version)
        return compare(self.list_locked(), new, old, against, set_aside)

    def measure(self) -> dict[str, Answers]:
        """Return the answers on validation and on locked images, where there are any."""
        names, learned = self.material.class_names, self.learned
        locked = self.list_locked()
        targets = np.array([names.index(image.label) for image in locked], dtype=np.int64)
        shown = [image.sha256 or f"remembered {image.row}" for image in locked]
        files = [f"held out {number}" for number in range(1, len(learned.targets) + 1)]
        found = {
            "validation": _answer(names, files, learned.probabilities, learned.targets),
            "locked": _answer(names, shown, self.score(), targets),
        }
        return {split: answers for split, answers in found.items() if len(answers.targets)}

    def _list_locked_embeddings(self) -> NDArray[np.float16]:
        remembered = self.material.remembered.embeddings
        val = self.material.select_remembered(is_val=True)
        return np.concatenate([self.material.locked.embeddings, remembered[val]])


def write_draft(
    folder: Path,
    draft: Draft,
    version: int,
    comparison: Comparison,
    images: list[NDArray[np.uint8]],
) -> Card:
    """Write all files of a version into an empty folder, proved on some images.

    Raises: GraftError where the network does not answer as its head says.
    """
    head, temperature = draft.learned.head, draft.learned.temperature
    network = graft(draft.start.network, head, temperature)
    session = open_session(network.SerializeToString())
    gap = prove(session, draft.start.session, images, head, temperature)
    answers = draft.measure()
    card = _describe(draft, version, answers, gap).model_copy(
        update={"probes": answer_probes(session), "graph_sha256": hash_graph(network)}
    )
    write_memory(folder, make_memory(draft.material))
    _write_checkpoint(folder, draft)
    write_comparison(folder, comparison)
    if answers:
        write_report(folder / "report", card, draft.history, answers[list(answers)[-1]])
    return seal(folder, network, card)


def _describe(draft: Draft, version: int, answers: dict[str, Answers], gap: float) -> Card:
    parent, learned = draft.start.card, draft.learned
    return Card(
        model=draft.model,
        version=version,
        class_names=draft.material.class_names,
        input=parent.input,
        temperature=learned.temperature,
        thresholds=learned.thresholds,
        backbone=parent.backbone,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        catch_all=draft.catch_all,
        parent=Parent(model=parent.model, version=parent.version),
        data=_describe_data(draft.material),
        training=TrainingFacts.model_validate(
            {
                "kind": "head",
                "minutes": round(draft.seconds / 60, 2),
                "device": "cpu",
                "seconds": round(draft.seconds, 1),
                "regularisation": learned.strength,
                "proof": round(gap, 7),
            }
        ),
        metrics={split: found.measure() for split, found in answers.items()},
        libraries=list_libraries(),
        backbone_sha256=parent.backbone_key,
        licence=parent.licence,
    )


def _describe_data(material: Material) -> DataCounts:
    sides = {"train": material.train, "locked": material.locked}
    counts = {
        split: dict(Counter(entry.label for entry in stored.entries))
        for split, stored in sides.items()
    }
    lines = sorted(f"{e.sha256} {e.label} {s}\n" for s in sides for e in sides[s].entries)
    return DataCounts(
        sha256=hashlib.sha256("".join(lines).encode()).hexdigest(),
        counts=counts,
        remembered={
            "train": int(material.select_remembered(is_val=False).sum()),
            "validation": int(material.select_remembered(is_val=True).sum()),
        },
        left_out_as_doubtful=material.doubtful,
        left_out_as_seen_before=material.put_aside,
    )


def _write_checkpoint(folder: Path, draft: Draft) -> None:
    """Write the parent's weights with the new head, for Deep; a parent without any has no child."""
    if draft.start.weights is not None:
        old = read_head(draft.start.network)
        changed = replace_head(draft.start.weights, old, draft.learned.head)
        save_file(changed, folder / CHECKPOINT)
        (folder / CHECKPOINT).chmod(0o644)  # it is written readable by its owner alone


def _answer(
    names: tuple[str, ...],
    files: list[str],
    probabilities: NDArray[np.float32],
    targets: NDArray[np.int64],
) -> Answers:
    """Return answers as the report takes them; of an image it shows no more than a hash."""
    images = [
        LabelledImage(Path(file[:16]), names[target], "", "", "", "")
        for file, target in zip(files, targets, strict=True)
    ]
    nothing = np.zeros((len(targets), 0), dtype=np.float32)
    return Answers(images, names, probabilities, nothing, nothing, targets)
