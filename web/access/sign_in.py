"""Signing in as a teacher, by password, token or with Hugging Face, and signing out."""

from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from labelling.audit_log import record
from web.access.audit import SignInAudit
from web.access.hugging_face import make_hugging_face_routes
from web.access.opening import make_opening_routes
from web.access.origins import is_cross_site, is_local, read_headers
from web.access.rules import Access
from web.access.turns import Guesses, Turns
from web.http.bodies import read_body
from web.http.errors import NotAllowedError, TooLargeError, answering_errors

_MAX_BODY = 4096  # bytes


def make_sign_in_routes(
    access: Access, turns: Turns | None = None, data: Path | None = None
) -> list[BaseRoute]:
    """Return `POST /sign-in`, `POST /sign-out` and what a token or Hugging Face needs.

    `turns`: how fast browsers that never signed in may guess. `data`: the folder whose audit log
    says who signed in; None without one.
    """
    audit = SignInAudit(data, access.own_teacher)
    guesses = Guesses(access, turns or Turns())

    async def sign_in(request: Request) -> Response:
        _check_form(request, access)
        if not await guesses.check(request, await _read_password(request, access)):
            await run_in_threadpool(audit.note_wrong)
            wrong = f"That is not the {_name_password(access)}. Try again."
            return JSONResponse({"error": wrong}, 401)
        response = JSONResponse({"ok": True})
        access.sign_in(request, response)
        await run_in_threadpool(audit.note_signed_in)
        return response

    async def sign_out(request: Request) -> Response:
        if is_cross_site(read_headers(request)):
            raise NotAllowedError("Sign out on the page itself.")
        response = JSONResponse({"ok": True})
        name = access.read_cookie(request)
        access.sign_out(request, response)
        if name is not None:
            await run_in_threadpool(record, data, name, "signed_out")
        return response

    return [
        Route("/sign-in", answering_errors(sign_in), methods=["POST"]),
        Route("/sign-out", answering_errors(sign_out), methods=["POST"]),
        *make_opening_routes(access, audit),
        *make_hugging_face_routes(access, data),
    ]


def draw_foot(access: Access, request: Any) -> str:  # noqa: ANN401  (Gradio's or Starlette's)
    """Return the line at the foot: how to sign in as a teacher, or out."""
    name = access.name_teacher(request)
    if name is not None and access.read_cookie(request):
        return '<button type="button" class="quiet" data-sign="out">Sign out</button>'
    if name is not None:
        return _link("logout", "Sign out") if access.has_hugging_face else ""
    parts = [_FORM.format(_TYPED)] if access.has_password else []
    if access.has_token and is_local(request):
        parts.append(_FORM.format(_PRINTED))
    if access.has_hugging_face:
        parts.append(_draw_hugging_face(access.read_hugging_face_name(request)))
    return "".join(parts)


_FORM = (
    '<div class="sign-in"><button type="button" class="quiet" data-sign="open" '
    'aria-expanded="false">Sign in to teach</button><form hidden>{}'
    '<button class="button">Sign in</button><p role="alert"></p></form></div>'
)
_TYPED = (
    '<label>Password <input type="password" name="password" required '
    'autocomplete="current-password"></label>'
)
_PRINTED = (
    '<p class="how">Open the address that the terminal printed, or paste it here.</p>'
    '<label>Address or token <input type="password" name="password" required '
    'autocomplete="off"></label>'
)


def _draw_hugging_face(name: str | None) -> str:
    if name is None:
        return _link("login/huggingface", "Sign in with Hugging Face to teach")
    words = f"{escape(name)} is not among the teachers of this page."
    return f"<span>{words}</span> {_link('logout', 'Sign out')}"


def _link(address: str, words: str) -> str:
    return f'<a class="quiet" href="{address}?_target_url=/">{words}</a>'


def _name_password(access: Access) -> str:
    return "password" if access.has_password else "token that the terminal printed last"


def _check_form(request: Request, access: Access) -> None:
    """Raise NotAllowedError where no password or token can be right."""
    if not access.has_password and not access.has_token:
        raise NotAllowedError("Nobody can sign in here with a password.")
    if is_cross_site(read_headers(request)):
        raise NotAllowedError("Sign in on the page itself.")
    if access.has_token and not is_local(request):
        raise NotAllowedError("The token counts on the machine only that runs this page.")


async def _read_password(request: Request, access: Access) -> str:
    """Return what was typed; of an address that was pasted, its token."""
    try:
        body = await read_body(request, _MAX_BODY)
    except TooLargeError:
        return ""
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    typed = fields.get("password", [""])[0]
    return typed.strip().rpartition("token=")[2] if access.has_token else typed
