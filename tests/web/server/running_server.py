"""A server of ours under a small app, and clients that misbehave."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from starlette.applications import Starlette
from starlette.routing import BaseRoute

from tests.running import find_free_port
from web.access.clients import Network
from web.http.shares import Shares
from web.server.front import Front, Proxies
from web.server.headers import make_headers
from web.server.server import PageServer


@contextmanager
def serve(
    routes: Sequence[BaseRoute],
    *,
    requests: Shares | None = None,
    connections: Shares | None = None,
    proxies: Sequence[Network] = (),
) -> Iterator[PageServer]:
    """Serve some routes for a while."""
    front = Front(
        Starlette(routes=list(routes)),
        requests or Shares(100, 1000),
        make_headers("'self'"),
        Proxies(proxies),
    )
    server = PageServer(
        front, "127.0.0.1", find_free_port(), connections=connections or Shares(100, 1000)
    )
    server.start()
    try:
        yield server
    finally:
        server.stop(seconds=2)


@contextmanager
def connect(server: PageServer, source: str = "127.0.0.1") -> Iterator[socket.socket]:
    """Open a connection from an address of this machine."""
    assert server.port is not None
    with socket.create_connection(("127.0.0.1", server.port), 20, (source, 0)) as connection:
        yield connection


def read_all(connection: socket.socket) -> bytes:
    """Return what comes until the server closes."""
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except ConnectionResetError:
        pass
    return received
