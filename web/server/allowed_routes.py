"""Which of the app's routes answer: ours, and of Gradio's dozens those that the page uses.

Gradio brings routes that fetch addresses, start other programs, render in the event loop or go
round the queue. What has no row in `ALLOWED` is answered with 404, whatever a later Gradio adds.
"""

import re
from collections.abc import Sequence

from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from web.server.exchanges import ROUTE

# Path → method. `GET` allows `HEAD`, too.
ALLOWED = {
    "/": "GET",
    "/config": "GET",  # gradio_client
    "/assets/{path:path}": "GET",
    "/static/{path:path}": "GET",
    "/theme.css": "GET",
    "/favicon.ico": "GET",
    "/manifest.json": "GET",
    "/robots.txt": "GET",
    "/gradio_api/info": "GET",
    "/gradio_api/upload": "POST",
    "/gradio_api/queue/join": "POST",
    "/gradio_api/queue/data": "GET",
    "/gradio_api/call/{api_name}": "POST",
    "/gradio_api/call/{api_name}/{event_id}": "GET",
    "/gradio_api/heartbeat/{session_hash}": "GET",
}
# Signing in with Hugging Face, where that is possible.
SIGN_IN = {"/login/huggingface": "GET", "/login/callback": "GET", "/logout": "GET"}
# No address of ours has one; routes match at the end of a line, and comparisons do not.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class AllowedRoutes:
    """Lets through requests that one of `routes`, or a row of `allowed`, is made for.

    Stands inside the app, where the prefix of a proxy's path has been taken off.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute], allowed: dict[str, str]) -> None:
        self.app = app
        rows = [Route(path, _answer, methods=[method]) for path, method in allowed.items()]
        self.routes = [*rows, *routes]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        match = self._find_match(scope) if scope["type"] == "http" else Match.FULL
        if match is Match.FULL:
            await self.app(scope, receive, send)
        elif match is Match.PARTIAL:
            await _refuse("This address takes no such request.", 405)(scope, receive, send)
        else:
            await _refuse("There is nothing at this address.", 404)(scope, receive, send)

    def _find_match(self, scope: Scope) -> Match:
        """Return the best match, a partial one being of another method, and note its route."""
        found = Match.NONE
        if _CONTROL.search(scope["path"]):
            return found
        for route in self.routes:
            match, _ = route.matches(scope)
            if match is not Match.NONE:
                scope[ROUTE] = getattr(route, "path", None)
            if match is Match.FULL:
                return match
            found = max(found, match, key=lambda match: match.value)
        return found


def _refuse(sentence: str, status: int) -> Response:
    return JSONResponse({"error": sentence}, status)


async def _answer(request: object) -> Response:
    raise AssertionError("the rows only match")  # the app's own route answers
