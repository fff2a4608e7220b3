"""Routes that only a teacher may call: the check, what came with the call, errors in words.

Every route of the Teach tab is made by `make_route`, so that none can be without the check.
"""

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from inference.errors import UserInputError
from inference.images import MAX_BYTES
from labelling.images.files import ARRIVING
from web.access.rules import Access, NotAllowedError
from web.http.bodies import check_size, parse_object, read_body
from web.http.streams import ClosedStream
from web.serving import explain

_MAX_JSON = 1_000_000  # bytes
MAX_ARCHIVE = 5_000_000_000  # bytes
# Whatever a picture of ours is opened as, no browser takes it for anything else.
PRIVATE = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}
FRESH = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class MissingError(UserInputError):
    """What was asked for is not there (any more)."""


class BusyError(UserInputError):
    """What was asked for cannot be done while something else runs."""


@dataclass(frozen=True)
class Call:
    """What a teacher asked for: `who`, the values that came with it, and a body's bytes if any."""

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
ArchiveHandler = Callable[[Call, Path], Generator[dict[str, Any]]]


def ask(access: Access, path: str, handler: Handler) -> Route:
    """Return a route that tells something; its values come from the path and the query."""

    async def respond(request: Request) -> Response:
        values = {**request.query_params, **request.path_params}
        return await run_in_threadpool(handler, Call(access.require_teacher(request), values))

    return _make_route(path, "GET", respond)


def tell(access: Access, path: str, handler: Handler) -> Route:
    """Return a route that changes something; its values come as JSON."""

    async def respond(request: Request) -> Response:
        who = access.require_teacher(request)
        values = parse_object(await read_body(request, _MAX_JSON))
        return await run_in_threadpool(handler, Call(who, values))

    return _make_route(path, "POST", respond)


def send(access: Access, path: str, handler: Handler) -> Route:
    """Return a route that takes one picture's bytes; its values come in the query."""

    async def respond(request: Request) -> Response:
        who = access.require_teacher(request)
        body = await read_body(request, MAX_BYTES)
        return await run_in_threadpool(handler, Call(who, dict(request.query_params), body))

    return _make_route(path, "POST", respond)


def send_archive(access: Access, path: str, folder: Path, handler: ArchiveHandler) -> Route:
    """Return a route that takes a zip and answers line by line, each a JSON object.

    The zip lies in a folder of its own until the last line; what goes wrong is the last line.
    """

    async def respond(request: Request) -> Response:
        call = Call(access.require_teacher(request), dict(request.query_params))
        folder.mkdir(parents=True, exist_ok=True)
        temporary = TemporaryDirectory(dir=folder, prefix=ARRIVING)
        archive = Path(temporary.name) / "archive.zip"
        with ExitStack() as stack:
            stack.callback(temporary.cleanup)
            await _save(request, archive)
            stack.pop_all()
        found = handler(call, archive)
        lines = _write_lines(found)
        close = partial(_close_all, lines, found, temporary)
        return ClosedStream(lines, close, "application/x-ndjson", FRESH)

    return _make_route(path, "POST", respond)


def _write_lines(found: Iterator[dict[str, Any]]) -> Generator[str]:
    try:
        for values in found:
            yield json.dumps(values) + "\n"
    except Exception as error:  # noqa: BLE001  (the answer has begun: this is its last line)
        yield json.dumps({"error": explain(error)}) + "\n"


def _close_all(
    lines: Generator[str], found: Generator[dict[str, Any]], temporary: TemporaryDirectory[str]
) -> None:
    """End what reads an archive, then remove it."""
    with temporary, closing(found), closing(lines):
        pass


def answer(values: Any) -> JSONResponse:  # noqa: ANN401  (JSON)
    """Return values as JSON that nobody keeps."""
    return JSONResponse(values, headers=FRESH)


def _make_route(path: str, method: str, respond: Callable[[Request], Any]) -> Route:
    async def respond_or_explain(request: Request) -> Response:
        try:
            found: Response = await respond(request)
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception as error:  # noqa: BLE001  (the edge of the page: a sentence, never silence)
            return JSONResponse({"error": explain(error)}, _choose_status(error), FRESH)
        return found

    return Route(path, respond_or_explain, methods=[method])


def _choose_status(error: Exception) -> int:
    statuses = {NotAllowedError: 403, MissingError: 404, BusyError: 409, UserInputError: 400}
    return next((status for kind, status in statuses.items() if isinstance(error, kind)), 500)


async def _save(request: Request, path: Path) -> None:
    size = 0
    with path.open("wb") as file:
        async for chunk in request.stream():
            size += len(chunk)
            check_size(size, MAX_ARCHIVE)
            file.write(chunk)
