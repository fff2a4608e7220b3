"""Versions from elsewhere: untrusted input, checked and tried out before one is used here.

A card's figures are shown, its memory is trained on, and its backbone's hash decides whose
embeddings are compared with whose: none of it is believed because the file says so. The network
is data for onnxruntime, tried out in a process of its own. HTML never travels, since the page
would show it as its own, nor does a `README.md` whose hash the card does not name.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from inference.errors import UserInputError
from inference.versions.cards import MAX_NUMBER, MAX_TEXT, Card, read_card, write_card
from inference.versions.catalog import check_model_name
from labelling.exchange.foreign_memory import MAX_MEMORY, is_memory
from labelling.exchange.trial import GREEDY, MAX_MODEL
from labelling.store.labels import check_label

_README = "README.md"
_FILES = re.compile(
    r"README\.md|model\.onnx|model\.json|checkpoint\.safetensors|memory\.npz"
    r"|report/[A-Za-z0-9][\w-]*\.(png|json)"
)
# Bytes of model.json and of README.md; ours have 15 kB, and a hundred classes make 300 kB.
_MAX_CARD = 4_000_000
_MAX_PROBE = 1_000_000  # pixels
_MAX_VALUES, _MAX_DEPTH = 200_000, 12
_TIMEOUT = 120.0  # seconds; a network of ours takes a few, start included
# What is measured does not depend on this machine's cores, nor on what their threads reserve.
_ONE_CORE = {"CPU_CORES": "1", "MALLOC_ARENA_MAX": "2", "OPENBLAS_NUM_THREADS": "1"}
_ROUNDING = 1e-3  # how far probabilities of six digits may be from 1 in all
_ROOT = Path(__file__).resolve().parents[2]  # where `inference` lies
# A format of onnxruntime's own, which nothing else reads. Source: its ort.fbs, file_identifier.
_ORT_FORMAT = b"ORTM"
_HEAD = {"head_weight", "head_bias", "temperature", "num_classes"}


@dataclass(frozen=True)
class ForeignVersion:
    """A version outside the catalog that was checked."""

    folder: Path
    card: Card


def list_files(version_folder: Path) -> Iterator[Path]:
    """Yield the files of a version that may travel."""
    for path in sorted(version_folder.rglob("*")):
        if path.is_file() and may_travel(path.relative_to(version_folder).as_posix()):
            yield path


def may_travel(name: str) -> bool:
    """Tell whether a file, named relative to its version's folder, may be in a project."""
    return _FILES.fullmatch(name) is not None


def inspect_version(folder: Path) -> ForeignVersion:
    """Check a version in a folder `<model>/<number>`, and try it out.

    Raises: UserInputError where it is not what its card says, or does not answer.
    """
    card = read_foreign_card(folder)
    check_files(folder, card)
    _try_out(folder, card)
    backbone = hash_backbone(folder / "model.onnx")
    return ForeignVersion(folder, card.model_copy(update={"backbone_sha256": backbone}))


def rename_version(version: ForeignVersion, model: str) -> None:
    """Write into a version's card, in both places, its model's name here and its backbone's hash.

    A `README.md` that the card does not name is deleted.
    """
    import onnx  # noqa: PLC0415  (a quarter of a second that other imports need not wait for)

    if _README not in version.card.files:  # one that is named has been compared with its hash
        (version.folder / _README).unlink(missing_ok=True)
    path = version.folder / "model.onnx"
    network = onnx.load(path, load_external_data=False)
    del network.metadata_props[:]
    sha256 = hashlib.sha256(network.SerializeToString()).hexdigest()
    changes = {"model": model, "graph_sha256": sha256}
    text = write_card(version.card.model_copy(update=changes))
    (version.folder / "model.json").write_text(text, encoding="utf-8")
    onnx.helper.set_model_props(network, {"card": text})
    path.write_bytes(network.SerializeToString())


def read_foreign_card(folder: Path) -> Card:
    """Read a card that may be of any size and hold anything.

    Raises: UserInputError where it is not one that this program writes, or of another version.
    """
    path = folder / "model.json"
    if path.is_file() and path.stat().st_size > _MAX_CARD:
        raise _refuse(folder, "card")
    try:
        card = read_card(folder)
        is_small = _is_small(json.loads(path.read_bytes()))
    except UserInputError as error:
        if isinstance(error.__cause__, ValidationError):
            raise _refuse(folder, "card") from error
        raise
    except (ValueError, RecursionError) as error:  # endless numbers, deep nesting
        raise _refuse(folder, "card") from error
    is_small &= all(probe.height * probe.width <= _MAX_PROBE for probe in card.probes)
    if not is_small or any(check_label(name) != name for name in card.class_names):
        raise _refuse(folder, "card")
    if (card.model, card.version) != (check_model_name(folder.parent.name), int(folder.name)):
        raise UserInputError(
            f"The card of {_name(folder)} says {card.model!r:.70} version {card.version!r:.20}. "
            "Save the project again."
        )
    return card


