"""What every request passes first, and how a server stops."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from tests.running import wait_for
from tests.web.server.running_server import connect, read_all, serve
from web.access.clients import read_networks
from web.http.shares import Shares


class Slow:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.routes = [
            Route("/slow", self.answer),
            *(Route(path, self.say) for path in ("/fast", "/healthz", "/readyz")),
        ]

    def answer(self, request: Request) -> PlainTextResponse:
        self.go.wait(30)
        return PlainTextResponse("done")

    async def say(self, request: Request) -> JSONResponse:
        return JSONResponse({"client": request.client and request.client.host})


def test_every_answer_says_what_a_browser_may_do() -> None:
    with serve(Slow().routes) as server:
        for path in ("fast", "nowhere"):
            headers = httpx.get(f"http://127.0.0.1:{server.port}/{path}").headers
            policy = headers["content-security-policy"]
            assert "script-src 'self'" in policy
            assert "frame-ancestors 'self'" in policy
            assert "http" not in policy  # nothing from elsewhere
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert "server" not in headers


def test_an_answer_to_one_is_kept_for_nobody_else() -> None:
    """A host that somebody made up, and that an answer names, would be shown to all by a cache."""
    with serve(Slow().routes) as server:
        url = f"http://127.0.0.1:{server.port}"
        assert httpx.get(f"{url}/fast").headers["cache-control"] == "private, no-cache"
        assert "cache-control" not in httpx.get(f"{url}/nowhere").headers  # of plain text


def test_nobody_is_believed_who_forwards() -> None:
    with serve(Slow().routes) as server:
        told = {"X-Forwarded-For": "8.8.8.8", "Forwarded": "for=8.8.8.8", "X-Real-IP": "8.8.8.8"}
        answer = httpx.get(f"http://127.0.0.1:{server.port}/fast", headers=told)
        assert answer.json() == {"client": "127.0.0.1"}


def test_one_client_cannot_take_all_requests() -> None:
    slow, shares = Slow(), Shares(each=3, all=10)
    with serve(slow.routes, requests=shares) as server, ThreadPoolExecutor(3) as pool:
        url = f"http://127.0.0.1:{server.port}"
        waiting = [pool.submit(httpx.get, f"{url}/slow", timeout=60) for _ in range(3)]
        wait_for(lambda: shares.held == 3)
        refused = httpx.get(f"{url}/fast")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert "Try again" in refused.json()["error"]
        with connect(server, "127.0.0.2") as other:
            other.sendall(b"GET /fast HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert read_all(other).startswith(b"HTTP/1.1 200 ")
        slow.go.set()
        assert [future.result().text for future in waiting] == ["done"] * 3
        wait_for(lambda: shares.held == 0)


@pytest.mark.parametrize("shares", [Shares(each=1, all=9), Shares(each=9, all=1)])
def test_who_takes_all_requests_makes_no_page_look_dead(shares: Shares) -> None:
    slow = Slow()
    with serve(slow.routes, requests=shares) as server, ThreadPoolExecutor(1) as pool:
        url = f"http://127.0.0.1:{server.port}"
        waiting = pool.submit(httpx.get, f"{url}/slow", timeout=60)
        wait_for(lambda: shares.held == 1)
        codes = [httpx.get(f"{url}/{path}").status_code for path in ("healthz", "readyz", "fast")]
        slow.go.set()
        assert codes == [200, 200, 503]
        assert waiting.result().text == "done"


def test_what_is_under_way_is_answered_and_nothing_new() -> None:
    slow = Slow()
    with serve(slow.routes) as server, ThreadPoolExecutor(7) as pool:
        url = f"http://127.0.0.1:{server.port}"
        waiting = [pool.submit(httpx.get, f"{url}/slow", timeout=60) for _ in range(6)]
        wait_for(lambda: len(server.front.under_way) == 6)
        stopping = pool.submit(server.stop)
        wait_for(lambda: server.front.stopping)
        refused = httpx.get(f"{url}/fast")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert not stopping.done()
        slow.go.set()
        assert [future.result().text for future in waiting] == ["done"] * 6
        stopping.result()
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/fast")


def test_a_server_does_not_wait_for_ever() -> None:
    slow = Slow()
    with serve(slow.routes) as server, ThreadPoolExecutor(1) as pool:
        url = f"http://127.0.0.1:{server.port}"
        waiting = pool.submit(httpx.get, f"{url}/slow", timeout=60)
        wait_for(lambda: server.front.under_way)
        server.stop(seconds=0.1)
        assert not slow.go.is_set()
        slow.go.set()
        with suppress(httpx.TransportError):
            assert waiting.result().is_server_error


@pytest.mark.parametrize("body", [b"Content-Length: %d\r\n", b"Transfer-Encoding: chunked\r\n"])
@pytest.mark.parametrize("protocol", [b"websocket", b"h2c"])
def test_no_request_hides_in_a_body_that_an_upgrade_leaves_unread(
    body: bytes, protocol: bytes
) -> None:
    hidden = b"GET /fast HTTP/1.1\r\nHost: a\r\n\r\n"
    upgrade = b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n"
    with serve(Slow().routes) as server, connect(server) as client:
        client.sendall(b"POST /fast HTTP/1.1\r\nHost: a\r\n" + upgrade + body.replace(b"%d", b"36"))
        client.sendall(b"\r\n")
        answer = client.recv(65536)
        assert answer.startswith(b"HTTP/1.1 400 ")
        with suppress(OSError):  # it is closed
            client.sendall(hidden)
        answer += read_all(client)
        assert answer.count(b"\r\ndate: ") == 1
        assert b"without Upgrade" in answer


def test_an_upgrade_is_passed_over_and_its_connection_closed() -> None:
    with serve(Slow().routes) as server, connect(server) as client:
        head = b"GET /fast HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
        client.sendall(head)
        answer = read_all(client)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"\r\nconnection: close\r\n" in answer


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("8.8.8.8", "8.8.8.8"),
        ("1.2.3.4, 8.8.8.8", "8.8.8.8"),  # what the visitor wrote, then what the proxy saw
        ("nonsense", "127.0.0.1"),
        ("", "127.0.0.1"),
    ],
)
def test_a_proxy_that_was_named_is_believed(forwarded: str, client: str) -> None:
    with serve(Slow().routes, proxies=read_networks(["127.0.0.1"])) as server:
        headers = {"X-Forwarded-For": forwarded}
        answer = httpx.get(f"http://127.0.0.1:{server.port}/fast", headers=headers)
        assert answer.json() == {"client": client}
