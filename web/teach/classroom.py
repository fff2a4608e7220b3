"""What all routes of the Teach tab work on."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

from inference.classifier import Classifier
from inference.errors import UserInputError
from inference.versions.catalog import Catalog
from labelling.store.store import Store
from web.serving import Service
from web.teach.models import Roster
from web.teach.train import Trainings


@dataclass(frozen=True)
class Classroom:
    """The pictures, the networks and the one training of a data folder.

    `adding` lets one picture at a time be added, so that answers on Try it stay quick.
    """

    service: Service
    store: Store
    data: Path
    roster: Roster
    trainings: Trainings
    adding: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(1))

    @property
    def catalog(self) -> Catalog:
        """All versions that this machine has."""
        return self.service.catalog

    def open_network(self, model: str) -> Classifier:
        """Return the version in use of a model; of one that has none yet, what it starts from."""
        return self.service.open(self.service.model if self.is_untaught(model) else model)

    def is_untaught(self, model: str) -> bool:
        """Tell whether a network has no version yet."""
        return self.catalog.read_current(model) is None


def open_classroom(service: Service, store: Store) -> Classroom:
    """Return the classroom of the service's data folder.

    Raises: UserInputError where there is none.
    """
    catalog = service.catalog
    if catalog.data is None:
        raise UserInputError("Teaching needs a data folder. Give one with --data.")
    roster = Roster(catalog, store, catalog.data)
    trainings = Trainings(catalog.data, catalog.exported)
    return Classroom(service, store, catalog.data, roster, trainings)
