"""Which version a taught one starts from."""

from pathlib import Path

from inference.catalog import Catalog
from inference.errors import UserInputError
from inference.versions import check_model_name

_DEFAULT = "hotdog"


def find_parent(catalog: Catalog, model: str, origin: str | None = None) -> Path:
    """Return the folder of the version in use, or of the one that a new model starts from.

    `origin`: the model whose backbone a new one takes; None: the shipped one.
    Raises: UserInputError for a name that cannot be a model's, or where there is no model yet.
    """
    check_model_name(model)
    if catalog.read_current(model) is not None:
        return catalog.find(model)
    models = catalog.list_models()
    if not models:
        raise UserInputError(
            f"{catalog.exported} holds no network to start from. Give the folder of the frozen "
            "networks with --exported."
        )
    return catalog.find(origin or (_DEFAULT if _DEFAULT in models else models[0]))
