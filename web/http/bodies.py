"""The body of a request, read within a limit: into memory, into a file, or as a JSON object."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from starlette.requests import Request

from inference.errors import UserInputError
from web.http.errors import TooLargeError


async def read_body(
    request: Request, limit: int, count: Callable[[int], None] | None = None
) -> bytes:
    """Return a request's body; `count` gets the bytes of each part, and may end it by an error.

    Raises: TooLargeError beyond `limit` bytes, without reading on.
    """
    body = bytearray()
    async for part in _read_parts(request, limit):
        body += part
        if count:
            count(len(part))
    return bytes(body)


async def save_body(request: Request, limit: int, path: Path) -> None:
    """Write a request's body to a file.

    Raises: TooLargeError beyond `limit` bytes, without reading on.
    """
    with path.open("wb") as file:
        async for part in _read_parts(request, limit):
            file.write(part)


async def read_object(request: Request, limit: int) -> dict[str, Any]:
    """Return the JSON object that a body holds, an empty one for no body.

    Raises: UserInputError for anything else; TooLargeError beyond `limit` bytes.
    """
    body = await read_body(request, limit)
    try:
        values = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise UserInputError("This call holds no JSON object. Reload the page.")
    return values


async def _read_parts(request: Request, limit: int) -> AsyncIterator[bytes]:
    _check_size(int(request.headers.get("content-length", 0)), limit)
    size = 0
    async for part in request.stream():
        size += len(part)
        _check_size(size, limit)
        yield part


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        most = f"{limit / 1e6:,.0f} MB" if limit >= 1e6 else f"{limit / 1e3:.0f} KB"
        raise TooLargeError(f"This is over {most}, which is the most. Send less.")
