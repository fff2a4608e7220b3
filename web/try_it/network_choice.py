"""The choice among networks: a quiet select on Try it, where there is more than one."""

from html import escape
from pathlib import Path

import gradio as gr

from inference.errors import UserInputError
from inference.versions.cards import name_for_display
from web.serving import Service

_HERE = Path(__file__).parent
# What the browser runs before each drawing: it tells the choice, and keeps how it is told. In a
# frame of another site nothing can be remembered.
READ_CHOICE = """() => {
  window.readNetwork = () => {
    try {
      return sessionStorage.getItem('network') || '';
    } catch {
      return document.querySelector('#networks select')?.value || '';
    }
  };
  return window.readNetwork();
}"""


def make_networks(service: Service) -> gr.HTML:
    """Return the select; its event `input` asks for the page to be drawn anew."""
    return gr.HTML(
        draw_networks(service.list_models(), service.model),
        js_on_load=(_HERE / "network_choice.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id="networks",
    )


def draw_networks(models: list[str], chosen: str) -> str:
    """Return the select with all models, or nothing where there is no choice."""
    if len(models) < 2:
        return ""
    options = "".join(
        f'<option value="{escape(name)}"{" selected" if name == chosen else ""}>'
        f"{escape(name_for_display(name))}</option>"
        for name in models
    )
    return f'<label class="network">Network <select>{options}</select></label>'


def choose_model(service: Service, wanted: str) -> str:
    """Return the model that a visitor wants, or the usual one where it cannot be had any more."""
    try:
        service.open(wanted or None)
    except UserInputError:
        return service.model
    return wanted or service.model
