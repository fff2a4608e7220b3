"""The page: title, loop strip, tabs and chip."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from labelling.store.store import Store
from web.access.rules import Access
from web.access.sign_in import draw_foot
from web.frame import ask, draw_chip, draw_strip, draw_title
from web.http.gradio_api import add_api
from web.model.tab import FILL_ADDRESS, make_model_tab
from web.refresh import Refresh
from web.serving import Service, count_at_once
from web.teach.tab import add_teach_tab
from web.teach.train import TrainingRunner
from web.try_it.chooser import EXAMPLE_LABELS
from web.try_it.feedback import Suggestions
from web.try_it.models import CHOOSE_MODEL, READ_MODEL, choose_model, describe_choice
from web.try_it.tab import Around, add_try_it, connect

MAX_WAITING = 64  # calls; beyond that a visitor is told to come back
_QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


@dataclass(frozen=True)
class Site:
    """What a page is made of. `suggestions` and `runner`: None where nobody can be a teacher."""

    service: Service
    access: Access
    suggestions: Suggestions | None = None
    runner: TrainingRunner | None = None


def make_site(service: Service, access: Access, data: Path) -> Site:
    """Open what a page needs; labelled images only where somebody can be a teacher.

    Raises: UserInputError where the data folder cannot be used.
    """
    if not access.can_anyone_teach:
        return Site(service, access)
    runner = TrainingRunner(data, service.catalog.exported)
    store = Store(data)
    store.keep_snapshots()
    return Site(service, access, Suggestions(service, access, store), runner)


def make_page(site: Site) -> gr.Blocks:
    """Build the page."""
    service, access = site.service, site.access
    classifier = service.open()
    with gr.Blocks(title=ask(classifier.card)) as page:
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
    return page.queue(default_concurrency_limit=count_at_once(), max_size=MAX_WAITING)


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

    def renew(requested: object, request: gr.Request) -> tuple[Any, ...]:
        model = choose_model(service, requested)
        return (
            gr.Dropdown(**describe_choice(service.list_models(), model)),
            *refresh.draw(service.open(model), request),
            draw_foot(access, request),
            gr.Tab(visible=access.may_teach(request)),
        )

    return renew


def _draw(html: str, place: str) -> gr.HTML:
    return gr.HTML(html, apply_default_css=False, elem_id=place)
