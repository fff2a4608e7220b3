"""Connections: how many there may be, how long a header may be, how slowly a request may arrive.

uvicorn's protocol over httptools holds a header of any length, keeps any number of requests that
were sent ahead, and waits for the rest of one for ever.
"""

import logging
import time
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from web.http.shares import Shares

MAX_HEADER = 65_536  # bytes, with the address
HEADER_SECONDS = 10.0  # in which a header must have arrived, or the next request begun
BODY_SECONDS = 30.0  # in which a body must have arrived, and longer the more of it has
SLOWEST = 20_000  # bytes a second, of a body
STALLED_SECONDS = 60.0  # without a byte taken of an answer
MAX_AHEAD = 1 << 20  # bytes of a body sent while the last answer is still being ended
_CHUNKED = 8  # bytes of framing for each byte of a body, at most
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"
_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
_MALFORMED = b"HTTP/1.1 400 Bad Request\r\n"
_END = (
    b"Content-Length: 0\r\nContent-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
    b"X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n"
)
_log = logging.getLogger("uvicorn.error.connections")
_log.setLevel(logging.ERROR)  # whoever sends no HTTP, or asks for a WebSocket, fills no log


class _SentAheadError(Exception):
    """A request came before the last one was answered."""


class LimitedProtocol(HttpToolsProtocol):  # type: ignore[misc]
    """uvicorn's protocol, under limits. `check` is to be called every second or so."""

    def __init__(self, *args: Any, shares: Shares, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.logger = _log
        self._shares = shares
        self._name = ""  # under which a connection is counted, if it is
        self._deaf = False  # whether what else comes is left alone
        self._answered: RequestResponseCycle | None = None  # the request that is being answered
        self._receiving_body = False
        self._since = time.monotonic()  # the last request's beginning or end
        self._unsent, self._unsent_since = 0, 0.0  # bytes that the client does not take
        self._received = self._body = 0  # bytes of this request: all, and of its body

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401
        """Take a connection, or answer 503 where there are too many."""
        super().connection_made(transport)
        name = self._shares.name(self.client[0]) if self.client else "unknown"
        if self._shares.take(name):
            self._name = name
        else:
            self._refuse(_BUSY)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it no more, and tell whoever answers a request."""
        if self._name:
            self._shares.give_back(self._name)
        if self._answered is not None and not self._answered.response_complete:
            self._answered.disconnected = True
            self._answered.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless too much has come that is no body."""
        if self._deaf:
            return
        self._received += len(data)
        super().data_received(data)
        if not self._deaf and self._received - self._body > MAX_HEADER + _CHUNKED * self._body:
            self._refuse(_TOO_LONG)

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._since, self._body = time.monotonic(), 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Read a header, and none behind a body, which an app would take for one before it."""
        if not self._receiving_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin its body; what was sent ahead is left alone, and its connection closed.

        Its sender may send it again (RFC 9112, 9.3.2).
        """
        if self.pipeline or not _may_have_arrived(self._answered):
            self._deaf, self.cycle.keep_alive = True, False
            raise _SentAheadError
        super().on_headers_complete()
        self._receiving_body = True

    def on_body(self, body: bytes) -> None:
        """Count what came of a body."""
        self._body += len(body)
        super().on_body(body)
        if self.pipeline and self._body > MAX_AHEAD:
            self.transport.abort()

    def on_message_complete(self) -> None:
        """Wait for the next request."""
        super().on_message_complete()
        self._receiving_body, self._received, self._body = False, 0, 0

    def on_response_complete(self) -> None:
        """Give the next request its time."""
        self._since = time.monotonic()
        super().on_response_complete()

    def check(self) -> None:
        """Close a connection whose client is too slow."""
        now = time.monotonic()
        if self._is_stalled(now):
            self.transport.abort()
        elif self._receiving_body:
            if now - self._since > BODY_SECONDS + self._body / SLOWEST:
                self.transport.abort()
        elif self._waits_for_header() and now - self._since > HEADER_SECONDS:
            self.transport.close()

    def _is_stalled(self, now: float) -> bool:
        """Tell whether the client takes nothing, also of what is left when all is written."""
        unsent = self.transport.get_write_buffer_size()
        if not unsent or unsent != self._unsent:
            self._unsent, self._unsent_since = unsent, now
        return now - self._unsent_since > STALLED_SECONDS

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        if not self._deaf:
            self._refuse(_MALFORMED)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def _waits_for_header(self) -> bool:
        return self.cycle is None or bool(self.cycle.response_complete)

    def _refuse(self, answer: bytes) -> None:
        self._deaf = True
        if not self.transport.is_closing():
            self.transport.write(answer + _END)
            self.transport.close()


def _may_have_arrived(answered: RequestResponseCycle | None) -> bool:
    """Tell whether a client may have read an answer to its end, though the app has not ended it."""
    if answered is None or answered.response_complete:
        return True
    has_no_body = answered.scope["method"] == "HEAD"
    is_told = not answered.chunked_encoding and answered.expected_content_length == 0
    return bool(answered.response_started and (has_no_body or is_told))


def make_protocol(shares: Shares) -> Any:  # noqa: ANN401  (what uvicorn calls for each connection)
    """Return what makes a protocol whose connections are counted together."""
    return partial(LimitedProtocol, shares=shares)
