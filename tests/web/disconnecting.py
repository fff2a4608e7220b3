"""A client that goes away before it has got all of an answer."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import pytest
from starlette.requests import ClientDisconnect

from tests.web.requests import PLAIN, make_access, make_cookies


def leave(app: Any, spec: str, parts_before_gone: int) -> list[bytes]:
    """Request as a server does whose client goes away after some parts; returns what was sent.

    `spec`: the version of ASGI; servers tell of a client that is gone in two ways. Runs in a
    thread of its own, since the browser of other tests keeps a loop in this one.
    """
    with ThreadPoolExecutor(1) as pool:
        return list(pool.submit(anyio.run, _leave, app, spec, parts_before_gone).result())


async def _leave(app: Any, spec: str, parts_before_gone: int) -> list[bytes]:
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

    ((name, value),) = make_cookies(make_access()).items()
    sent_along = {**PLAIN, "cookie": f"{name}={value}"}  # a teacher's
    headers = [(name.encode(), value.encode()) for name, value in sent_along.items()]
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
