"""The folder of a new version, however it was made: probes, hashes, card and frozen graph."""

import hashlib
import importlib.metadata
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import onnxruntime as ort

from inference.versions.cards import Card, Probe, write_card
from inference.versions.comparison import Comparison
from inference.versions.probes import list_probes, make_probe
from trainer.cards.model_card import write_model_card
from trainer.evaluation.metrics import describe_rate

_LIBRARIES = ("torch", "timm", "onnx", "onnxruntime-gpu", "onnxruntime", "numpy", "pillow")


@dataclass(frozen=True)
class Version:
    """A version that was made. `comparison`: with the one in use, where it was compared."""

    folder: Path
    card: Card
    comparison: Comparison | None = None

    def summary(self) -> dict[str, Any]:
        """Return what a program needs to know, as JSON values."""
        rates = {split: found.top1.model_dump() for split, found in self.card.metrics.items()}
        found = {
            "model": self.card.model,
            "version": self.card.version,
            "folder": str(self.folder),
            "classes": list(self.card.class_names),
            "megabytes": round((self.folder / "model.onnx").stat().st_size / 1e6, 2),
            **rates,
        }
        if self.comparison:
            found |= {"outcome": self.comparison.outcome, "sentence": self.comparison.sentence}
        return found

    def describe(self) -> str:
        """Return the same in words."""
        lines = [f"{self.card.model} version {self.card.version} is in {self.folder}"]
        lines += [f"{s}: {describe_rate(m.top1)}" for s, m in self.card.metrics.items()]
        lines += [self.comparison.sentence] if self.comparison else []
        return "\n".join(lines)


def answer_probes(session: ort.InferenceSession) -> tuple[Probe, ...]:
    """Return the inputs made by formula, each with its probabilities."""
    found = []
    for height, width, seed in list_probes():
        image = make_probe(height, width, seed)
        [[values]] = session.run(["probabilities"], {"image": image[None]})
        rounded = tuple(round(float(value), 6) for value in values)
        found.append(Probe(height=height, width=width, seed=seed, probabilities=rounded))
    return tuple(found)


def list_libraries() -> dict[str, str]:
    """Return the versions of the libraries that made it."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def hash_graph(graph: onnx.ModelProto) -> str:
    """Return the SHA-256 of a graph that holds no card yet."""
    return hashlib.sha256(graph.SerializeToString(deterministic=True)).hexdigest()


def write_version(folder: Path, graph: onnx.ModelProto, card: Card) -> Card:
    """Write the card, beside and inside the graph, and the graph; returns it with all hashes.

    The card is also written as `README.md`. All other files must be in the folder already.
    """
    write_model_card(folder, card)
    files = {
        str(path.relative_to(folder).as_posix()): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    card = card.model_copy(update={"files": files})
    text = write_card(card)
    (folder / "model.json").write_text(text, encoding="utf-8")
    onnx.helper.set_model_props(graph, {"card": text})
    onnx.save(graph, folder / "model.onnx")
    onnx.checker.check_model(str(folder / "model.onnx"), full_check=True)
    return card
