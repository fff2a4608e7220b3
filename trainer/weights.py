"""Where the weights to start from are: a file, an exported version, timm's hub, or nowhere."""

from pathlib import Path

from inference.cards import read_card
from inference.errors import UserInputError
from inference.versions import list_models, list_versions, read_current

SHARED_WEIGHTS = Path(__file__).resolve().parents[2] / "shared" / "weights"
CHECKPOINT = "checkpoint.safetensors"


def find_weights(wanted: str | None, backbone: str, exported: Path) -> str | None:
    """Return a path, `hub`, or None for random weights (`wanted` = `none`).

    `wanted` None: a file of the backbone's name in ../shared/weights, else the checkpoint of an
    exported version with that backbone, else timm's hub.
    Raises: UserInputError for a path at which there are no weights.
    """
    if wanted == "none":
        return None
    if wanted == "hub":
        return wanted
    if wanted is None:
        return _find_default(backbone, exported)
    path = Path(wanted)
    path = path / CHECKPOINT if path.is_dir() else path
    if not path.is_file():
        raise UserInputError(
            f"There are no weights at {wanted}. Give a .safetensors file, the folder of an "
            "exported version, hub or none."
        )
    return str(path)


def _find_default(backbone: str, exported: Path) -> str:
    shared = sorted(SHARED_WEIGHTS.glob(f"{backbone}.*safetensors"))
    shipped = [
        folder / CHECKPOINT
        for name in list_models(exported)
        for folder in _list_folders(exported / name)
        if (folder / CHECKPOINT).is_file() and read_card(folder).backbone == backbone
    ]
    found = [*shared, *shipped]
    return str(found[0]) if found else "hub"


def _list_folders(model_folder: Path) -> list[Path]:
    current = read_current(model_folder)
    numbers = sorted(list_versions(model_folder), key=lambda number: number != current)
    return [model_folder / str(number) for number in numbers]
