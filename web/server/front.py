"""What every request passes first: who sent it, what share that has, the headers of its answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.access.clients import Network, find_client
from web.http.errors import CLIENT_GONE
from web.http.health import ALIVE, READY
from web.http.shares import Shares, name_sender
from web.server.exchanges import Exchange, Observer, request_id
from web.server.hosts import has_known_host

_BUSY = "Too many requests from your address at once. Try again in a moment."
_NO_HOST = "This request names no host, or one that cannot be. Check the address, and the proxy."
# The parser reads no body of such a request, and would take it for the next request.
_UPGRADE = "This page speaks HTTP/1.1 only. Send the request without Upgrade."
_STOPPING = "This page is being restarted. Try again in a moment."
_ANSWERS = ("/gradio_api/queue/data", "/gradio_api/call/")  # of calls that were accepted already
# The page names the host that it was asked for by; nobody else is to get it from a cache.
_OF_ONE = ("text/html", "application/json")


@dataclass(frozen=True)
class Proxies:
    """Proxies before the page.

    `trusted`: whose reports of addresses are believed. `path`: under which they show the page, and
    may ask for it.
    """

    trusted: Sequence[Network] = ()
    path: str = ""


_NO_PROXIES = Proxies()


class Front:
    """An ASGI app around the page's."""

    def __init__(
        self,
        app: ASGIApp,
        shares: Shares,
        headers: Sequence[tuple[str, str]],
        proxies: Proxies = _NO_PROXIES,
        observers: Sequence[Observer] = (),
    ) -> None:
        """Serve `app`.

        `shares`: of requests under way. `headers`: of every answer that has not its own.
        `observers`: are told of each exchange at its end.
        """
        self.app = app
        self.shares = shares
        self.headers = headers
        self.proxies = proxies
        self.observers = observers
        self.stopping = False
        self.under_way: set[Exchange] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if self.proxies.trusted and scope["client"]:
            peer, port = scope["client"]
            scope["client"] = (find_client(Headers(scope=scope), peer, self.proxies.trusted), port)
        scope["root_path"] = self.proxies.path
        exchange = Exchange(scope, name_sender(scope))
        request_id.set(exchange.id)
        try:
            await self._answer(
                exchange, scope, _count(exchange, receive), self._complete(exchange, send)
            )
        finally:
            for observe in self.observers:
                observe(exchange)

    async def _answer(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        if self.stopping and exchange.path != ALIVE and not exchange.path.startswith(_ANSWERS):
            await _refuse(_STOPPING, scope, receive, send)
        elif exchange.path in (ALIVE, READY):  # also where all shares are taken
            await self.app(scope, receive, send)
        elif _has_unread_body(scope):
            await _refuse(_UPGRADE, scope, receive, send, 400)
        elif not has_known_host(scope):
            await _refuse(_NO_HOST, scope, receive, send, 400)
        elif self.shares.take(exchange.client):
            await self._answer_counted(exchange, scope, receive, send)
        else:
            await _refuse(_BUSY, scope, receive, send)

    async def _answer_counted(
        self, exchange: Exchange, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self.under_way.add(exchange)
        try:
            await self.app(scope, receive, send)
        except ClientDisconnect:
            exchange.status = exchange.status or CLIENT_GONE  # nobody is left to read it
        finally:
            self.under_way.discard(exchange)
            self.shares.give_back(exchange.client)

    def _complete(self, exchange: Exchange, send: Send) -> Send:
        """Return what sends an answer with our headers."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in self.headers:
                    headers.setdefault(name, value)
                if headers.get("content-type", "").startswith(_OF_ONE):
                    headers.setdefault("Cache-Control", "private, no-cache")
                headers["X-Request-ID"] = exchange.id
                if "upgrade" in Headers(scope=exchange.scope):
                    headers["Connection"] = "close"
            else:
                exchange.sent += len(message.get("body", b""))
            await send(message)

        return send_with_headers


def _has_unread_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    return has_body and "upgrade" in headers


def _count(exchange: Exchange, receive: Receive) -> Receive:
    """Return what receives a body and counts its bytes."""

    async def receive_and_count() -> Message:
        message = await receive()
        exchange.received += len(message.get("body", b""))
        return message

    return receive_and_count


async def _refuse(
    sentence: str, scope: Scope, receive: Receive, send: Send, status: int = 503
) -> None:
    body = {"error": sentence, "detail": sentence}  # `detail` is what Gradio's scripts read
    headers = {"Retry-After": "5"} if status == 503 else {}
    await JSONResponse(body, status, headers)(scope, receive, send)
