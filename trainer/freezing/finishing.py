"""The last steps of every version, however it was made: probes, libraries, hashes, card, file."""

import hashlib
import importlib.metadata
import platform
from pathlib import Path

import onnx
import onnxruntime as ort

from inference.versions.cards import Card, Probe, write_card
from inference.versions.probes import list_probes, make_probe
from trainer.cards.model_card import write_model_card

_LIBRARIES = ("torch", "timm", "onnx", "onnxruntime-gpu", "onnxruntime", "numpy", "pillow")


def answer_probes(session: ort.InferenceSession) -> tuple[Probe, ...]:
    """Return the inputs made by formula, each with the probabilities that it gets."""
    found = []
    for height, width, seed in list_probes():
        image = make_probe(height, width, seed)
        [[values]] = session.run(["probabilities"], {"image": image[None]})
        rounded = tuple(round(float(value), 6) for value in values)
        found.append(Probe(height=height, width=width, seed=seed, probabilities=rounded))
    return tuple(found)


def list_libraries() -> dict[str, str]:
    """Return the versions of what made the network."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def hash_graph(graph: onnx.ModelProto) -> str:
    """Return the SHA-256 of a network that holds no card yet."""
    return hashlib.sha256(graph.SerializeToString(deterministic=True)).hexdigest()


def seal(folder: Path, graph: onnx.ModelProto, card: Card) -> Card:
    """Write the card, beside and inside the network, and the network; returns it with all hashes.

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
