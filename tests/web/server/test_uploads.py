"""What uploads may take of the temporary disk."""

import errno
import os
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from web.server import uploads
from web.server.uploads import PATH, LimitedUploads, UploadBudget, sweep


def make_client(budget: UploadBudget, error: OSError | None = None) -> TestClient:
    async def upload(request: Request) -> PlainTextResponse:
        size = len(await request.body())
        if error is not None:
            raise error
        return PlainTextResponse(str(size))

    routes = [Route(PATH, upload, methods=["POST"])]
    app = Starlette(routes=routes, middleware=[Middleware(LimitedUploads, budget=budget)])
    return TestClient(app, raise_server_exceptions=False)


def check_refused(answer: httpx.Response, words: str) -> None:
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert words in answer.json()["error"]


def test_one_client_gets_a_quarter(tmp_path: Path) -> None:
    now = 0.0
    budget = UploadBudget(tmp_path, most=1000, clock=lambda: now)
    client = make_client(budget)
    assert client.post(PATH, content=bytes(200)).text == "200"
    check_refused(client.post(PATH, content=bytes(51)), "a lot of pictures from your address")
    assert client.post(PATH, content=bytes(50)).text == "50"
    assert budget.refuse("another", 250) is None
    now = uploads.SECONDS + 1
    assert client.post(PATH, content=bytes(250)).text == "250"


def test_all_together_get_no_more_than_there_is(tmp_path: Path) -> None:
    budget = UploadBudget(tmp_path, most=1000)
    assert [budget.refuse(f"client {i}", 240) is None for i in range(5)] == [True] * 4 + [False]


def test_gradio_is_told_of_no_number_to_keep_an_upload_under(tmp_path: Path) -> None:
    async def name(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.url.query)

    app = Starlette(
        routes=[Route(PATH, name, methods=["POST"])],
        middleware=[Middleware(LimitedUploads, budget=UploadBudget(tmp_path))],
    )
    assert not TestClient(app).post(f"{PATH}?upload_id=a").text


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said(tmp_path: Path, number: int) -> None:
    client = make_client(UploadBudget(tmp_path), OSError(number, os.strerror(number)))
    check_refused(client.post(PATH, content=b"a"), "no room for more pictures")


def test_a_nearly_full_disk_is_said_before_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "_LEFT", 1 << 60)
    check_refused(make_client(UploadBudget(tmp_path)).post(PATH, content=b"a"), "no room")


def test_other_errors_stay_errors(tmp_path: Path) -> None:
    client = make_client(UploadBudget(tmp_path), OSError(errno.EIO, "broken"))
    assert client.post(PATH, content=b"a").status_code == 500


def test_what_is_of_no_use_is_swept(tmp_path: Path) -> None:
    kept = [tmp_path / ".lock", tmp_path / "tmpnew", tmp_path / "folder" / "waiting.jpg"]
    gone = [tmp_path / "tmpleft", tmp_path / "folder" / "old.jpg"]
    ages = [9999, 100, 3000, 130, 4000]
    now = 1_000_000.0
    for path, age in zip(kept + gone, ages, strict=True):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"a")
        os.utime(path, (now - age, now - age))
    sweep(tmp_path, now)
    assert [path.exists() for path in kept + gone] == [True] * 3 + [False] * 2
