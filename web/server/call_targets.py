"""What a call is for: which function of the page, with how many values, or whose answer.

Gradio would look for it, fail, and print a traceback for what a visitor wrote.
"""

import math
from collections.abc import Iterable
from typing import Any

import gradio as gr
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import QueryParams

from inference.errors import UserInputError
from web.http.errors import NotFoundError

_MAX_TEXT = 10_000  # characters; the page sends names
_CALL = "/gradio_api/call/"
_DATA = "/gradio_api/queue/data"
_UNKNOWN = "There is no such call on this page. Reload it."
_WRONG = "This call says something else than this page expects. Reload it."


class _Body(BaseModel):
    """A call's body, as Gradio's scripts and clients write it."""

    model_config = ConfigDict(strict=True)

    data: list[Any]
    fn_index: int | None = None
    # An empty one would end Gradio's queue, which takes it for none here and for a name there.
    session_hash: str | None = Field(default=None, min_length=1, max_length=100)
    event_id: str | None = Field(default=None, max_length=100)
    trigger_id: int | None = None
    batched: bool | None = None


def check_target(page: gr.Blocks, path: str, body: Any) -> None:  # noqa: ANN401  (JSON)
    """Check that a call is one of the page's functions' and has values that its inputs take.

    `path`: of the request.
    Raises: UserInputError otherwise, NotFoundError where there is no such function.
    """
    try:
        call = _Body.model_validate(body)
    except ValidationError as error:
        raise UserInputError(_WRONG) from error
    function = _find_function(page, path, call)
    if function is None or function.fn is None:
        raise NotFoundError(_UNKNOWN)
    if len(call.data) < len(function.inputs) or call.batched:
        raise UserInputError(_WRONG)
    for component, value in zip(function.inputs, call.data, strict=False):
        _check_input(component, value)


def _check_input(component: Any, value: Any) -> None:  # noqa: ANN401  (Gradio's, JSON)
    """Check a value as Gradio will, whose refusal is a library's sentence and a line of the log."""
    model = getattr(component, "data_model", None)
    if model is None:
        if isinstance(value, (dict, list)):
            raise UserInputError(_WRONG)
    elif value is not None:
        try:
            model.model_validate(value, context={"validate_meta": True})
        except ValidationError as error:
            raise UserInputError(_WRONG) from error


def check_values(values: Iterable[Any]) -> None:
    """Check that an answer could hold these values: numbers finite, texts Unicode and not long.

    Raises: UserInputError otherwise.
    """
    for value in values:
        if isinstance(value, float) and not math.isfinite(value):
            raise UserInputError(_WRONG)
        if isinstance(value, str):
            if len(value) > _MAX_TEXT:
                raise UserInputError(_WRONG)
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise UserInputError(_WRONG) from error


def find_session(path: str, query: QueryParams) -> str | None:
    """Return whose answers a request waits for; None for one that waits for none."""
    if path.startswith(_CALL):
        return path.rpartition("/")[2]
    return query.get("session_hash", "") if path == _DATA else None


def check_session(page: gr.Blocks, session: str) -> None:
    """Check that there is a call whose answer can be waited for.

    Raises: NotFoundError otherwise.
    """
    if session not in page._queue.pending_messages_per_session:
        raise NotFoundError("This call is over, or never was. Make it again.")


def _find_function(page: gr.Blocks, path: str, call: _Body) -> Any:  # noqa: ANN401  (Gradio's)
    """Return a function of the page, by its number or by the name in the path; None without."""
    if not path.startswith(_CALL):
        return None if call.fn_index is None else page.fns.get(call.fn_index)
    name = path.removeprefix(_CALL).strip("/")
    return next((each for each in page.fns.values() if each.api_name == name), None)
