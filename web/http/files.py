"""Files beside Gradio's own: the examples, and of a version its model, card and plots.

They are streamed by ourselves: Starlette's `FileResponse` opens a file only when it sends, when
its version may be deleted, and its `background` is not run for a client that went away.
"""

import mimetypes
import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import BinaryIO

from anyio import CancelScope
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from inference.errors import UserInputError
from web.http.errors import answering_errors
from web.serving import Service

_PLAIN = {"X-Content-Type-Options": "nosniff"}
_FILE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\.png")
_PART = 1 << 18  # bytes


def make_file_routes(
    service: Service, examples: Path, may_teach: Callable[[Request], bool]
) -> list[BaseRoute]:
    """Return the routes; of a version only `report/`, `model.onnx` and `README.md` can be fetched.

    `?model=` and `?version=` choose another than the one in use: teachers any, visitors one that is
    published. `may_teach`: tells which a request is from.
    """

    def send_model(request: Request) -> Response:
        folder = _find_folder(service, request.query_params, may_teach(request))
        name = f"{folder.parent.name}-{folder.name}.onnx"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return _send(folder / "model.onnx", headers)

    def send_card(request: Request) -> Response:
        folder = _find_folder(service, request.query_params, may_teach(request))
        # As plain text, whatever is in it: a version may come from elsewhere.
        return _send(folder / "README.md", _PLAIN, "text/plain")

    def send_report(request: Request) -> Response:
        folder = _find_folder(service, request.path_params, may_teach(request))
        name = request.path_params["name"]
        if not _FILE_NAME.fullmatch(name):
            raise UserInputError("A report holds PNG files only.")
        return _send(folder / "report" / name, {})

    shown = StaticFiles(directory=examples, check_dir=False)

    async def send_example(request: Request) -> Response:
        return await shown.get_response(request.path_params["name"], request.scope)

    return [
        _make_route("/model.onnx", send_model),
        _make_route("/README.md", send_card),
        _make_route("/report/{name}", send_report),
        _make_route("/report/{model}/{version}/{name}", send_report),
        # Mounted, it would look for them under the path at which a proxy shows the page.
        Route("/examples/{name}", send_example),
    ]


def _find_folder(service: Service, query: Mapping[str, str], is_teacher: bool) -> Path:
    """Return the folder of a version; of the one that answers where none is named.

    Raises: UserInputError that lists what there is for this visitor.
    """
    model, version = query.get("model") or service.model, query.get("version")
    if not version:
        return service.open(model).folder
    number = int(version) if re.fullmatch(r"[1-9]\d{0,8}", version) else 0
    public = service.list_public(model)
    if not is_teacher and number not in public:
        known = ", ".join(map(str, sorted(public))) or "none"
        raise UserInputError(
            f"Model {model!r} has no published version {number}; published: {known}."
        )
    return service.catalog.find(model, number)


def _make_route(path: str, respond: Callable[[Request], Response]) -> Route:
    """Return a route on which what cannot be found is a 404, whatever is wrong with its name."""

    async def respond_in_thread(request: Request) -> Response:
        return await run_in_threadpool(respond, request)

    return Route(path, answering_errors(respond_in_thread, {UserInputError: 404}))


def _send(path: Path, headers: dict[str, str], media_type: str | None = None) -> Response:
    """Return a file of a version that may be deleted at any time; once open, it is sent whole."""
    try:
        file = path.open("rb")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise UserInputError("This version has no such file.") from error
    known = media_type or mimetypes.guess_type(path)[0] or "application/octet-stream"
    return send_file(file, file.close, known, headers)


def send_file(
    file: BinaryIO, close: Callable[[], object], media_type: str, headers: Mapping[str, str]
) -> "ClosedStream":
    """Return the whole of an open file, which may be deleted meanwhile; no range of it.

    `close` closes it, and does what else is to be done then.
    """
    length = {"Content-Length": str(os.fstat(file.fileno()).st_size)}
    parts = iter(partial(file.read, _PART), b"")
    return ClosedStream(parts, close, media_type, {**headers, **length})


class ClosedStream(StreamingResponse):  # type: ignore[misc]
    """A stream whose source is closed at its end, and where the client went away before that.

    Even before its first part, when nothing that a generator does `finally` would be done.
    """

    def __init__(
        self,
        parts: Iterator[str] | Iterator[bytes],
        close: Callable[[], object],
        media_type: str,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(parts, media_type=media_type, headers=headers)
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):
                await run_in_threadpool(self._close)
