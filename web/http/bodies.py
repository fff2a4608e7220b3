"""What comes with a request: its body, within a limit, and the JSON object in it."""

import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request

from inference.errors import UserInputError


class TooLargeError(UserInputError):
    """More was sent than is taken."""


async def read_body(
    request: Request, limit: int, count: Callable[[int], None] | None = None
) -> bytes:
    """Return a request's body; `count` is told of each part's bytes, and may end it.

    Raises: TooLargeError beyond `limit` bytes, without reading on.
    """
    check_size(int(request.headers.get("content-length", 0)), limit)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        check_size(len(body), limit)
        if count:
            count(len(chunk))
    return bytes(body)


def check_size(size: int, limit: int) -> None:
    """Raise TooLargeError where `size` is over `limit`, in bytes."""
    if size > limit:
        most = f"{limit / 1e6:,.0f} MB" if limit >= 1e6 else f"{limit / 1e3:.0f} KB"
        raise TooLargeError(f"This is over {most}, which is the most. Send less.")


def parse_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a body holds, an empty one for no body.

    Raises: UserInputError for anything else.
    """
    try:
        values = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise UserInputError("This call holds no JSON object. Reload the page.")
    return values
