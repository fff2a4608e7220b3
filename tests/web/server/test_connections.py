"""Connections that take too much or too long."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from tests.running import wait_for
from tests.web.server.running_server import connect, read_all, serve
from web.http.shares import Shares
from web.server import connections
from web.server.server import PageServer


async def count(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


async def stream(request: Request) -> StreamingResponse:
    return StreamingResponse(bytes(1 << 20) for _ in range(200))


async def small(request: Request) -> PlainTextResponse:
    return PlainTextResponse("a" * 30_000)


async def held(request: Request) -> PlainTextResponse:
    await until_let_go()
    return PlainTextResponse("held")


async def events(request: Request) -> StreamingResponse:
    async def tell() -> AsyncIterator[str]:
        while not HELD.is_set():
            yield "data: 1\n\n"
            await asyncio.sleep(0.01)

    return StreamingResponse(tell(), media_type="text/event-stream")


async def unended(request: Request) -> StreamingResponse:
    async def tell() -> AsyncIterator[str]:
        yield "whole"
        await until_let_go()

    return StreamingResponse(tell(), headers={"Content-Length": "5"})


async def late(request: Request) -> StreamingResponse:
    async def tell() -> AsyncIterator[str]:
        await until_let_go()
        yield "whole"

    return StreamingResponse(tell(), headers={"Content-Length": "5"})


async def told(request: Request) -> PlainTextResponse:
    return PlainTextResponse(" ".join(request.headers))


async def until_let_go() -> None:
    while not HELD.is_set():
        await asyncio.sleep(0.01)


HELD = threading.Event()
ROUTES = [
    Route("/count", count, methods=["GET", "POST"]),
    Route("/stream", stream),
    Route("/held", held),
    Route("/events", events),
    Route("/unended", unended),
    Route("/late", late),
    Route("/told", told, methods=["POST"]),
    Route("/small", small),
]


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    with serve(ROUTES) as running:
        yield running


def test_a_long_header_is_refused_before_it_has_arrived(server: PageServer) -> None:
    with connect(server) as client:
        client.sendall(b"GET /count HTTP/1.1\r\nHost: a\r\nX-Long: ")
        client.sendall(bytes(b"a" * 200_000))
        assert read_all(client).startswith(b"HTTP/1.1 431 ")


def test_many_headers_and_a_long_address_are_refused_too(server: PageServer) -> None:
    for head in (b"GET /count HTTP/1.1\r\n" + b"a: b\r\n" * 20_000, b"GET /" + b"a" * 80_000):
        with connect(server) as client:
            client.sendall(head)
            assert b" 200 " not in read_all(client)  # 431, or cut off while it was still sending


def test_headers_after_the_body_are_refused_where_they_are_long(server: PageServer) -> None:
    with connect(server) as client:
        client.sendall(b"POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.sendall(b"1\r\na\r\n0\r\n" + b"X-Long: " + b"a" * 200_000)
        assert b" 200 " not in read_all(client)


def test_an_ordinary_header_and_a_large_body_are_taken(server: PageServer) -> None:
    url = f"http://127.0.0.1:{server.port}/count"
    with httpx.Client(headers={"Cookie": "a" * 4000}) as client:
        for size in (0, 1, 3_000_000):
            assert client.post(url, content=bytes(size)).text == str(size)
        parts = (b"a" for _ in range(10_000))  # chunks of a byte
        assert client.post(url, content=parts).text == "10000"
        assert client.get(url).text == "0"


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\r\n",
        b"GET /count HTTP/1.1\r\nHost: a\r\n",
        b"POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc",
        b"GET /count HTTP/1.1\r\nHost: a\r\n\r\n\r\n",  # answered, then half of the next
    ],
)
def test_who_sends_too_slowly_is_cut_off(
    server: PageServer, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.5)
    monkeypatch.setattr(connections, "BODY_SECONDS", 0.5)
    with connect(server) as client:
        client.sendall(sent)
        read_all(client)  # ends only where the server closes
    wait_for(lambda: server.connections.held == 0)


def test_who_takes_nothing_of_an_answer_is_cut_off(
    server: PageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "STALLED_SECONDS", 0.5)
    with connect(server) as client:
        client.sendall(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_for(lambda: server.connections.held == 0)


def test_who_leaves_the_end_of_an_answer_is_cut_off_too(
    server: PageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So little is left that the app is done, and the system keeps it."""
    monkeypatch.setattr(connections, "STALLED_SECONDS", 0.5)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        client.connect(("127.0.0.1", server.port))
        (protocol,) = wait_for_connections(server, 1)
        sending = protocol.transport.get_extra_info("socket")
        sending.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        client.sendall(b"GET /small HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        wait_for(lambda: server.connections.held == 0)


def wait_for_connections(server: PageServer, number: int) -> list[Any]:
    assert server._server is not None
    connections = server._server.server_state.connections
    wait_for(lambda: len(connections) == number)
    return list(connections)


def test_one_client_cannot_take_all_connections() -> None:
    shares = Shares(each=5, all=20)
    with serve(ROUTES, connections=shares) as server, ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(connect(server))
        wait_for(lambda: shares.held == 5)
        with connect(server) as one_more:
            answer = read_all(one_more)
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"Retry-After: " in answer
        with connect(server, "127.0.0.2") as other:
            other.sendall(b"GET /count HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert read_all(other).startswith(b"HTTP/1.1 200 ")
        stack.close()
        wait_for(lambda: shares.held == 0)
        assert httpx.get(f"http://127.0.0.1:{server.port}/count").is_success


def test_a_request_sent_ahead_is_not_kept(server: PageServer) -> None:
    """Its connection is closed after the answer before it; ten thousand of them cost nothing."""
    HELD.clear()
    with connect(server) as client:
        client.sendall(b"GET /held HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_for(lambda: server.front.under_way)
        (protocol,) = wait_for_connections(server, 1)
        client.sendall(b"POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n")
        client.sendall(bytes(9_000_000))
        client.sendall(b"GET /count HTTP/1.1\r\nHost: a\r\n\r\n" * 10_000)
        assert not protocol.pipeline
        HELD.set()
        answer = read_all(client)
    assert answer.endswith(b"held") and answer.count(b"HTTP/1.1 ") == 1


def test_who_hangs_up_behind_a_request_sent_ahead_is_noticed(server: PageServer) -> None:
    HELD.clear()
    with connect(server) as client:
        client.sendall(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(1000)
        client.sendall(b"GET /count HTTP/1.1\r\nHost: a\r\n\r\n")
    wait_for(lambda: server.connections.held == 0)
    wait_for(lambda: not server.front.under_way)


@pytest.mark.parametrize(
    ("request_line", "read"),
    [(b"GET /unended", b"whole"), (b"HEAD /late", b"\r\n\r\n")],
    ids=["an app has not said that the body is over", "a head has no body"],
)
def test_the_next_request_may_come_before_an_answer_that_arrived_is_ended(
    server: PageServer, request_line: bytes, read: bytes
) -> None:
    HELD.clear()
    with connect(server) as client:
        client.sendall(request_line + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        while read not in client.recv(1000):
            pass
        head = b"POST /count HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3"
        client.sendall(head + b"\r\n\r\nabc")
        HELD.set()
        assert read_all(client).endswith(b"3")


def test_what_stands_behind_a_body_is_no_header(server: PageServer) -> None:
    """A proxy may hand it on, and it would say whose address is counted."""
    with connect(server) as client:
        client.sendall(
            b"POST /told HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
            b"Connection: close\r\n\r\n1\r\na\r\n0\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"
        )
        assert b"x-forwarded-for" not in read_all(client)


def test_what_is_no_http_is_refused_under_our_headers(
    server: PageServer, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(server) as client:
        client.sendall(b"hello\r\n\r\n")
        answer = read_all(client)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"X-Content-Type-Options: nosniff" in answer
    assert not caplog.records


def test_who_asks_for_a_web_socket_gets_an_answer_and_no_line_in_the_log(
    server: PageServer, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(server) as client:
        client.sendall(b"GET /count HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n")
        client.sendall(b"Connection: Upgrade, close\r\n\r\n")
        assert read_all(client).startswith(b"HTTP/1.1 200 ")
    assert not caplog.records
