"""The routes of the Teach tab, each of which checks by itself that a teacher asks.

`client/teach.js` → `/teach/…` → collecting, reviewing, training, comparing →
`labelling.store` and the trainer.
"""

from pathlib import Path

from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from inference.errors import UserInputError
from labelling.store.store import Store
from labelling.training_log import KINDS
from web.access.rules import Access
from web.access.teacher_routes import Call, get, post, reply
from web.http.errors import NotFoundError
from web.serving import Service
from web.teach.classroom import Classroom, open_classroom
from web.teach.collect import list_collecting
from web.teach.compare import list_comparing
from web.teach.projects import list_bundling
from web.teach.review import list_reviewing
from web.teach.train import Order

_ASSETS = Path(__file__).parent / "client"
_TYPES = {".js": "text/javascript", ".css": "text/css"}


def make_teach_routes(service: Service, access: Access, store: Store) -> list[BaseRoute]:
    """Return the routes; the service's catalog must have a data folder."""
    room = open_classroom(service, store)
    return [
        get(access, "/teach/client/{name}", send_asset),
        *list_collecting(room, access),
        *list_bundling(room, access),
        *list_reviewing(room, access),
        *list_training(room, access),
        *list_comparing(room, access),
    ]


def list_training(room: Classroom, access: Access) -> list[Route]:
    """Return the routes that start, watch and cancel a training."""

    def show(call: Call) -> Response:
        return reply(room.trainings.read().model_dump(mode="json"))

    def start(call: Call) -> Response:
        model, name = room.roster.check(call.get_text("model")), call.get_text("kind")
        kind = next((kind for kind in KINDS if kind == name), None)
        if kind is None:
            raise UserInputError(f"{name!r} is no training. Choose {' or '.join(KINDS)}.")
        start_from = room.service.model if room.is_untaught(model) else None
        room.trainings.start(Order(model, kind, start_from))
        return reply(room.trainings.read().model_dump(mode="json"))

    def cancel(call: Call) -> Response:
        room.trainings.cancel()
        return reply(room.trainings.read().model_dump(mode="json"))

    return [
        get(access, "/teach/training", show),
        post(access, "/teach/training", start),
        post(access, "/teach/training/cancel", cancel),
    ]


def send_asset(call: Call) -> Response:
    """Return a script or the style of the tab.

    Raises: NotFoundError for anything else.
    """
    path = _ASSETS / call.get_text("name")
    if path.suffix not in _TYPES or path.parent != _ASSETS or not path.is_file():
        raise NotFoundError("There is no such file.")
    return FileResponse(path, media_type=_TYPES[path.suffix], headers={"Cache-Control": "no-cache"})
