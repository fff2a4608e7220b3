"""What a call of Gradio's queue may say."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from inference.errors import UserInputError
from tests.running import RunningApp
from tests.web.http.test_gradio_api import describe_upload, upload
from tests.web.pictures import CAT
from web.server.calls import MAX_CALL, check_call

JSON = {"Content-Type": "application/json"}


def make_call(data: list[Any]) -> bytes:
    return json.dumps({"data": data, "fn_index": 0, "session_hash": "a"}).encode()


@pytest.mark.parametrize(
    "file",
    [
        {"path": "http://example.com/a.jpg"},
        {"path": " HTTPS://example.com/a.jpg"},
        {"path": "//example.com/a.jpg"},
        {"path": "ftp://example.com/a.jpg"},
        {"path": "data:image/png;base64,AAAA"},
        {"path": "file:///etc/passwd"},
        {"url": "http://example.com/a.jpg"},
        {"path": None, "url": "http://example.com/a.jpg"},
        {"path": ["http://example.com/a.jpg"]},
        {"path": ""},
        {"path": "/etc/passwd"},
        {"path": "../../etc/passwd"},
        {"path": "a" * 5000},
        {"path": "\0"},
    ],
)
def test_no_address_and_no_other_file_is_taken(file: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UserInputError, match=r"fetches no pictures|was not sent to this page"):
        check_call(make_call([{"token": 1, "images": [{"file": file}]}]), tmp_path)


def test_an_upload_may_carry_the_address_that_the_page_gave_it(tmp_path: Path) -> None:
    file = {"path": str(tmp_path / "a.jpg"), "url": "http://127.0.0.1/gradio_api/file=a.jpg"}
    check_call(make_call([file, {"images": [{"file": None}]}]), tmp_path)
    check_call(make_call([[file] * 201]), tmp_path)  # the page says itself how many it takes


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b"\xff",
        make_call([[0] * 30_000]),
        make_call([{"path": "/tmp/a"}] * 5_000),
    ],
)
def test_a_call_that_is_none_is_refused_at_once(body: bytes, tmp_path: Path) -> None:
    with pytest.raises(UserInputError, match=r"no JSON|too much"):
        check_call(body, tmp_path)


@pytest.mark.parametrize("path", ["gradio_api/queue/join", "gradio_api/call/classify"])
def test_page_explains_what_is_wrong_with_a_call(app: RunningApp, path: str) -> None:
    url = f"{app.url}{path}"
    body = make_call([{"path": "http://127.0.0.1:1/a.jpg"}])
    fetched = httpx.post(url, content=body, headers=JSON)
    assert fetched.status_code == 400
    assert "fetches no pictures from addresses" in fetched.json()["detail"]
    large = httpx.post(url, content=make_call(["a" * MAX_CALL]), headers=JSON)
    assert large.status_code == 413
    parts = (b"[" * 10_000 for _ in range(MAX_CALL // 5_000))
    chunked = httpx.post(url, content=parts, headers=JSON)
    assert chunked.status_code == 413


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "text/plain; application/json", "multipart/form-data; boundary=a",
             "application/x-www-form-urlencoded", "application/jsonp", "text/json"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["gradio_api/queue/join", "gradio_api/call/renew"])
def test_no_page_elsewhere_can_call_by_a_form(app: RunningApp, path: str, kind: str) -> None:
    answer = httpx.post(f"{app.url}{path}", content=make_call([""]), headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert "is sent as JSON" in answer.json()["detail"]


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
def test_calls_are_json(app: RunningApp, kind: str) -> None:
    url = f"{app.url}gradio_api/call/renew"
    answer = httpx.post(url, content=make_call([""]), headers={"Content-Type": kind})
    assert answer.json()["event_id"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("classify", [{"path": "a"}, False, None]),
        ("classify", [[], False, None]),
        ("classify", ["a.jpg", False, None]),
        ("classify", [7, False, None]),
        ("classify", [None, {}, None]),
        ("classify", [None, False, ["hotdog"]]),
        ("classify_many", [{"a": 1}, None]),
        ("classify_many", [["a.jpg"], None]),
        ("respond", [{"token": "x", "images": []}]),
        ("respond", [{"images": [{"name": 1}]}]),
        ("respond", [7]),
        ("renew", [json.loads("[" * 900 + "]" * 900)]),
    ],
)
def test_nothing_of_a_library_is_read_of_wrong_values(
    app: RunningApp, name: str, data: list[Any]
) -> None:
    file = {"orig_name": "a.jpg", "meta": {"_type": "gradio.FileData"}}
    log = app.read_log()
    for values in (data, [*data, file]):
        answer = httpx.post(f"{app.url}gradio_api/call/{name}", json={"data": values})
        assert answer.status_code == 400
        assert answer.json()["detail"].startswith(("This call says something", "This picture was"))
    assert app.read_log() == log


def test_one_client_cannot_fill_the_queue(app: RunningApp) -> None:
    file = describe_upload(upload(app, CAT))
    url = f"{app.url}gradio_api/call/classify_many"
    body = {"data": [[file] * 100, None]}
    elsewhere = httpx.HTTPTransport(local_address="127.0.0.6")  # nobody fetches what it asks for
    with httpx.Client(transport=elsewhere) as client:
        answers = [client.post(url, json=body) for _ in range(60)]
        refused = [answer for answer in answers if not answer.is_success]
        assert {answer.status_code for answer in refused} == {503}
        assert all(answer.headers["retry-after"] for answer in refused)
        assert 20 < len(refused) <= 30  # of 64 places, 32 are one client's


def test_a_session_without_a_name_does_not_end_the_queue(app: RunningApp) -> None:
    """Gradio takes it for none in one place and for a name in another, and its loop fails."""
    url = f"{app.url}gradio_api/queue/join"
    for _ in range(8):
        body = {"data": [None, None, None], "fn_index": 0, "session_hash": ""}
        assert httpx.post(url, json=body).status_code == 400
    assert httpx.get(f"{app.url}readyz").is_success
