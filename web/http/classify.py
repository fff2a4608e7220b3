"""`POST /api/classify`: an image as the body, JSON back, for programs.

curl --data-binary @photo.jpg http://127.0.0.1:7860/api/classify
One request instead of Gradio's three, under the same limits.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from anyio import CapacityLimiter, fail_after, to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from inference.decoding.apart import OVERLOADED
from inference.errors import OverloadedError
from inference.images import MAX_BYTES
from web.http.bodies import read_body
from web.http.errors import TooSlowError, answering_errors
from web.http.shares import Shares, name_sender
from web.serving import Service

_TRUE = frozenset(("1", "true", "yes"))


@dataclass(frozen=True)
class Limits:
    """How much is taken in before a request gets a 503.

    `at_once` images are classified, `waiting` more wait their turn; half of all may be of one
    client. `max_bytes`: of all images that are arriving or waiting, a quarter of them of one
    client. `timeout`: seconds in which an image must have arrived.
    """

    at_once: int
    waiting: int
    max_bytes: int = 200_000_000
    timeout: float = 60.0


def make_classify_route(service: Service, limits: Limits) -> Route:
    """Return the route."""
    respond = answering_errors(_Queue(service, limits).respond)
    return Route("/api/classify", respond, methods=["POST"])


class _Queue:
    """Admits and answers images; only the event loop's thread changes its counts.

    A place is taken by an image that has arrived, and memory by what of it has: who announces
    much and sends nothing takes neither.
    """

    def __init__(self, service: Service, limits: Limits) -> None:
        self.service = service
        self.limits = limits
        places = limits.at_once + limits.waiting
        self.images = Shares(each=max(1, places // 2), all=places)
        self.bytes = Shares(each=limits.max_bytes // 4, all=limits.max_bytes)
        self._limiter = CapacityLimiter(limits.at_once)

    async def respond(self, request: Request) -> Response:
        """Answer one request."""
        client = name_sender(request.scope)
        received = 0

        def count(size: int) -> None:
            nonlocal received
            if not self.bytes.take(client, size):
                raise OverloadedError(OVERLOADED)
            received += size

        try:
            data = await self._receive(request, count)
            return JSONResponse(await self._classify(data, request, client))
        finally:
            self.bytes.give_back(client, received)

    async def _receive(self, request: Request, count: Callable[[int], None]) -> bytes:
        try:
            with fail_after(self.limits.timeout):
                return await read_body(request, MAX_BYTES, count)
        except TimeoutError as error:
            raise TooSlowError(
                f"This picture did not arrive within {self.limits.timeout:.0f} seconds."
            ) from error

    async def _classify(self, data: bytes, request: Request, client: str) -> dict[str, Any]:
        if not self.images.take(client):
            raise OverloadedError(OVERLOADED)
        try:
            async with self._limiter:
                if await request.is_disconnected():
                    raise ClientDisconnect
                return await to_thread.run_sync(self._answer, data, request.query_params)
        finally:
            self.images.give_back(client)

    def _answer(self, data: bytes, query: Mapping[str, str]) -> dict[str, Any]:
        answer = self.service.answer(data, query.get("model"))
        with_heatmap = query.get("heatmap", "").lower() in _TRUE
        return answer.prediction.to_json(with_heatmap=with_heatmap)
