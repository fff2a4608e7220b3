"""Requests made by hand, and rules of pages, for the tests of who may do what."""

import time
from types import SimpleNamespace
from typing import Any

from starlette.requests import Request

from web.access.rules import Access

PLAIN = {"host": "127.0.0.1:7860", "user-agent": "test"}


def make_access(**changes: Any) -> Access:
    values = {
        "teach": True,
        "host": "127.0.0.1",
        "share": False,
        "password": None,
        "names": frozenset(),
        "secret": b"key",
        "on_space": False,
        "token": "token",
    }
    return Access(**{**values, **changes})


def make_cookies(access: Access, value: str | None = None, **headers: str) -> dict[str, str]:
    """Make the cookies of a teacher who signed in, or that cookie with another value."""
    name = access.name_cookie(make_request(**headers))
    return {name: access.make_cookie() if value is None else value}


def make_request(
    client: str | None = "127.0.0.1",
    cookies: dict[str, str] | None = None,
    session: dict[str, Any] | None = None,
    http_version: str = "1.1",
    **headers: str | None,
) -> Request:
    """Make a request as uvicorn would; `x_real_ip` is the header X-Real-IP, None leaves one out."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if cookies:
        named["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    kept = {k: v for k, v in {**PLAIN, **named}.items() if v is not None}
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "http_version": http_version,
        "headers": [(k.encode(), v.encode("latin-1")) for k, v in kept.items()],
        "client": (client, 50000) if client else None,
        "session": session or {},
    }
    return Request(scope)


def make_bare_request(
    client: str = "127.0.0.1", cookies: dict[str, str] | None = None, **headers: str
) -> SimpleNamespace:
    """Make what Gradio hands over where Starlette's request is gone: dictionaries."""
    return SimpleNamespace(
        headers={**PLAIN, **headers}, cookies=cookies or {}, client=SimpleNamespace(host=client)
    )


ON_SPACE = make_access(on_space=True, host="0.0.0.0", oauth=True, names=frozenset({"Ann", "bob"}))


def sign_in_as(name: object, expires_at: float | None = None, **headers: str) -> Any:
    until = time.time() + 60 if expires_at is None else expires_at
    session = {"oauth_info": {"userinfo": {"preferred_username": name}, "expires_at": until}}
    return make_request("10.0.0.1", session=session, host="a.hf.space", **headers)
