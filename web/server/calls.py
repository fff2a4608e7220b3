"""Calls of Gradio's queue: how large they are, what files they name, how many one client has.

A file is named by the path that an upload of it was answered with; Gradio would fetch an address.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import get_route_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inference.errors import OverloadedError, UserInputError
from web.http.bodies import read_body
from web.http.errors import WrongKindError, find_status
from web.http.shares import name_sender
from web.server.answers import Answers
from web.server.call_targets import check_session, check_target, check_values, find_session
from web.server.gradio_files import is_upload
from web.serving import MAX_IMAGES

MAX_CALL = 512_000  # bytes: of 200 pictures, their names and paths
_MAX_VALUES = 20_000
_PATHS = ("/gradio_api/queue/join", "/gradio_api/call/")
_MAX_FILES = 2 * MAX_IMAGES  # what is over the page's own limit gets its own sentence
_FILE = {"path", "url"}  # either makes a value a file's description
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:|//", re.IGNORECASE)  # of one letter: a Windows drive


class CheckedCalls:
    """Lets calls through that are small, name no address and leave the queue to others too."""

    def __init__(
        self, app: ASGIApp, page: gr.Blocks, answers: Answers, folder: Path, each: int
    ) -> None:
        """Check the calls of `page`.

        `folder`: of uploads. `each`: how many calls a client may have waiting, or answered and not
        fetched.
        """
        self.app = app
        self.page = page
        self.answers = answers
        self.folder = folder.resolve()
        self.each = each

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, or explain what is wrong with it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            await self._pass_on(Request(scope, receive), send)
        except UserInputError as error:
            await _explain(error)(scope, receive, send)

    async def _pass_on(self, request: Request, send: Send) -> None:
        scope, receive = request.scope, request.receive
        if _is_call(scope):
            body, session = await self._check(request)
            await self.app(scope, _replay(body, receive), self._noting(scope, session, send))
            return
        waiting = find_session(get_route_path(scope), request.query_params)
        if scope["method"] != "GET" or waiting is None:
            await self.app(scope, receive, send)
            return
        check_session(self.page, waiting)
        with self.answers.fetching(waiting):
            await self.app(scope, receive, send)

    async def _check(self, request: Request) -> tuple[bytes, str | None]:
        """Return a call's body and the session that it names."""
        if not _is_json(request):
            raise WrongKindError("A call is sent as JSON, with Content-Type: application/json.")
        if self.answers.count(name_sender(request.scope)) >= self.each:
            raise OverloadedError("Your earlier pictures are still waiting for their answers.")
        body = await read_body(request, MAX_CALL)
        call = check_call(body, self.folder)
        check_target(self.page, get_route_path(request.scope), call)
        return body, call.get("session_hash")

    def _noting(self, scope: Scope, session: str | None, send: Send) -> Send:
        """Return what sends on what Gradio says to a call, and counts the call if it took it."""

        async def send_noting(message: Message) -> None:
            event_id = _read_event_id(message.get("body", b""))
            if event_id:
                self.answers.note(event_id, session, name_sender(scope))
            await send(message)

        return send_noting


def is_idle(page: gr.Blocks) -> bool:
    """Tell whether no call waits or is being answered."""
    queue = page._queue
    return not len(queue) and not any(queue.active_jobs)


def count_waiting(page: gr.Blocks) -> int:
    """Return how many calls wait for their turn."""
    return len(page._queue)


def has_delivered(page: gr.Blocks) -> bool:
    """Tell whether whoever made a call has fetched its answer, of all calls."""
    return not any(list(page._queue.pending_event_ids_session.values()))


def check_call(body: bytes, folder: Path) -> Any:  # noqa: ANN401  (JSON)
    """Return what a call says, having checked that its files are uploads.

    Raises: UserInputError for a call that is no JSON, names an address or names too much.
    """
    try:
        call = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UserInputError("This call holds no JSON. Reload the page.") from error
    values = list(_walk(call))
    check_values(values)
    files = [value for value in values if isinstance(value, dict) and _FILE & value.keys()]
    if len(values) > _MAX_VALUES or len(files) > _MAX_FILES:
        raise UserInputError(f"This call names too much; at most {MAX_IMAGES} pictures are taken.")
    for file in files:
        _check_file(file.get("path"), folder)
    return call


def _check_file(path: object, folder: Path) -> None:
    if not isinstance(path, str) or _ADDRESS.match(path.strip()):
        raise UserInputError(
            "This page fetches no pictures from addresses. Save the picture, and send the file."
        )
    if not is_upload(folder, path):
        raise UserInputError("This picture was not sent to this page. Choose it again.")


def _walk(value: Any) -> Iterator[Any]:  # noqa: ANN401
    """Yield every value inside a JSON value, and itself."""
    left = [value]
    while left:
        value = left.pop()
        yield value
        if isinstance(value, dict):
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)


def _is_call(scope: Scope) -> bool:
    return bool(
        scope["type"] == "http"
        and scope["method"] == "POST"
        and get_route_path(scope).startswith(_PATHS)
    )


def _read_event_id(answer: bytes) -> str | None:
    try:
        found = json.loads(answer)
    except ValueError:
        return None
    return found.get("event_id") if isinstance(found, dict) else None


def _is_json(request: Request) -> bool:
    """Tell whether a body is said to be JSON: no form of a page elsewhere can say so."""
    kind, _, _ = request.headers.get("content-type", "").partition(";")
    return bool(kind.strip().casefold() == "application/json")


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return what hands out a body that was read, then what comes after it."""
    message: Message | None = {"type": "http.request", "body": body, "more_body": False}

    async def receive_again() -> Message:
        nonlocal message
        found, message = message, None
        return found or await receive()

    return receive_again


def _explain(error: UserInputError) -> JSONResponse:
    status = find_status(error)
    headers = {"Retry-After": "5"} if status == 503 else {}
    return JSONResponse({"error": str(error), "detail": str(error)}, status, headers)
