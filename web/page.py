"""The page: title, loop strip, tabs and chip, and how Gradio serves them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from inference.classifier import Classifier
from inference.cores import count_usable_cores
from inference.errors import UserInputError
from inference.images import register_formats
from web.api import add_api
from web.frame import ask, draw_chip, draw_strip, draw_title
from web.model_tab import add_model_tab
from web.routes import make_routes
from web.serving import Service
from web.try_it import EXAMPLES, add_try_it

_HERE = Path(__file__).parent
_FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
_MONO = ["ui-monospace", "SF Mono", "Menlo", "Consolas", "monospace"]
_MAX_WAITING = 64  # calls; beyond that a visitor is told to come back


@dataclass(frozen=True)
class Address:
    """Where the page is to be found. `port` None means the first free one from 7860."""

    host: str = "127.0.0.1"
    port: int | None = None
    share: bool = False


def make_page(classifier: Classifier) -> gr.Blocks:
    """Build the page around one open version."""
    service = Service(classifier)
    with gr.Blocks(title=ask(classifier.card), delete_cache=(600, 2400)) as page:
        gr.HTML(draw_title(classifier.card), apply_default_css=False, elem_id="title")
        strip = gr.HTML(draw_strip(service), apply_default_css=False, elem_id="strip")
        chip = gr.HTML(draw_chip(classifier), apply_default_css=False, elem_id="chip", render=False)
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Try it", id="try", elem_id="try-tab"):
                add_try_it(service, strip, chip)
            with gr.Tab("Model", id="model", elem_id="model-tab"):
                add_model_tab(classifier)
        chip.render()
        page.load(
            lambda: draw_strip(service),
            None,
            strip,
            api_visibility="private",
            show_progress="hidden",
        )
        add_api(service)
    cores = count_usable_cores()
    return page.queue(default_concurrency_limit=max(2, cores // 2), max_size=_MAX_WAITING)


def launch(page: gr.Blocks, classifier: Classifier, address: Address) -> tuple[str, str | None]:
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
            **_list_launch_arguments(classifier),
        )
    except OSError as error:
        raise UserInputError(
            f"Port {address.port or '7860 and the next hundred'} on {address.host} cannot be "
            "used. Choose another with --port."
        ) from error
    return local, shared


def _list_launch_arguments(classifier: Classifier) -> dict[str, Any]:
    return {
        "theme": gr.themes.Base(font=_FONTS, font_mono=_MONO),
        "css": (_HERE / "style.css").read_text(encoding="utf-8"),
        "js": (_HERE / "page.js").read_text(encoding="utf-8"),
        "favicon_path": _HERE / "icon.png",
        "footer_links": [],
        "run_history": False,
        "allowed_paths": [],
        "max_file_size": "20mb",
        "app_kwargs": {"routes": make_routes(classifier, EXAMPLES)},
        "show_error": True,
        "pwa": True,
        "ssr_mode": False,  # a second server in front of this one, without our routes
    }
