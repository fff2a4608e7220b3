"""The choice of model on Try it, where there is more than one."""

from typing import Any

import gradio as gr

from inference.errors import UserInputError
from inference.versions.cards import name_for_display
from web.serving import Service

# What the browser runs before the page is drawn anew; `models.js` has both functions.
READ_MODEL = "() => window.readModel()"
CHOOSE_MODEL = "(model) => window.chooseModel(model)"


def make_models(service: Service) -> gr.Dropdown:
    """Return the choice; its event `input` asks for the page to be drawn anew."""
    return gr.Dropdown(
        **describe_choice(service.list_models(), service.model),
        label="Model",
        filterable=False,  # else a phone opens its keyboard
        elem_id="models",
    )


def describe_choice(models: list[str], chosen: str) -> dict[str, Any]:
    """Return what the choice shows; it is hidden where there is only one."""
    choices = [(name_for_display(name), name) for name in models]
    return {"choices": choices, "value": chosen, "visible": len(models) > 1}


def choose_model(service: Service, requested: object) -> str:
    """Return the model that a visitor chose, or the usual one where it is there no more."""
    if not isinstance(requested, str):  # a call may bring anything
        return service.model
    try:
        service.open(requested or None)
    except UserInputError:
        return service.model
    return requested or service.model
