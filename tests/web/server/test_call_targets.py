from typing import Any

import gradio as gr
import pytest
from starlette.datastructures import QueryParams

from inference.errors import UserInputError
from tests.running import run_apart
from web.http.errors import NotFoundError
from web.server.call_targets import (
    check_session,
    check_target,
    check_values,
    find_session,
)

JOIN, CALL = "/gradio_api/queue/join", "/gradio_api/call/"


@pytest.fixture(scope="module")
def page() -> gr.Blocks:
    async def make() -> gr.Blocks:  # in a loop, or Gradio leaves one open
        with gr.Blocks() as blocks:
            one, two = gr.Textbox(), gr.Textbox()
            one.change(lambda a, b: a, [one, two], one, api_name="both")
            two.change(None, one, two, js="(a) => a")
        return blocks.queue()

    return run_apart(make())


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (JOIN, {"data": ["a", "b"], "fn_index": 0, "session_hash": "s", "trigger_id": 3}),
        (JOIN, {"data": ["a", "b"], "fn_index": 0, "event_data": None, "unknown": 1}),
        (f"{CALL}both", {"data": ["a", "b"]}),
        (f"{CALL}both/", {"data": ["a", "b", "c"]}),
    ],
)
def test_calls_of_the_page_are_taken(page: gr.Blocks, path: str, body: Any) -> None:
    check_target(page, path, body)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (JOIN, {"data": ["a", "b"]}),
        (JOIN, {"data": ["a", "b"], "fn_index": 9}),
        (JOIN, {"data": ["a", "b"], "fn_index": -1}),
        (JOIN, {"data": ["a"], "fn_index": 1}),  # done by the browser alone
        (f"{CALL}nothing", {"data": ["a", "b"]}),
        (CALL, {"data": ["a", "b"]}),
    ],
)
def test_calls_of_nothing_are_not_found(page: gr.Blocks, path: str, body: Any) -> None:
    with pytest.raises(NotFoundError, match="no such call"):
        check_target(page, path, body)


@pytest.mark.parametrize(
    "body",
    [
        None, [], "text", {}, {"data": "ab"}, {"data": []}, {"data": ["a"]},
        {"data": [[], []], "fn_index": "0"},
        {"data": ["a", "b"], "session_hash": 7}, {"data": ["a", "b"], "session_hash": "s" * 101},
        {"data": ["a", "b"], "batched": True}, {"data": ["a", "b"], "trigger_id": []},
        {"data": ["a", "b"], "fn_index": True}, {"data": ["a", "b"], "fn_index": 0.5},
    ],
)  # fmt: skip
def test_calls_of_another_shape_are_refused(page: gr.Blocks, body: Any) -> None:
    with pytest.raises(UserInputError, match="Reload it"):
        check_target(page, f"{CALL}both", body)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", "a" * 10_001])
def test_values_that_no_answer_could_hold_are_refused(value: object) -> None:
    check_values(["text – ✓", 1e308, None, True, "a" * 10_000])
    with pytest.raises(UserInputError):
        check_values([value])


def test_answers_are_waited_for_only_where_there_is_a_call(page: gr.Blocks) -> None:
    known = page._queue.pending_messages_per_session
    known["here"] = None  # type: ignore[assignment]
    check_session(page, "here")
    with pytest.raises(NotFoundError):
        check_session(page, "gone")


@pytest.mark.parametrize(
    ("path", "query", "session"),
    [
        (f"{CALL}both/here", "", "here"),
        ("/gradio_api/queue/data", "session_hash=here", "here"),
        ("/gradio_api/queue/data", "", ""),
        ("/model.onnx", "session_hash=here", None),
    ],
)
def test_a_request_tells_whose_answers_it_waits_for(
    path: str, query: str, session: str | None
) -> None:
    assert find_session(path, QueryParams(query)) == session