def check_files(folder: Path, card: Card, max_memory: int = MAX_MEMORY) -> None:
    """Compare a version's files with the hashes in its card, and look at what they hold.

    Raises: UserInputError where any is missing, changed or not as this program writes it.
    """
    for name, sha256 in card.files.items():
        path = folder / name
        if may_travel(name) and not (path.is_file() and _hash_file(path) == sha256):
            raise UserInputError(
                f"{name} of {_name(folder)} is missing or changed. Save the project again."
            )
    readme, memory = folder / _README, folder / "memory.npz"
    if readme.is_file() and readme.stat().st_size > _MAX_CARD:
        raise _refuse(folder, _README)
    if memory.is_file() and not is_memory(memory, len(card.class_names), max_memory):
        raise _refuse(folder, "memory")


def hash_backbone(path: Path) -> str:
    """Return the SHA-256 of all that a network computes before its head."""
    import onnx  # noqa: PLC0415  (a quarter of a second that other imports need not wait for)

    graph = onnx.load(path, load_external_data=False).graph
    found = hashlib.sha256()
    for node in graph.node:
        found.update(node.SerializeToString(deterministic=True))
    for initializer in graph.initializer:
        if initializer.name not in _HEAD:
            found.update(initializer.SerializeToString(deterministic=True))
    return found.hexdigest()


def is_prediction(probabilities: object, class_names: Collection[str]) -> bool:
    """Tell whether these are probabilities of exactly these classes; NaN is none."""
    return (
        isinstance(probabilities, Mapping)
        and set(probabilities) == set(class_names)
        and all(0 <= value <= 1 for value in probabilities.values())
        and abs(sum(probabilities.values()) - 1) <= _ROUNDING
    )


def _try_out(folder: Path, card: Card) -> None:
    """Let a network predict.

    Raises: UserInputError where it does not give probabilities of the classes that the card names,
    or takes more memory or time than one of ours.
    """
    path = folder / "model.onnx"
    is_ours = path.is_file() and path.stat().st_size <= MAX_MODEL
    if is_ours:
        with path.open("rb") as file:
            is_ours = file.read(8)[4:] != _ORT_FORMAT
    found = _run_trial(folder.resolve()) if is_ours else {}
    if "problem" in found:
        raise UserInputError(f"The network of {_name(folder)} {found['problem']}. It is not added.")
    answers = found.get("answers", ())
    if not answers or not all(is_prediction(answer, card.class_names) for answer in answers):
        raise UserInputError(
            f"The network of {_name(folder)} does not predict the classes that its card names. "
            "It is not added."
        )


def _run_trial(folder: Path) -> dict[str, Any]:
    """Run a network in a process that it may break, which starts where our modules are."""
    command = [sys.executable, "-m", "labelling.exchange.trial", str(folder)]
    try:
        done = subprocess.run(
            command,
            cwd=_ROOT,
            env={**os.environ, **_ONE_CORE},
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
        # Killed at a limit, or out of memory in a library that ends the process for it.
        if done.returncode < 0:
            return {"problem": GREEDY}
        return dict(json.loads(done.stdout))
    except subprocess.TimeoutExpired:
        return {"problem": GREEDY}
    except ValueError:
        return {}


def _is_small(values: object) -> bool:
    """Tell whether JSON is neither deep nor long, its numbers finite and its texts short."""
    waiting, seen = [(values, 0)], 0
    while waiting:
        value, depth = waiting.pop()
        seen += 1
        if depth > _MAX_DEPTH or seen > _MAX_VALUES:
            return False
        if isinstance(value, dict):
            waiting += [(inner, depth + 1) for pair in value.items() for inner in pair]
        elif isinstance(value, list):
            waiting += [(inner, depth + 1) for inner in value]
        elif isinstance(value, str):
            if len(value) > MAX_TEXT:
                return False
        elif isinstance(value, int | float) and not -MAX_NUMBER <= value <= MAX_NUMBER:
            return False
    return True


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _name(folder: Path) -> str:
    return f"{folder.parent.name} version {folder.name}"


def _refuse(folder: Path, what: str) -> UserInputError:
    return UserInputError(
        f"The {what} of {_name(folder)} is not one that this program writes. "
        "Save the project again."
    )
