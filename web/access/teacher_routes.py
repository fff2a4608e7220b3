"""Routes that only a teacher may call: the check, what came with the call, errors in words.

Every route of the Teach tab is made here, so that none can be without the check.
"""

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from inference.atomic_files import ScratchFolder
from inference.errors import UserInputError
from inference.images import MAX_BYTES
from labelling.images.files import ARRIVING
from web.access.rules import Access
from web.http.bodies import read_body, read_object, save_body
from web.http.errors import Endpoint, answering_errors
from web.http.files import ClosedStream
from web.serving import explain

_MAX_JSON = 1_000_000  # bytes
MAX_ARCHIVE = 5_000_000_000  # bytes
# Whatever an image of ours is opened as, no browser takes it for anything else.
# And no other page of this host, which the cookie goes along with, can show it.
_OWN = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}
PRIVATE = {"Cache-Control": "private, max-age=3600", **_OWN}
NO_STORE = {"Cache-Control": "no-store", **_OWN}


@dataclass(frozen=True)
class Call:
    """What a teacher sent: `who` it was, the values that came with it, and the body, if any."""

    who: str
    values: dict[str, Any]
    body: bytes = b""

    def get_text(self, name: str, default: str | None = None) -> str:
        """Return a value that must be text.

        Raises: UserInputError where it is missing or something else.
        """
        value = self.values.get(name, default)
        if not isinstance(value, str):
            raise UserInputError(f"This call needs {name!r} as text. Reload the page.")
        return value

    def get_number(self, name: str, default: int | None = None) -> int:
        """Return a value that must be a whole number, 0 or more.

        Raises: UserInputError where it is missing or something else.
        """
        value = self.values.get(name, default)
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 18:
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**62:
            raise UserInputError(f"This call needs {name!r} as a whole number. Reload the page.")
        return value

    def get_numbers(self, name: str) -> list[int]:
        """Return a value that must be a list of whole numbers.

        Raises: UserInputError where it is missing or something else.
        """
        values = self.values.get(name)
        if not isinstance(values, list):
            raise UserInputError(f"This call needs {name!r} as a list. Reload the page.")
        return [Call(self.who, {name: value}).get_number(name) for value in values]


Handler = Callable[[Call], Response]
ZipHandler = Callable[[Call, Path], Generator[dict[str, Any]]]


def get(access: Access, path: str, handler: Handler) -> Route:
    """Return a route that only reads; its values come from the path and the query."""

    async def respond(request: Request) -> Response:
        values = {**request.query_params, **request.path_params}
        return await run_in_threadpool(handler, Call(access.require_teacher(request), values))

    return _make_route(path, "GET", respond)


def post(access: Access, path: str, handler: Handler) -> Route:
    """Return a route that changes something; its values come as JSON."""

    async def respond(request: Request) -> Response:
        who = access.require_teacher(request)
        values = await read_object(request, _MAX_JSON)
        return await run_in_threadpool(handler, Call(who, values))

    return _make_route(path, "POST", respond)


def upload(access: Access, path: str, handler: Handler) -> Route:
    """Return a route that takes one image file as its body; its values come in the query."""

    async def respond(request: Request) -> Response:
        who = access.require_teacher(request)
        body = await read_body(request, MAX_BYTES)
        return await run_in_threadpool(handler, Call(who, dict(request.query_params), body))

    return _make_route(path, "POST", respond)


def upload_zip(access: Access, path: str, folder: Path, handler: ZipHandler) -> Route:
    """Return a route that takes a zip and answers line by line, each a JSON object.

    The zip lies in a folder of its own until the last line; what goes wrong is the last line.
    """

    async def respond(request: Request) -> Response:
        call = Call(access.require_teacher(request), dict(request.query_params))
        folder.mkdir(parents=True, exist_ok=True)
        temporary = ScratchFolder(folder, ARRIVING)
        archive = Path(temporary.name) / "archive.zip"
        with ExitStack() as stack:
            stack.callback(temporary.cleanup)
            await save_body(request, MAX_ARCHIVE, archive)
            stack.pop_all()
        progress = handler(call, archive)
        lines = _write_lines(progress)
        close = partial(_close_all, lines, progress, temporary)
        return ClosedStream(lines, close, "application/x-ndjson", NO_STORE)

    return _make_route(path, "POST", respond)


def reply(values: Any) -> JSONResponse:  # noqa: ANN401  (JSON)
    """Return values as JSON that nobody keeps."""
    return JSONResponse(values, headers=NO_STORE)


def _make_route(path: str, method: str, respond: Endpoint) -> Route:
    return Route(path, answering_errors(respond, headers=NO_STORE), methods=[method])


def _write_lines(progress: Iterator[dict[str, Any]]) -> Generator[str]:
    try:
        for values in progress:
            yield json.dumps(values) + "\n"
    except Exception as error:  # noqa: BLE001  (the answer has begun: this is its last line)
        yield json.dumps({"error": explain(error)}) + "\n"


def _close_all(
    lines: Generator[str], progress: Generator[dict[str, Any]], temporary: ScratchFolder
) -> None:
    """End what reads an archive, then remove it."""
    with temporary, closing(progress), closing(lines):
        pass
