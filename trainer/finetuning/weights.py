"""Where the weights to start from are: a file, an exported version, timm's hub, or nowhere."""

import json
from pathlib import Path

from inference.errors import UserInputError
from inference.versions.cards import read_card

SHARED_WEIGHTS = Path(__file__).resolve().parents[3] / "shared" / "weights"
SHIPPED = Path(__file__).resolve().parents[2] / "exported" / "hotdog" / "1"
CHECKPOINT = "checkpoint.safetensors"  # of a version
CHOSEN = "chosen.safetensors"  # of a finished run


def find_weights(wanted: str | None, backbone: str) -> str | None:
    """Return a path, `hub`, or None for random weights (`wanted` = `none`).

    `wanted` None: a file of the backbone's name in ../shared/weights, else the checkpoint of the
    shipped network if it has that backbone, else timm's hub; never a version made here, or the
    same command would give other weights the second time.
    Raises: UserInputError for a path at which there are no weights.
    """
    if wanted == "none":
        return None
    if wanted == "hub":
        return wanted
    if wanted is None:
        return _find_default(backbone)
    path = Path(wanted)
    if path.is_dir():
        names = (CHECKPOINT, CHOSEN)
        path = next((path / name for name in names if (path / name).is_file()), path / CHECKPOINT)
    if not path.is_file():
        raise UserInputError(
            f"There are no weights at {wanted}. Give a .safetensors file, the folder of an "
            "exported version or of a finished run, hub or none."
        )
    return str(path)


def read_classes(weights: str) -> tuple[str, ...]:
    """Return the classes of the version or the run that weights are of; none for other files."""
    folder = Path(weights).parent
    if (folder / "model.json").is_file():
        return read_card(folder).class_names
    if Path(weights).name == CHOSEN and (folder / "pictures.json").is_file():
        content = json.loads((folder / "pictures.json").read_text(encoding="utf-8"))
        return tuple(content["class_names"])
    return ()


def _find_default(backbone: str) -> str:
    shared = sorted(SHARED_WEIGHTS.glob(f"{backbone}.*safetensors"))
    if shared:
        return str(shared[0])
    checkpoint = SHIPPED / CHECKPOINT
    if checkpoint.is_file() and read_card(SHIPPED).backbone == backbone:
        return str(checkpoint)
    return "hub"
