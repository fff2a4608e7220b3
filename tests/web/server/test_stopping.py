"""SIGTERM: what is under way is answered, new requests are sent away, and the training is told."""

import json
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.running import RunningApp, find_free_port, start_app
from tests.web.http.test_gradio_api import describe_upload, upload
from tests.web.pictures import CAT, HOT_DOG

pytestmark = pytest.mark.slow


def join(app: RunningApp, count: int) -> str:
    """Join the queue with a call that takes seconds; return where its answer will be."""
    url = f"{app.url}gradio_api/call/classify_many"
    file = describe_upload(upload(app, CAT))
    joined = httpx.post(url, json={"data": [[file] * count, None]}).json()
    return f"{url}/{joined['event_id']}"


def fetch(url: str) -> list[dict[str, object]]:
    """Wait for the answer of a call."""
    return list(json.loads(httpx.get(url, timeout=60).text.rpartition("data: ")[2])[0])


def test_six_requests_under_way_are_answered() -> None:
    port = find_free_port()
    with start_app(port=port, env={"GRADIO_SERVER_PORT": str(port)}) as app:
        calls = [join(app, 20) for _ in range(6)]
        with ThreadPoolExecutor(6) as pool:
            answers = [pool.submit(fetch, call) for call in calls]
            app.process.send_signal(signal.SIGTERM)  # some have not asked for their answers yet
            assert [len(future.result()) for future in answers] == [20] * 6
        assert app.process.wait(timeout=30) == 0
        assert "Traceback" not in app.read_log()


def test_an_open_page_does_not_keep_it_from_ending() -> None:
    port = find_free_port()
    with (
        start_app(port=port, env={"GRADIO_SERVER_PORT": str(port)}) as app,
        httpx.Client() as visitor,
        visitor.stream("GET", f"{app.url}gradio_api/heartbeat/abc") as stream,
    ):
        assert next(stream.iter_text())
        app.process.send_signal(signal.SIGTERM)
        assert app.process.wait(timeout=8) == 0
        assert "Traceback" not in app.read_log()
        assert "ERROR" not in app.read_log()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_training_is_told_to_end_by_sigterm_only(tmp_path: Path, number: signal.Signals) -> None:
    port, data = find_free_port(), tmp_path / "data"
    env = {
        "GRADIO_SERVER_PORT": str(port),
        "CLASSIFIER_DATA": str(data),
        "CLASSIFIER_TEACH_PASSWORD": "long enough a password",
    }
    with start_app("--teach", port=port, env=env) as app, httpx.Client(base_url=app.url) as teacher:
        signed = teacher.post("/sign-in", data={"password": env["CLASSIFIER_TEACH_PASSWORD"]})
        assert signed.is_success
        created = teacher.post(
            "/teach/models", json={"model": "room", "labels": ["cat", "hot_dog"]}
        )
        assert created.is_success, created.text
        for label, picture in (("cat", CAT), ("hot_dog", HOT_DOG)):
            sent = teacher.post(
                "/teach/images",
                params={"model": "room", "label": label, "name": picture.name},
                content=picture.read_bytes(),
            )
            assert sent.is_success, sent.text
        assert teacher.post("/teach/training", json={"model": "room", "kind": "head"}).is_success
        app.process.send_signal(number)
        assert app.process.wait(timeout=30) == 0
    assert (data / "training" / "cancel").exists() is (number == signal.SIGTERM)
