"""`POST /api/classify` over HTTP, as a program calls it."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from inference.classifier import Classifier
from inference.images import MAX_BYTES, decode
from tests.running import RunningApp
from tests.web.pictures import CAT, HOT_DOG, save_heic, save_truncated
from web.http.classify import Limits, make_classify_route


def post(app: RunningApp, data: bytes, **query: str) -> httpx.Response:
    return httpx.post(f"{app.url}api/classify", content=data, params=query, timeout=60)


def test_answer_is_the_prediction(app: RunningApp, classifier: Classifier) -> None:
    for picture in (CAT, HOT_DOG):
        answer = post(app, picture.read_bytes()).raise_for_status().json()
        image = decode(picture.read_bytes(), classifier.min_side)
        expected = classifier.predict([image])[0].to_json()
        assert answer.pop("milliseconds") > 0
        assert answer.pop("probabilities") == pytest.approx(expected["probabilities"], abs=1e-4)
        assert answer == {key: expected[key] for key in answer}
        assert {"label", "certainty", "model", "version", "provider"} == set(answer)


def test_heatmap_and_model_are_options(app: RunningApp, classifier: Classifier) -> None:
    data = CAT.read_bytes()
    answer = post(app, data, heatmap="1", model="hotdog").raise_for_status().json()
    assert len(answer["heatmap"]) == len(classifier.card.class_names)
    assert "heatmap" not in post(app, data, heatmap="0").raise_for_status().json()
    refused = post(app, data, model="cats")
    assert refused.status_code == 400
    assert "There is no model named" in refused.json()["error"]


def test_phone_pictures_are_taken(app: RunningApp, tmp_path: Path) -> None:
    path = save_heic(CAT, tmp_path / "cat.heic")
    assert post(app, path.read_bytes()).raise_for_status().json()["label"]


@pytest.mark.parametrize("data", [b"", b"no picture", b"%PDF-1.7", b"<svg/>"])
def test_other_files_are_refused_in_one_sentence(app: RunningApp, data: bytes) -> None:
    refused = post(app, data)
    assert refused.status_code == 400
    assert refused.json()["error"].startswith("This file")


def test_broken_image_is_refused_in_one_sentence(app: RunningApp, tmp_path: Path) -> None:
    refused = post(app, save_truncated(CAT, tmp_path / "cat.jpg").read_bytes())
    assert (refused.status_code, "Try to save it again" in refused.json()["error"]) == (400, True)


def test_too_much_is_refused(app: RunningApp) -> None:
    refused = post(app, bytes(MAX_BYTES + 1))
    assert refused.status_code == 413
    assert "20 MB" in refused.json()["error"]


def test_other_methods_are_refused(app: RunningApp) -> None:
    assert httpx.get(f"{app.url}api/classify").status_code == 405


class Stuck:
    """A service whose answers wait until they may come."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()

    def answer(self, data: bytes, model: str | None) -> Any:
        self.may_answer.wait(30)
        raise ValueError("a defect")


def test_requests_beyond_the_queue_get_a_503() -> None:
    service = Stuck()
    site = Starlette(routes=[make_classify_route(service, Limits(2, 4))])  # type: ignore[arg-type]

    async def ask_six() -> list[int]:
        transport = httpx.ASGITransport(app=site)
        async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
            calls = [asyncio.create_task(client.post("/api/classify")) for _ in range(6)]
            first, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
            assert {call.result().status_code for call in first} == {503}
            service.may_answer.set()
            answered = [(await call).status_code for call in calls]
            after = (await client.post("/api/classify")).status_code
        return [*sorted(answered), after]

    with ThreadPoolExecutor(1) as pool:  # no event loop of another test
        assert pool.submit(asyncio.run, ask_six()).result() == [500, 500, 500, 503, 503, 503, 500]


def ask(service: Any, limits: Limits, calls: list[Any], other: bytes = b"") -> list[int]:
    """Send requests one after the other while the first are still inside; returns statuses.

    `other`: what another client sends last, if anything.
    """
    site = Starlette(routes=[make_classify_route(service, limits)])

    async def ask_all() -> list[int]:
        transport = httpx.ASGITransport(app=site)
        stranger = httpx.ASGITransport(app=site, client=("192.0.2.1", 5))
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://page") as client,
            httpx.AsyncClient(transport=stranger, base_url="http://page") as another,
        ):
            senders = [(client, body) for body in calls] + ([(another, other)] if other else [])
            sent = [
                asyncio.create_task(sender.post("/api/classify", content=body))
                for sender, body in senders
            ]
            await asyncio.wait(sent, return_when=asyncio.FIRST_COMPLETED)
            service.may_answer.set()
            return [(await call).status_code for call in sent]

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, ask_all()).result()


def test_memory_of_what_waits_is_bounded() -> None:
    limits = Limits(9, 9, max_bytes=100)  # a quarter for one client
    assert sorted(ask(Stuck(), limits, [bytes(10)] * 4)) == [500, 500, 503, 503]


@pytest.mark.parametrize("limits", [Limits(2, 4), Limits(9, 9, max_bytes=120)])
def test_one_client_leaves_places_and_memory_to_others(limits: Limits) -> None:
    *own, other = ask(Stuck(), limits, [bytes(10)] * 6, other=bytes(10))
    assert sorted(own) == [500] * 3 + [503] * 3
    assert other == 500  # the made-up service's answer: it was let in


def test_image_that_does_not_arrive_in_time_frees_its_memory() -> None:
    async def stop_sending() -> AsyncIterator[bytes]:
        yield b"begin"
        await asyncio.sleep(5)

    assert ask(Stuck(), Limits(9, 9, timeout=0.05), [stop_sending()]) == [408]


def test_announced_bodies_that_never_come_take_no_place(app: RunningApp) -> None:
    host, port = app.url.removeprefix("http://").rstrip("/").split(":")
    head = "POST /api/classify HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n"
    silent = [socket.create_connection((host, int(port))) for _ in range(80)]
    try:
        for connection in silent:
            connection.sendall(head.encode())
        assert post(app, CAT.read_bytes()).is_success
    finally:
        for connection in silent:
            connection.close()
