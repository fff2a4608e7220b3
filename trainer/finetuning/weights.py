"""Where the weights to start from are: a file, an exported version, timm's hub, or nowhere."""

import json
from pathlib import Path

from inference.errors import UserInputError
from inference.versions.cards import read_card
from inference.versions.catalog import Catalog
from inference.versions.integrity import find_fault

SHARED_WEIGHTS = Path(__file__).resolve().parents[3] / "shared" / "weights"
SHIPPED = Path(__file__).resolve().parents[2] / "exported" / "hotdog"
CHECKPOINT = "checkpoint.safetensors"  # of a version
CHOSEN = "chosen.safetensors"  # of a finished run


def find_weights(
    requested: str | None, backbone: str, shared: Path = SHARED_WEIGHTS, shipped: Path = SHIPPED
) -> str | None:
    """Return a path, `hub`, or None for random weights (`requested` = `none`).

    `requested` None: a file of the backbone's name in `shared`, else the checkpoint of the first
    version of the model folder `shipped` if it has that backbone, else timm's hub; never of a
    later version, which may be made here: the same command would give other weights then.
    Raises: UserInputError for a path at which there are no weights.
    """
    if requested == "none":
        return None
    if requested == "hub":
        return requested
    if requested is None:
        return _find_default(backbone, shared, shipped)
    path = Path(requested)
    if path.is_dir():
        names = (CHECKPOINT, CHOSEN)
        path = next((path / name for name in names if (path / name).is_file()), path / CHECKPOINT)
    if not path.is_file():
        raise UserInputError(
            f"There are no weights at {requested}. Give a .safetensors file, the folder of an "
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


def _find_default(backbone: str, shared: Path, shipped: Path) -> str:
    files = sorted(shared.glob(f"{backbone}.*safetensors"))
    if files:
        return str(files[0])
    for folder in [*Catalog(shipped.parent).list_versions(shipped.name).values()][:1]:
        is_sound = (folder / CHECKPOINT).is_file() and find_fault(folder) is None
        if is_sound and read_card(folder).backbone == backbone:
            return str(folder / CHECKPOINT)
    return "hub"
