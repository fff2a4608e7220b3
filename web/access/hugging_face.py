"""Signing in with Hugging Face, where Gradio's own routes leave something open."""

import logging
from pathlib import Path
from urllib.parse import urlencode

import httpx
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route, get_route_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labelling.audit_log import record
from web.access.audit import SignInAudit
from web.access.origins import is_cross_site, read_headers
from web.access.rules import Access
from web.http.errors import NotAllowedError, answering_errors

_FAILED = (
    "<!doctype html><title>Not signed in</title><p>Hugging Face did not sign you in.</p>"
    '<p><a href="/">Back to the page</a></p>'
)


_START, _CALLBACK = "/login/huggingface", "/login/callback"
_RETRIES = "_nb_redirects"


def make_hugging_face_routes(access: Access, data: Path | None) -> list[BaseRoute]:
    """Return `GET /logout` in place of Gradio's, which leaves every copy of the cookie valid.

    `data`: the folder whose audit log says who signed out; None without one.
    """

    async def sign_out(request: Request) -> Response:
        if is_cross_site(read_headers(request)):
            raise NotAllowedError("Sign out on the page itself.")
        name = access.name_teacher(request)
        access.sign_out_hugging_face(request)
        if name is not None:
            await run_in_threadpool(record, data, name, "signed_out")
        return RedirectResponse("/", 303)

    route = Route("/logout", answering_errors(sign_out), methods=["GET"])
    return [route] if access.has_hugging_face else []


class CheckedSignIn:
    """Stands before Gradio's routes of signing in: notes who did, and explains why nobody did.

    They lead back to the page itself, whatever address a visitor names: Gradio would print it, and
    keep it in the cookie.
    """

    def __init__(self, app: ASGIApp, access: Access, data: Path | None) -> None:
        """Watch an app. `data`: the folder whose audit log says who signed in."""
        self.app = app
        self.access = access
        self.audit = SignInAudit(data, access.own_teacher)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not get_route_path(scope).startswith("/login/"):
            await self.app(scope, receive, send)
            return
        if get_route_path(scope) == _START:
            scope["query_string"] = _keep_retries(scope["query_string"])
        # Only a Space has it: Gradio asks for it there.
        from authlib.integrations.base_client import OAuthError  # type: ignore[import-untyped]  # noqa: PLC0415

        try:
            await self.app(scope, receive, self._note(scope, send))
        except (OAuthError, httpx.HTTPError, ValueError) as error:
            kind = type(error).__name__
            logging.getLogger(__name__).info("Hugging Face signed nobody in: %s.", kind)
            await HTMLResponse(_FAILED, 400)(scope, receive, send)

    def _note(self, scope: Scope, send: Send) -> Send:
        """Return what sends an answer, having noted who signed in by it."""
        before = scope.get("session", {}).get("oauth_info")

        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start" and get_route_path(scope) == _CALLBACK:
                info = scope.get("session", {}).get("oauth_info")
                name = self.access.read_session(Request(scope))  # Hugging Face leads here
                if name is not None and info != before:
                    is_teacher = self.access.is_teacher(name)
                    await run_in_threadpool(
                        self.audit.note_hugging_face, name, is_teacher=is_teacher
                    )
            await send(message)

        return send_and_note


def _keep_retries(query: bytes) -> bytes:
    """Return what is left of the query with which somebody begins to sign in."""
    retries = QueryParams(query).get(_RETRIES, "")
    kept = {_RETRIES: retries} if retries.isascii() and retries.isdecimal() else {}
    return urlencode({"_target_url": "/", **kept}).encode()
