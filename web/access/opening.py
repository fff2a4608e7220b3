"""The address with a token, by which whoever started the page becomes its teacher.

The terminal prints it. Opening it brings the cookie and goes on to the page itself, so that the
token stands in no address bar, history or Referer.
"""

from html import escape
from pathlib import Path
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from inference.atomic_files import replace_file
from web.access.audit import SignInAudit
from web.access.origins import is_local
from web.access.rules import Access

_UNSEEN = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
_WRONG = (
    "<!doctype html><title>Not this token</title><p>That is not the token of this page: each start "
    "makes a new one. Open the address that the terminal printed last, on that machine.</p>"
    '<p><a href="/">Open the page without it</a></p>'
)
_GO_ON = (
    '<!doctype html><meta name="referrer" content="no-referrer">'
    '<meta http-equiv="refresh" content="0; url={0}"><a href="{0}">Open the page</a>'
)


def add_token(access: Access, address: str) -> str:
    """Return the address that whoever starts a page is told, with the token where one counts."""
    return f"{address}?{urlencode({'token': access.token})}" if access.has_token else address


def write_opening_file(access: Access, address: str, data: Path) -> str:
    """Return what a browser is started with.

    Others on this machine can read what a program is started with: so a token is given to it in a
    file that only its owner can read.
    """
    if not access.has_token:
        return address
    path = (data / "open.html").resolve()
    replace_file(path, _GO_ON.format(escape(add_token(access, address))).encode())
    return path.as_uri()


def make_opening_routes(access: Access, audit: SignInAudit) -> list[BaseRoute]:
    """Return `GET /?token=…` where a token counts; the page itself, without one, is Gradio's."""

    async def open_page(request: Request) -> Response:
        others = [(k, v) for k, v in request.query_params.multi_items() if k != "token"]
        onwards = RedirectResponse(f"/?{urlencode(others)}" if others else "/", 303, _UNSEEN)
        if access.may_teach(request):
            return onwards
        if not is_local(request) or not access.check_password(request.query_params["token"]):
            return HTMLResponse(_WRONG, 403, _UNSEEN)
        access.sign_in(request, onwards)
        await run_in_threadpool(audit.note_signed_in)
        return onwards

    return [_TokenRoute("/", open_page, methods=["GET"])] if access.has_token else []


class _TokenRoute(Route):  # type: ignore[misc]
    """Takes only what carries a token, and leaves the rest to the routes that follow."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Tell whether a request is for this route."""
        if "token" not in QueryParams(scope.get("query_string", b"")):
            return Match.NONE, {}
        matched: tuple[Match, Scope] = super().matches(scope)
        return matched
