"""Which models there are: those with versions, with labels, or with planned classes only."""

from inference.errors import UserInputError
from inference.versions.cards import name_for_display
from inference.versions.catalog import Catalog, check_model_name
from labelling.planned_classes import list_planned
from labelling.store.store import Store


def list_models(store: Store, catalog: Catalog) -> list[str]:
    """Return the names of all models, sorted."""
    labelled = (name for name in store.list_models() if name)
    return sorted({*catalog.list_models(), *list_planned(store.data), *labelled})


def check_free(store: Store, catalog: Catalog, model: str) -> None:
    """Raise UserInputError for a name that no model can have, or that one has or had."""
    folder = store.data / "models" / check_model_name(model)
    is_taken = any(is_alike(name, model) for name in list_models(store, catalog))
    if is_taken or (folder.is_dir() and any(folder.iterdir())):
        raise UserInputError(
            f"The name {model} is taken here, and a project is never merged into another model. "
            "Choose another name (on the command line: --model NAME)."
        )


def is_alike(one: str, other: str) -> bool:
    """Tell whether people would take two names for one."""
    return name_for_display(one).casefold() == name_for_display(other).casefold()
