"""The page: title, loop strip, tabs and chip, and how Gradio serves them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.routing import BaseRoute

from inference.errors import UserInputError
from inference.images import register_formats
from labelling.store.store import Store
from web.access.rules import Access
from web.access.sign_in import draw_foot, make_sign_in_routes
from web.frame import ask, draw_chip, draw_strip, draw_title
from web.http.classify import Limits, make_classify_route
from web.http.files import make_file_routes
from web.http.gradio_api import add_api
from web.model.tab import FILL_ADDRESS, make_model_tab
from web.model.versions import make_version_routes
from web.refresh import Refresh
from web.serving import Service, count_at_once
from web.teach.tab import add_teach_tab, make_teach_routes
from web.try_it.chooser import EXAMPLE_LABELS, EXAMPLES
from web.try_it.feedback import Suggestions, make_suggestion_routes
from web.try_it.models import CHOOSE_MODEL, READ_MODEL, choose_model, describe_choice
from web.try_it.similar import make_similar_route
from web.try_it.tab import Around, add_try_it, connect

_HERE = Path(__file__).parent
_SCRIPTS = (
    "page.js",
    "try_it/models.js",
    "try_it/table.js",
    "try_it/feedback.js",
    "try_it/similar.js",
    "access/sign_in.js",
    "model/versions.js",
)
_STYLES = ("style.css", "try_it/style.css", "model/style.css")
_FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
_MONO = ["ui-monospace", "SF Mono", "Menlo", "Consolas", "monospace"]
# Whose copies of the page's description Gradio keeps; nothing of ours is in them.
_MAX_SESSIONS = 100
_MAX_WAITING = 64  # calls; beyond that a visitor is told to come back
_QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


@dataclass(frozen=True)
class Address:
    """Where the page is to be found. `port` None means the first free one from 7860."""

    host: str = "127.0.0.1"
    port: int | None = None
    share: bool = False


@dataclass(frozen=True)
class Site:
    """What a page is made of. `suggestions`: None where nobody can be a teacher."""

    service: Service
    access: Access
    suggestions: Suggestions | None = None


def make_site(service: Service, access: Access, data: Path) -> Site:
    """Open what a page needs; labelled images only where somebody can be a teacher.

    Raises: UserInputError where the data folder cannot be used.
    """
    if not access.can_anyone_teach:
        return Site(service, access)
    return Site(service, access, Suggestions(service, access, Store(data)))


def make_page(site: Site) -> gr.Blocks:
    """Build the page."""
    service, access = site.service, site.access
    classifier = service.open()
    with gr.Blocks(title=ask(classifier.card), delete_cache=(600, 2400)) as page:
        title = _draw(draw_title(classifier.card, EXAMPLE_LABELS), "title")
        strip = _draw(draw_strip(service, classifier), "strip")
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Try it", id="try", elem_id="try-tab"):
                try_it = add_try_it(service)
            with gr.Tab("Teach", id="teach", elem_id="teach-tab", visible=False) as teach:
                if site.suggestions is not None:
                    add_teach_tab()
            with gr.Tab("Model", id="model", elem_id="model-tab"):
                model = make_model_tab(service, classifier)
        chip = _draw(draw_chip(classifier), "chip")
        foot = _draw("", "foot")
        if access.has_hugging_face:
            gr.LoginButton(visible=False)  # for its routes; the foot has the link
        add_api(service)
        refresh = Refresh(service, access, strip, chip, title, model)
        around = Around(refresh.list_components(), refresh.draw_after)
        connect(try_it, service, access, site.suggestions, around)
        _connect_renewal(page, site, refresh, try_it.models, [foot, teach])
        page.load(None, None, model.code, js=FILL_ADDRESS, **_QUIET)
    _keep_descriptions(page)
    return page.queue(default_concurrency_limit=count_at_once(), max_size=_MAX_WAITING)


def _connect_renewal(
    page: gr.Blocks, site: Site, refresh: Refresh, models: gr.Dropdown, others: list[Any]
) -> None:
    """Draw everything but the answer anew on loading, on another model, and for our scripts."""
    pressed = gr.Button(visible="hidden", elem_id="renew")  # by scripts
    renew, outputs = make_renewal(site, refresh), [models, *refresh.list_components(), *others]
    events = {page.load: READ_MODEL, pressed.click: READ_MODEL, models.input: CHOOSE_MODEL}
    for event, js in events.items():
        # Unchecked: what a visitor chose earlier may not be among the choices any more.
        event(renew, models, outputs, js=js, preprocess=False, **_QUIET)


def _keep_descriptions(page: gr.Blocks) -> None:
    """Let every component describe itself once.

    Gradio asks each for every new session, and a call of the API is a session: a fifth more of
    its time went there. What an event changes is a new component, which describes itself.
    """
    for block in page.blocks.values():
        if hasattr(block, "get_config"):
            block.get_config = partial(dict, block.get_config())


def make_renewal(site: Site, refresh: Refresh) -> Callable[..., tuple[Any, ...]]:
    """Return what draws everything but the answer anew: for this visitor, and what is in use."""
    service, access = site.service, site.access

    def renew(requested: str, request: gr.Request) -> tuple[Any, ...]:
        model = choose_model(service, requested)
        return (
            gr.Dropdown(**describe_choice(service.list_models(), model)),
            *refresh.draw(service.open(model), request),
            draw_foot(access, request),
            gr.Tab(visible=access.may_teach(request)),
        )

    return renew


def launch(page: gr.Blocks, site: Site, address: Address) -> tuple[str, str | None]:
    """Start serving in the background.

    Returns: the local address, and the shared one if there is one.
    Raises: UserInputError if the port is taken.
    """
    register_formats()
    try:
        _, local, shared = page.launch(
            server_name=address.host,
            server_port=address.port,
            share=address.share,
            prevent_thread_lock=True,
            quiet=True,
            **_list_launch_arguments(site),
        )
    except OSError as error:
        raise UserInputError(
            f"Port {address.port or '7860 and the next hundred'} on {address.host} cannot be "
            "used. Choose another with --port."
        ) from error
    return local, shared


def list_routes(site: Site) -> list[BaseRoute]:
    """Return all routes beside Gradio's own."""
    routes = make_file_routes(site.service, EXAMPLES)
    routes += make_version_routes(site.service, site.access)
    routes.append(make_classify_route(site.service, Limits(count_at_once(), _MAX_WAITING)))
    routes += make_sign_in_routes(site.access)
    if site.suggestions is not None:
        routes += make_suggestion_routes(site.suggestions)
        routes.append(make_similar_route(site.suggestions, site.access))
        routes += make_teach_routes(site.service, site.access, site.suggestions.store)
    return routes


def _draw(html: str, place: str) -> gr.HTML:
    return gr.HTML(html, apply_default_css=False, elem_id=place)


def _list_launch_arguments(site: Site) -> dict[str, Any]:
    data = site.service.catalog.data
    scripts = ",\n".join((_HERE / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    return {
        "theme": gr.themes.Base(font=_FONTS, font_mono=_MONO),
        "css": "\n".join((_HERE / name).read_text(encoding="utf-8") for name in _STYLES),
        "js": f"() => [{scripts}].forEach((run) => run())",
        "favicon_path": _HERE / "icon.png",
        "footer_links": [],
        "run_history": False,
        "allowed_paths": [],
        "blocked_paths": [str(data.resolve())] if data else [],
        "max_file_size": "20mb",
        "state_session_capacity": _MAX_SESSIONS,
        "app_kwargs": {"routes": list_routes(site)},
        "show_error": True,
        "pwa": True,
        "ssr_mode": False,  # a second server in front of this one, without our routes
    }
