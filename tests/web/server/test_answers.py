"""Answers that nobody fetches, and sessions that wait for nothing."""

from asyncio import Queue as Messages
from typing import Any

import gradio as gr
import httpx
import pytest
from gradio.server_messages import ProcessCompletedMessage

from tests.running import RunningApp, run_apart
from tests.web.http.test_gradio_api import describe_upload, upload
from tests.web.pictures import CAT
from web.server import answers
from web.server.answers import Answers

CLIENT = "192.0.2.1"


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(answers, "KEPT_SECONDS", -1.0)

    async def make() -> Any:
        return gr.Blocks().queue()._queue

    return run_apart(make())


def answer(queue: Any, event_id: str, session: str) -> None:
    """Leave what Gradio leaves of a call that was answered and not fetched."""
    queue.pending_event_ids_session.setdefault(session, set()).add(event_id)
    messages = queue.pending_messages_per_session.setdefault(session, Messages())
    messages.put_nowait(ProcessCompletedMessage(output={}, success=True, event_id=event_id))


def test_a_call_counts_until_its_answer_is_fetched(queue: Any) -> None:
    calls = Answers(queue)
    for name in ("a", "b"):
        answer(queue, name, "session")
        calls.note(name, "session", CLIENT)
    assert calls.count(CLIENT) == 2
    assert calls.count("192.0.2.2") == 0
    queue.pending_event_ids_session["session"].remove("a")  # as Gradio does where it is fetched
    assert calls.count(CLIENT) == 1


def test_an_answer_that_nobody_fetches_is_dropped_and_its_session_with_it(queue: Any) -> None:
    calls = Answers(queue)
    answer(queue, "a", "a")
    calls.note("a", None, CLIENT)
    for _ in range(4):
        calls.tidy()
    assert calls.count(CLIENT) == 0
    assert not queue.pending_event_ids_session
    assert not queue.pending_messages_per_session


def test_other_answers_of_a_session_stay(queue: Any) -> None:
    calls = Answers(queue)
    for name in ("a", "b"):
        answer(queue, name, "session")
        calls.note(name, "session", CLIENT)
    queue.event_ids_to_events["b"] = object()  # is being answered
    for _ in range(4):
        calls.tidy()
    assert calls.count(CLIENT) == 1
    assert queue.pending_messages_per_session["session"].get_nowait().event_id == "b"


def test_what_is_being_fetched_stays(queue: Any) -> None:
    calls = Answers(queue)
    answer(queue, "a", "session")
    calls.note("a", "session", CLIENT)
    with calls.fetching("session"):
        for _ in range(4):
            calls.tidy()
        assert calls.count(CLIENT) == 1


def test_a_client_that_fetches_nothing_is_told_to(app: RunningApp) -> None:
    """An answer would be kept for as long as the page runs."""
    body = {"data": [[describe_upload(upload(app, CAT))], None]}
    with make_client(app, "127.0.0.7") as client, make_client(app, "127.0.0.8") as other:
        calls = [make_call(client, body) for _ in range(32)]
        fetch(other, make_call(other, body))  # those before it have been answered, too
        assert client.post(CALL, json=body).status_code == 503
        fetch(client, calls[0])
        make_call(client, body)


CALL = "gradio_api/call/classify_many"


def make_client(app: RunningApp, address: str) -> httpx.Client:
    return httpx.Client(
        base_url=app.url, transport=httpx.HTTPTransport(local_address=address), timeout=60
    )


def make_call(client: httpx.Client, body: Any) -> str:
    return str(client.post(CALL, json=body).raise_for_status().json()["event_id"])


def fetch(client: httpx.Client, event_id: str) -> None:
    assert "event: complete" in client.get(f"{CALL}/{event_id}").text
