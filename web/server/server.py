"""The server under the page: uvicorn under our limits, in a thread of its own, until it is stopped.

Gradio's `launch` would start uvicorn without limits, let it believe what anybody reports as an
address, and ask for its own page through whatever proxy the environment names.
"""

import errno
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import uvicorn

from inference.errors import UserInputError
from web.access.clients import Network, is_within
from web.http.shares import Shares
from web.server.connections import LimitedProtocol, make_protocol
from web.server.front import Front

FIRST_PORT, PORTS = 7860, 100
MAX_CONNECTIONS = 2000
_FILES = 8192  # descriptors asked for; a connection needs one, and its request a few
_TICKS_A_SECOND = 10  # uvicorn's
_SWEEP_SECONDS = 30
_FETCH_SECONDS = 2.0  # in which whoever made a call asks for its answer


@dataclass
class PageServer:
    """Serves an ASGI app at `host`. `port`: None for the first free one from 7860.

    `sweep` is called now and then in a thread, `tidy` every second in the event loop. `is_idle`:
    whether no call is waited for or answered.
    `has_delivered`: whether every answer was fetched, too.
    """

    front: Front
    host: str
    port: int | None = None
    sweep: Callable[[], None] = lambda: None
    tidy: Callable[[], None] = lambda: None
    is_idle: Callable[[], bool] = lambda: True
    has_delivered: Callable[[], bool] = lambda: True
    connections: Shares = field(default_factory=lambda: make_connection_shares())  # noqa: PLW0108  (defined below)
    _thread: threading.Thread | None = None
    _server: "_Server | None" = None

    def start(self) -> str:
        """Start serving in the background. Returns: the address.

        Raises: UserInputError for an address or a port that cannot be used.
        """
        listener = listen(self.host, self.port)
        self.port = listener.getsockname()[1]
        self._server = _Server(_configure(self.front, self.connections), self.sweep, self.tidy)
        arguments = ([listener],)
        self._thread = threading.Thread(target=self._server.run, args=arguments, daemon=True)
        self._thread.start()
        if not self._server.serving.wait(60):
            raise RuntimeError("The server did not start.")
        return f"http://{name_host(self.host)}:{self.port}/"

    def stop(self, seconds: float = 10.0) -> None:
        """Answer what is under way, for at most so many seconds, and nothing new; then end."""
        if self._server is None or self._thread is None:
            return
        self.front.stopping = True
        _wait_for(self._is_idle, seconds)
        _wait_for(self.has_delivered, min(seconds, _FETCH_SECONDS))
        self._server.should_exit = True
        self._thread.join(timeout=5)

    def _is_idle(self) -> bool:
        return self.is_idle() and all(each.is_stream for each in list(self.front.under_way))


class _Server(uvicorn.Server):  # type: ignore[misc]
    """uvicorn's server; looks after slow connections and what uploads left."""

    def __init__(
        self, config: uvicorn.Config, sweep: Callable[[], None], tidy: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self.serving = threading.Event()
        self._sweep = sweep
        self._tidy = tidy

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.serving.set()

    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS_A_SECOND == 0:
            for connection in list(self.server_state.connections):
                if isinstance(connection, LimitedProtocol):
                    connection.check()
            self._tidy()
        if counter % (_SWEEP_SECONDS * _TICKS_A_SECOND) == 0:
            threading.Thread(target=self._sweep, daemon=True).start()
        return bool(await super().on_tick(counter))


def listen(host: str, port: int | None) -> socket.socket:
    """Return a socket that listens at an address; at the first free port from 7860 for None.

    Raises: UserInputError where none can be had.
    """
    for candidate in [port] if port else range(FIRST_PORT, FIRST_PORT + PORTS):
        try:
            return _bind(host, candidate)
        except (OSError, OverflowError, UnicodeError) as error:
            if _is_elsewhere(error):
                raise UserInputError(
                    f"{host} is no address of this machine. Choose another with --host."
                ) from error
            reason = error
    raise UserInputError(
        f"Port {port or f'{FIRST_PORT} and the next hundred'} on {host} cannot be used. "
        "Choose another with --port."
    ) from reason


def _is_elsewhere(error: Exception) -> bool:
    is_foreign = isinstance(error, OSError) and error.errno == errno.EADDRNOTAVAIL
    return is_foreign or isinstance(error, (socket.gaierror, UnicodeError))


def name_host(host: str) -> str:
    """Return the host of the address at which this machine finds itself."""
    bare = host.strip("[]")
    if bare in ("0.0.0.0", "::", ""):  # noqa: S104
        return "localhost"
    return f"[{bare}]" if ":" in bare else bare


def make_connection_shares(proxies: Sequence[Network] = ()) -> Shares:
    """Return how many connections there may be, of all descriptors that this process may have.

    `proxies`: behind whose addresses there are many clients.
    """
    most = min(MAX_CONNECTIONS, _raise_file_limit() // 2)
    return Shares(max(1, most // 8), most, shared=partial(is_within, networks=proxies))


def _wait_for(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)


def _bind(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    family, _, _, _, address = min(found)  # IPv4 first, as in the address that is printed
    return socket.create_server(address[:2], family=family, backlog=2048)


def _configure(front: Front, connections: Shares) -> uvicorn.Config:
    config: dict[str, Any] = {
        "http": make_protocol(connections),
        "ws": "none",
        "proxy_headers": False,  # whom to believe is decided in front
        "server_header": False,
        "access_log": False,
        "log_config": None,  # all loggers are told once, when the page starts
        "log_level": "warning",
        "timeout_graceful_shutdown": 1,  # what is under way was waited for already
    }
    return uvicorn.Config(front, **config)


def _raise_file_limit() -> int:
    """Return how many descriptors this process may have; as many as it may ask for, up to 8192."""
    if sys.platform == "win32":
        return _FILES
    import resource  # noqa: PLC0415  (not on Windows)

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return _FILES if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted
