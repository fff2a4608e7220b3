"""The models that can be taught and their classes, also those that nobody has trained yet.

What a teacher typed lies in `DIR/models/NAME/classes.json` until a version has learned it.
"""

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

from inference.classifier import Classifier
from inference.errors import UserInputError
from inference.versions.cards import Card, name_for_display, read_card
from inference.versions.catalog import Catalog, check_model_name
from inference.versions.integrity import find_fault
from labelling.model_names import is_alike, list_models
from labelling.planned_classes import PlannedClasses, read_planned, write_planned
from labelling.store.labels import MAX_CLASSES, check_label
from labelling.store.store import Store
from web.serving import Service


class Models:
    """Lists, makes and extends models. Safe between threads."""

    def __init__(self, catalog: Catalog, store: Store, data: Path) -> None:
        self.catalog = catalog
        self.store = store
        self.data = data
        self._lock = threading.Lock()

    def list_names(self) -> list[str]:
        """Return the names of all models, planned ones too, sorted."""
        return list_models(self.store, self.catalog)

    def check(self, model: str) -> str:
        """Return the name of a model that there is.

        Raises: UserInputError for any other, with those that there are.
        """
        names = self.list_names()
        if model not in names:
            known = ", ".join(names) or "none"
            raise UserInputError(f"There is no model named {model[:64]!r}; there are: {known}.")
        return model

    def read_card(self, model: str) -> Card | None:
        """Return the card of the version in use, None before the first.

        Of one that can take its place where that is damaged.
        """
        if self.catalog.read_current(model) is None:
            return None
        folder = self.catalog.find(model)
        others = self.catalog.list_replacements(model, int(folder.name))
        return next((read_card(f) for f in (folder, *others) if find_fault(f) is None), None)

    def list_classes(self, model: str) -> list[str]:
        """Return those of the version in use, then those typed, then those of stored images."""
        card = self.read_card(model)
        known = card.class_names if card else ()
        return list(
            dict.fromkeys(
                [*known, *read_planned(self.data, model).class_names, *self._list_stored(model)]
            )
        )

    def create(self, model: str, labels: list[str], catch_all: str | None = None) -> None:
        """Remember a new model and its classes.

        Raises: UserInputError for a name that is taken or cannot be one, or too few classes.
        """
        check_model_name(model)
        names: list[str] = []
        for label in [*labels, *([catch_all] if catch_all else [])]:
            names.append(_check_new(label, names))
        if len(names) < 2:
            raise UserInputError(
                "A model tells at least two classes apart. Type one more, such as the opposite."
            )
        with self._lock:
            taken = next((name for name in self.list_names() if is_alike(name, model)), None)
            if taken is not None:
                raise UserInputError(f"There is a model {taken} already. Choose another name.")
            write_planned(
                self.data, model, PlannedClasses(tuple(names), names[-1] if catch_all else None)
            )

    def add_class(self, model: str, text: str) -> str:
        """Remember one more class of a model; returns its name.

        Raises: UserInputError for a name that is there or cannot be one, or the 101st class.
        """
        with self._lock:
            label = _check_new(text, self.list_classes(self.check(model)))
            planned = read_planned(self.data, model)
            write_planned(
                self.data, model, replace(planned, class_names=(*planned.class_names, label))
            )
        return label

    def remove_class(self, model: str, label: str) -> None:
        """Forget a class that was only typed.

        Raises: UserInputError where a version or an image has it.
        """
        with self._lock:
            planned, card = read_planned(self.data, model), self.read_card(model)
            display_name = name_for_display(label)
            if card is not None and label in card.class_names:
                raise UserInputError(f"The version in use knows {display_name}; it stays.")
            if label in self._list_stored(model):
                raise UserInputError(f"{display_name} has pictures. Delete or relabel them first.")
            kept = tuple(name for name in planned.class_names if name != label)
            catch_all = None if planned.catch_all == label else planned.catch_all
            write_planned(self.data, model, PlannedClasses(kept, catch_all))

    def _list_stored(self, model: str) -> list[str]:
        """Return the classes with approved images; what visitors only suggested is left out."""
        counts = self.store.count(model).items()
        return sorted(label for label, n in counts if n.train + n.locked + n.excluded)


def _check_new(text: str, names: list[str]) -> str:
    label = check_label(text)
    taken = next((name for name in names if is_alike(name, label)), None)
    if taken is not None:
        raise UserInputError(
            f"There is a class {name_for_display(taken)} already. Add pictures to it, or choose "
            "another name."
        )
    if len(names) >= MAX_CLASSES:
        raise UserInputError(f"A model has at most {MAX_CLASSES} classes. Leave one out.")
    return label


@dataclass(frozen=True)
class TeachContext:
    """What the routes of the Teach tab work on: one data folder and what answers from it.

    `adding` lets one image at a time be added, so that answers on Try it stay quick.
    """

    service: Service
    store: Store
    data: Path
    models: Models
    adding: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(1))

    @property
    def catalog(self) -> Catalog:
        """All versions that this machine has."""
        return self.service.catalog

    def open_classifier(self, model: str) -> Classifier:
        """Return the version in use of a model; of one that has none yet, what it starts from."""
        return self.service.open(self.find_start(model) or model)

    def find_start(self, model: str) -> str | None:
        """Return the model whose backbone one without a version starts from, else None."""
        return None if self.has_version(model) else self.service.model

    def has_version(self, model: str) -> bool:
        """Tell whether a model has been trained."""
        return self.catalog.read_current(model) is not None


def open_context(service: Service, store: Store) -> TeachContext:
    """Return the context of the service's data folder.

    Raises: UserInputError where there is none.
    """
    catalog = service.catalog
    if catalog.data is None:
        raise UserInputError("Teaching needs a data folder. Give one with --data.")
    return TeachContext(service, store, catalog.data, Models(catalog, store, catalog.data))
