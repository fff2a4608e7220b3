"""Taught versions on their way to another installation and into it.

They come from anyone: a network is data for onnxruntime, tried out in a process of its own. Its
report's HTML is left behind, since the page would show it as its own, and so is a `README.md` that
its card does not vouch for. One that it does says what the card's own figures say: both are the
stranger's word.
"""

import hashlib
import json
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from inference.errors import UserInputError
from inference.versions.cards import Card, write_card
from inference.versions.catalog import check_model_name
from inference.versions.probes import make_probe
from labelling.exchange.strangers import check_version, hash_backbone, read_foreign_card
from labelling.store.labels import check_label

_FILES = re.compile(
    r"README\.md|model\.onnx|model\.json|checkpoint\.safetensors|memory\.npz"
    r"|report/[A-Za-z0-9][\w-]*\.(png|json)"
)
_PROSE = "README.md"
# The pictures take a network of ours a few seconds, start included.
_LONGEST_TRY = 120.0
# Heights and widths, in pixels, that are always tried; as many more are drawn by lot, so that no
# network can be made to answer these alone.
_TRIED = ((48, 64), (224, 224), (300, 200))
_DRAWN = range(16, 800)
# How far probabilities of six digits may be from 1 in all.
_ROUNDING = 1e-3
# Where `inference` lies, for a process of its own.
_ROOT = Path(__file__).resolve().parents[2]
# A format of onnxruntime's own, which nothing else reads. Source: its ort.fbs, file_identifier.
_ORT_FORMAT = b"ORTM"


@dataclass(frozen=True)
class Taught:
    """A version that lies in a folder outside the catalog, and was looked at."""

    folder: Path
    card: Card


def list_files(version_folder: Path) -> Iterator[Path]:
    """Yield the files of a version that may travel."""
    for path in sorted(version_folder.rglob("*")):
        if path.is_file() and may_travel(path.relative_to(version_folder).as_posix()):
            yield path


def may_travel(name: str) -> bool:
    """Tell whether a file, named relative to its version's folder, may be in a bundle."""
    return _FILES.fullmatch(name) is not None


def inspect_version(folder: Path) -> Taught:
    """Look at a version that a stranger made, in a folder `<model>/<number>`, and try it out.

    Raises: UserInputError where it is not what its card says, or does not answer.
    """
    shown = f"{folder.parent.name} version {folder.name}"
    card = read_foreign_card(folder, shown)
    _check_card(card, folder, shown)
    for name, sha256 in card.files.items():
        path = folder / name
        if may_travel(name) and not (path.is_file() and _hash_file(path) == sha256):
            raise UserInputError(f"{name} of {shown} is missing or changed. Make the bundle anew.")
    check_version(folder, card, shown)
    _try_out(folder, card, shown)
    backbone = hash_backbone(folder / "model.onnx")
    return Taught(folder, card.model_copy(update={"backbone_sha256": backbone}))


def rename_version(version: Taught, model: str) -> None:
    """Let the card of a version that was inspected say, in both places, which model it is of now.

    And what its backbone really is. A `README.md` that the card does not name is deleted.
    """
    import onnx  # noqa: PLC0415  (a quarter of a second that other imports need not wait for)

    if _PROSE not in version.card.files:  # one that is named has been compared with its hash
        (version.folder / _PROSE).unlink(missing_ok=True)
    text = write_card(version.card.model_copy(update={"model": model}))
    (version.folder / "model.json").write_text(text, encoding="utf-8")
    path = version.folder / "model.onnx"
    network = onnx.load(path, load_external_data=False)
    onnx.helper.set_model_props(network, {"card": text})
    path.write_bytes(network.SerializeToString())


def _check_card(card: Card, folder: Path, shown: str) -> None:
    """Raise UserInputError where a card is not that of its folder, or names odd classes."""
    if (card.model, card.version) != (check_model_name(folder.parent.name), int(folder.name)):
        raise UserInputError(
            f"The card of {shown} says {card.model!r:.70} version {card.version!r:.20}. "
            "Make the bundle anew."
        )
    if any(check_label(name) != name for name in card.class_names):
        raise UserInputError(f"The card of {shown} is not as ours are. Make the bundle anew.")


def _try_out(folder: Path, card: Card, shown: str) -> None:
    """Ask a network for answers, in a process that it may break.

    Raises: UserInputError where one is not an answer of the classes that the card names.
    """
    problem = f"The network of {shown} gives no answer as its card says. It is not taken in."
    folder = folder.resolve()  # the process runs where our modules are, not here
    path = folder / "model.onnx"
    if not path.is_file() or path.read_bytes()[4:8] == _ORT_FORMAT:
        raise UserInputError(problem)
    pictures = _draw_pictures(folder.parent.parent)
    models, model, number = str(folder.parent.parent), folder.parent.name, folder.name
    options = ("--exported", models, "--model", model, "--version", number, "--providers", "cpu")
    command = [sys.executable, "-m", "inference", "predict", *pictures, *options, "--json"]
    try:
        done = subprocess.run(
            command, cwd=_ROOT, capture_output=True, check=True, timeout=_LONGEST_TRY
        )
        answers = [answer["probabilities"] for answer in json.loads(done.stdout)]
    except (subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
        raise UserInputError(problem) from error
    if len(answers) != len(pictures) or not all(_is_answer(found, card) for found in answers):
        raise UserInputError(problem)


def _draw_pictures(folder: Path) -> list[str]:
    """Write pictures of known sizes and of sizes that nobody can foresee; returns their paths."""
    drawn = [(secrets.choice(_DRAWN), secrets.choice(_DRAWN)) for _ in _TRIED]
    paths = []
    for number, (height, width) in enumerate((*_TRIED, *drawn)):
        paths.append(str(folder / f"try-{number}.png"))
        Image.fromarray(make_probe(height, width, secrets.randbelow(100))).save(paths[-1])
    return paths


def _is_answer(probabilities: Any, card: Card) -> bool:  # noqa: ANN401  (JSON)
    """Tell whether these are probabilities of exactly the card's classes; NaN is none."""
    return (
        set(probabilities) == set(card.class_names)
        and all(0 <= value <= 1 for value in probabilities.values())
        and abs(sum(probabilities.values()) - 1) <= _ROUNDING
    )


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
