"""Answers in parts: what becomes of their source when the client goes away."""

import json
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect

from tests.web.asking import PLAIN, make_access
from web.access.teacher_routes import Call, send_archive
from web.http.streams import ClosedStream, send_file


def run(function: Any, *arguments: Any) -> Any:
    """Run in a thread of its own: the browser of other tests keeps a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(anyio.run, function, *arguments).result()


async def ask(app: Any, spec: str, parts_before_gone: int) -> list[bytes]:
    """Ask as a server does whose client goes away after some parts; returns what was sent."""
    sent: list[bytes] = []
    gone = anyio.Event()
    body = [{"type": "http.request", "body": b"zip", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if body:
            return body.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start" and parts_before_gone:
            return
        if len(sent) == parts_before_gone:
            gone.set()
            if spec >= "2.4":
                raise OSError("The client is gone.")
            await anyio.sleep_forever()
        sent.append(message["body"])

    headers = [(name.encode(), value.encode()) for name, value in PLAIN.items()]
    scope = {
        "type": "http", "method": "POST", "path": "/zip", "query_string": b"", "headers": headers,
        "asgi": {"spec_version": spec}, "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 7860), "scheme": "http",
    }  # fmt: skip
    with anyio.fail_after(30):
        if spec >= "2.4":
            with pytest.raises(ClientDisconnect):
                await app(scope, receive, send)
        else:
            await app(scope, receive, send)
    return sent


@pytest.mark.parametrize("spec", ["2.3", "2.4"])
@pytest.mark.parametrize("parts", [0, 2])
def test_a_source_is_closed_when_the_client_goes_away(spec: str, parts: int) -> None:
    closed: list[bool] = []
    stream = ClosedStream(iter([b"a"] * 9), lambda: closed.append(True), "text/plain", {})
    assert run(ask, stream, spec, parts) == [b"a"] * parts
    assert closed == [True]


def test_an_open_file_is_sent_though_it_is_deleted(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"whole" * 100_000)
    file = path.open("rb")
    stream = send_file(file, file.close, "text/plain", {"X": "y"})
    path.unlink()
    assert stream.headers["content-length"] == "500000"
    assert run(ask, stream, "2.3", 1) == [(b"whole" * 100_000)[: 1 << 18]]
    assert file.closed


@pytest.mark.parametrize("spec", ["2.3", "2.4"])
@pytest.mark.parametrize("parts", [0, 1])
def test_an_archive_is_removed_when_its_sender_goes_away(
    tmp_path: Path, spec: str, parts: int
) -> None:
    ended: list[bool] = []

    def take(call: Call, archive: Path) -> Generator[dict[str, Any]]:
        try:
            for number in range(9):
                assert archive.read_bytes() == b"zip"
                yield {"number": number}
        finally:
            ended.append(archive.is_file())

    app = Starlette(routes=[send_archive(make_access(), "/zip", tmp_path, take)])
    sent = run(ask, app, spec, parts)
    assert [json.loads(line) for line in sent] == [{"number": 0}][:parts]
    assert ended == [True] * parts  # it ends before the archive is removed
    assert list(tmp_path.iterdir()) == []
