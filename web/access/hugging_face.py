"""Signing in with Hugging Face, where Gradio's own routes leave something open."""

import logging

import httpx
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route, get_route_path
from starlette.types import ASGIApp, Receive, Scope, Send

from web.access.origins import is_cross_site, read_headers
from web.access.rules import Access
from web.http.errors import NotAllowedError, answering_errors

_FAILED = (
    "<!doctype html><title>Not signed in</title><p>Hugging Face did not sign you in.</p>"
    '<p><a href="/">Back to the page</a></p>'
)


def make_hugging_face_routes(access: Access) -> list[BaseRoute]:
    """Return `GET /logout` in place of Gradio's, which leaves every copy of the cookie valid."""

    async def sign_out(request: Request) -> Response:
        if is_cross_site(read_headers(request)):
            raise NotAllowedError("Sign out on the page itself.")
        access.sign_out_hugging_face(request)
        return RedirectResponse("/", 303)

    route = Route("/logout", answering_errors(sign_out), methods=["GET"])
    return [route] if access.has_hugging_face else []


class ExplainedSignIn:
    """Answers in a sentence where Hugging Face, or who pretends to come from it, says no."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not get_route_path(scope).startswith("/login/"):
            await self.app(scope, receive, send)
            return
        # Only a Space has it: Gradio asks for it there.
        from authlib.integrations.base_client import OAuthError  # type: ignore[import-untyped]  # noqa: PLC0415

        try:
            await self.app(scope, receive, send)
        except (OAuthError, httpx.HTTPError, ValueError) as error:
            kind = type(error).__name__
            logging.getLogger(__name__).info("Hugging Face signed nobody in: %s.", kind)
            await HTMLResponse(_FAILED, 400)(scope, receive, send)
