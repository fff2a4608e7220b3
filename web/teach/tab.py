"""The Teach tab: an empty frame on the page, and the routes from which `client/teach.js` fills it.

Each route checks by itself that a teacher calls: `client/teach.js` → `/teach/…` → collect, review,
train, compare, projects → `labelling.store` and the trainer.
"""

from pathlib import Path

import gradio as gr
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute

from labelling.store.store import Store
from web.access.rules import Access
from web.access.teacher_routes import Call, get
from web.http.errors import NotFoundError
from web.serving import Service
from web.teach.audit import list_audit_routes
from web.teach.collect import list_collect_routes
from web.teach.compare import list_compare_routes
from web.teach.models import open_context
from web.teach.projects import list_project_routes
from web.teach.review import list_review_routes
from web.teach.train import TrainingRunner, list_train_routes

_HERE = Path(__file__).parent
_CLIENT = _HERE / "client"
_TYPES = {".js": "text/javascript", ".css": "text/css"}


def add_teach_tab() -> None:
    """Lay the tab out inside the open `gr.Tab`; whoever may not teach gets nothing to fill it."""
    gr.HTML(
        html_template=(_HERE / "tab.html").read_text(encoding="utf-8"),
        js_on_load=(_HERE / "tab.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id="teach-tab-frame",
    )


def make_teach_routes(
    service: Service, access: Access, store: Store, runner: TrainingRunner | None = None
) -> list[BaseRoute]:
    """Return the routes; the service's catalog must have a data folder."""
    context = open_context(service, store)
    runner = runner or TrainingRunner(context.data, context.catalog.exported)
    return [
        get(access, "/teach/client/{name}", send_script),
        *list_collect_routes(context, access),
        *list_project_routes(context, access),
        *list_review_routes(context, access),
        *list_train_routes(context, access, runner),
        *list_compare_routes(context, access),
        *list_audit_routes(context, access),
    ]


def send_script(call: Call) -> Response:
    """Return a script or the style of the tab.

    Raises: NotFoundError for anything else.
    """
    path = _CLIENT / call.get_text("name")
    if path.suffix not in _TYPES or path.parent != _CLIENT or not path.is_file():
        raise NotFoundError("There is no such file.")
    return FileResponse(path, media_type=_TYPES[path.suffix], headers={"Cache-Control": "no-cache"})
