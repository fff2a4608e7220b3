"""What visitors upload lies on the temporary disk for a while: how much, whose, and until when.

Gradio deletes what it knows of; a file whose sender hung up midway is deleted here.
"""

import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from starlette.responses import JSONResponse
from starlette.routing import get_route_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inference.errors import is_disk_full
from web.http.shares import Shares, name_sender

PATH = "/gradio_api/upload"
MOST = 8_000_000_000  # bytes of uploads at once, where the disk has room for twice as many
SECONDS = 600.0  # for which an upload counts
_ABANDONED = 120.0  # seconds without another byte
_KEPT = 3600.0  # seconds after which no upload is of use to anybody
_LEFT = 100_000_000  # bytes of the disk that stay free
_MUCH = "That is a lot of pictures from your address. Try again in ten minutes."
_FULL = "There is no room for more pictures at the moment. Try again in a few minutes."


class UploadBudget:
    """How many bytes may arrive within `SECONDS`: of one client, a quarter of all.

    Of one thread: the event loop's.
    """

    def __init__(
        self, folder: Path, most: int | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Count uploads to `folder`; `most` bytes, usually what its disk has room for."""
        self.folder = folder
        most = most or min(MOST, shutil.disk_usage(folder).free // 2)
        self._clock = clock
        self._shares = Shares(each=most // 4, all=most)
        self._counted: deque[tuple[float, str, int]] = deque()

    def refuse(self, client: str, size: int) -> str | None:
        """Count bytes that arrived; return why no more are taken, or None."""
        self._forget()
        if not self._shares.take(client, size):
            return _MUCH
        self._counted.append((self._clock(), client, size))
        return _FULL if shutil.disk_usage(self.folder).free < _LEFT else None

    def _forget(self) -> None:
        while self._counted and self._counted[0][0] < self._clock() - SECONDS:
            _, client, size = self._counted.popleft()
            self._shares.give_back(client, size)


class LimitedUploads:
    """Ends an upload with one sentence and 503 where no more can be taken."""

    def __init__(self, app: ASGIApp, budget: UploadBudget) -> None:
        self.app = app
        self.budget = budget

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through until it is too much."""
        if scope["type"] != "http" or get_route_path(scope) != PATH:
            await self.app(scope, receive, send)
            return
        client = name_sender(scope)
        # Gradio would keep what it knows of an upload with a number until somebody asks for it.
        scope["query_string"] = b""

        async def receive_within_budget() -> Message:
            message = await receive()
            sentence = self.budget.refuse(client, len(message.get("body", b"")))
            if sentence is not None:
                raise _RefusedError(sentence)
            return message

        try:
            await self.app(scope, receive_within_budget, send)
        except _RefusedError as error:
            await _explain(str(error))(scope, receive, send)
        except OSError as error:
            if not is_disk_full(error):
                raise
            await _explain(_FULL)(scope, receive, send)


class _RefusedError(Exception):
    """No more is taken."""


def sweep(folder: Path, now: float | None = None) -> None:
    """Delete uploads that are of no use: those of senders who hung up midway, and old ones."""
    now = time.time() if now is None else now
    for path, is_unfinished in _list_uploads(folder):
        try:
            age = now - path.stat().st_mtime
            if age > (_ABANDONED if is_unfinished else _KEPT):
                path.unlink()
        except FileNotFoundError:
            continue  # Gradio was first


def _list_uploads(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Yield the files of uploads, and whether each is unfinished: not moved to a folder yet."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            yield path, path.parent == folder


def _explain(sentence: str) -> JSONResponse:
    return JSONResponse({"error": sentence, "detail": sentence}, 503, {"Retry-After": "60"})
