"""The version that a training starts from."""

from pathlib import Path

from inference.errors import UserInputError
from inference.versions.cards import Card
from inference.versions.catalog import Catalog, check_model_name
from inference.versions.integrity import check_file, check_version
from labelling.planned_classes import read_planned

_DEFAULT = "hotdog"


def find_base(catalog: Catalog, model: str, origin: str | None = None) -> Path:
    """Return the folder of the version in use, or of the one that a new model starts from.

    `origin`: the model whose backbone a new one takes, as it ships where it does; None: hotdog.
    Raises: UserInputError for a name that cannot be a model's, where there is no model yet, or
    where that version is damaged.
    """
    folder = _find_base(catalog, check_model_name(model), origin)
    check_file(folder, check_version(folder), "checkpoint.safetensors")
    return folder


def _find_base(catalog: Catalog, model: str, origin: str | None) -> Path:
    if catalog.read_current(model) is not None:
        return catalog.find(model)
    models = catalog.list_models()
    if not models:
        raise UserInputError(
            f"{catalog.exported} holds no model to start from. Give the folder of the models that "
            "ship with --exported."
        )
    name = origin or (_DEFAULT if _DEFAULT in models else models[0])
    shipped = Catalog(catalog.exported)
    return (shipped if name in shipped.list_models() else catalog).find(name)


def find_catch_all(parent: Card, data: Path, model: str, requested: str | None) -> str | None:
    """Return the class for everything else: as requested, as before, or as planned on the page."""
    if requested or parent.model == model:
        return requested or parent.catch_all
    return read_planned(data, model).catch_all
