"""`POST /api/classify`: a picture as the body, JSON back, for programs.

curl --data-binary @photo.jpg http://127.0.0.1:7860/api/classify
One request instead of Gradio's three, under the same limits.
"""

from collections.abc import Callable, Mapping
from typing import Any

from anyio import CapacityLimiter, fail_after, to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from inference.errors import UserInputError
from inference.images import MAX_BYTES
from web.http.bodies import TooLargeError, read_body
from web.serving import Service, explain

MAX_INSIDE = 200_000_000  # bytes of all pictures that are on their way or wait
PATIENCE = 60.0  # seconds in which a picture must have arrived
_FULL = "Too many pictures at once. Try again in a moment."
_TRUE = frozenset(("1", "true", "yes"))


class LateError(UserInputError):
    """A picture did not arrive in time."""


class FullError(UserInputError):
    """There are too many pictures already."""


def make_plain_api(service: Service, at_once: int, waiting: int) -> Route:
    """Return the route.

    `at_once` pictures are worked on, `waiting` more wait their turn; who comes then gets a 503.
    """
    desk = _Desk(service, at_once, waiting)
    return Route("/api/classify", desk.respond, methods=["POST"])


class _Desk:
    """Lets so many in, and answers each; only the event loop's thread changes its counts.

    A place is taken by a picture that has arrived, and memory by what of it has: who announces
    much and sends nothing takes neither.
    """

    def __init__(self, service: Service, at_once: int, waiting: int) -> None:
        self.service = service
        self.most = at_once + waiting
        self.inside, self.bytes_inside = 0, 0
        self._limiter = CapacityLimiter(at_once)

    async def respond(self, request: Request) -> Response:
        """Answer one request, an error as `{"error": sentence}`."""
        received = 0

        def count(size: int) -> None:
            nonlocal received
            if self.bytes_inside + size > MAX_INSIDE:
                raise FullError(_FULL)
            received += size
            self.bytes_inside += size

        try:
            return JSONResponse(await self._work(await _receive(request, count), request))
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception as error:  # noqa: BLE001  (the edge of the page: a sentence, never silence)
            status = _choose_status(error)
            headers = {"Retry-After": "1"} if status == 503 else None
            return JSONResponse({"error": explain(error)}, status, headers)
        finally:
            self.bytes_inside -= received

    async def _work(self, data: bytes, request: Request) -> dict[str, Any]:
        if self.inside >= self.most:
            raise FullError(_FULL)
        self.inside += 1
        try:
            return await to_thread.run_sync(
                self._answer, data, request.query_params, limiter=self._limiter
            )
        finally:
            self.inside -= 1

    def _answer(self, data: bytes, query: Mapping[str, str]) -> dict[str, Any]:
        answer = self.service.answer(data, query.get("model"))
        wanted = query.get("heatmap", "").lower() in _TRUE
        return answer.prediction.to_json(with_heatmap=wanted)


async def _receive(request: Request, count: Callable[[int], None]) -> bytes:
    try:
        with fail_after(PATIENCE):
            return await read_body(request, MAX_BYTES, count)
    except TimeoutError as error:
        raise LateError(f"This picture did not arrive within {PATIENCE:.0f} seconds.") from error


def _choose_status(error: Exception) -> int:
    statuses = {TooLargeError: 413, LateError: 408, FullError: 503, UserInputError: 400}
    return next((status for kind, status in statuses.items() if isinstance(error, kind)), 500)
