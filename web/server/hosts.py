"""Whether a request's headers name a host that can be one.

Gradio makes addresses of them, and fails where it cannot.
"""

import re
from functools import lru_cache

import httpx
from starlette.datastructures import Headers
from starlette.types import Scope

_HOST = re.compile(r"([\w.-]{1,253}|\[[0-9a-f:.]{2,45}\])(:\d{1,5})?", re.ASCII | re.IGNORECASE)
_MAX_PORT = 65_535
_FROM_GRADIO = "x-gradio-server"  # an address that its second server names, which we never start


def has_known_host(scope: Scope) -> bool:
    """Tell whether one host, and hosts forwarded, are named in a way that all readers understand.

    Before HTTP/1.1 none needs to be named.
    """
    headers = Headers(scope=scope)
    named = headers.getlist("host")
    forwarded = [part.strip() for part in ",".join(headers.getlist("x-forwarded-host")).split(",")]
    return (
        len(named) <= 1
        and _FROM_GRADIO not in headers
        and all(is_host(host) for host in [*named, *forwarded] if host)
    )


@lru_cache(maxsize=100)
def is_host(text: str) -> bool:
    """Tell whether text names a host, perhaps with a port."""
    if _HOST.fullmatch(text) is None:
        return False
    try:
        port = httpx.URL(f"http://{text}").port
    except (httpx.InvalidURL, UnicodeError):
        return False
    return port is None or port <= _MAX_PORT
