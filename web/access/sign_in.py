"""Signing in as a teacher, by password or with Hugging Face, and signing out."""

import asyncio
import sys
from html import escape
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from web.access.rate_limits import Limit, name_client
from web.access.rules import SIGNED_IN_SECONDS, Access, is_cross_site, read_headers
from web.http.bodies import read_body
from web.http.errors import TooLargeError

FAILURES = 5  # wrong passwords a client in ten minutes
_WINDOW = 600.0  # seconds
_MAX_BODY = 4096  # bytes


def make_sign_in_routes(access: Access, delay: float = 0.5) -> list[BaseRoute]:
    """Return `POST /sign-in` (a form with `password`) and `POST /sign-out`.

    `delay`: seconds that a wrong password costs.
    """
    # No limit for all visitors together: others' failures must not shut a teacher out.
    failures = Limit(each=FAILURES, all=sys.maxsize, seconds=_WINDOW)

    async def sign_in(request: Request) -> JSONResponse:
        if is_cross_site(read_headers(request)) or not access.has_password:
            return _refuse("Nobody can sign in here with a password.", 403)
        client = name_client(request, access)
        if not failures.take(client):
            return _refuse("Too many wrong passwords. Try again in ten minutes.", 429)
        if not access.check_password(await _read_password(request)):
            await asyncio.sleep(delay)
            return _refuse("That is not the password. Try again.", 401)
        failures.give_back(client)
        response = JSONResponse({"ok": True})
        response.set_cookie(
            access.cookie_name,
            access.make_cookie(),
            max_age=SIGNED_IN_SECONDS,
            httponly=True,
            samesite="strict",
            secure=is_encrypted(request, access),
        )
        return response

    async def sign_out(request: Request) -> JSONResponse:
        if is_cross_site(read_headers(request)):
            return _refuse("Sign out on the page itself.", 403)
        access.sign_out(request)
        response = JSONResponse({"ok": True})
        response.delete_cookie(access.cookie_name, httponly=True, samesite="strict")
        return response

    return [
        Route("/sign-in", sign_in, methods=["POST"]),
        Route("/sign-out", sign_out, methods=["POST"]),
    ]


def draw_foot(access: Access, request: Any) -> str:  # noqa: ANN401  (Gradio's or Starlette's)
    """Return the line at the foot: how to sign in as a teacher, or out."""
    name = access.name_teacher(request)
    if access.read_cookie(request):
        return '<button type="button" class="quiet" data-sign="out">Sign out</button>'
    if name is not None:
        return _link("logout", "Sign out") if access.has_hugging_face else ""
    parts = [_FORM] if access.has_password else []
    if access.has_hugging_face:
        parts.append(_draw_hugging_face(access.read_hugging_face_name(request)))
    return "".join(parts)


def is_encrypted(request: Request, access: Access) -> bool:
    """Tell whether the visitor's browser speaks HTTPS, to us or to a proxy in front of us."""
    forwarded = read_headers(request).get("x-forwarded-proto", "")
    return request.url.scheme == "https" or forwarded.startswith("https") or access.on_space


_FORM = (
    '<div class="sign-in"><button type="button" class="quiet" data-sign="open" '
    'aria-expanded="false">Sign in to teach</button><form hidden><label>Password '
    '<input type="password" name="password" required autocomplete="current-password"></label>'
    '<button class="button">Sign in</button><p role="alert"></p></form></div>'
)


def _draw_hugging_face(name: str | None) -> str:
    if name is None:
        return _link("login/huggingface", "Sign in with Hugging Face to teach")
    words = f"{escape(name)} is not among the teachers of this page."
    return f"<span>{words}</span> {_link('logout', 'Sign out')}"


def _link(address: str, words: str) -> str:
    return f'<a class="quiet" href="{address}?_target_url=/">{words}</a>'


def _refuse(sentence: str, status: int) -> JSONResponse:
    return JSONResponse({"error": sentence}, status)


async def _read_password(request: Request) -> str:
    try:
        body = await read_body(request, _MAX_BODY)
    except TooLargeError:
        return ""
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return fields.get("password", [""])[0]
