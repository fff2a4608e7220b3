"""What visitors upload lies on the temporary disk for a while: how much, whose, and until when.

All of them are deleted here: of Gradio's own schedule two threads get in each other's way, and it
does not know a file whose sender hung up midway.
"""

import logging
import os
import re
import shutil
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import gradio as gr
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.routing import get_route_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inference.errors import is_disk_full
from web.http.shares import Shares, name_sender

PATH = "/gradio_api/upload"
MOST = 8_000_000_000  # bytes of uploads at once, where the disk has room for twice as many
MOST_FILES = 80_000  # at once; a form's end counts as one more, since it is not told apart
SECONDS = 600.0  # for which an upload counts
_ABANDONED = 120.0  # seconds without another byte
_KEPT = 2400.0  # seconds after which no upload is of use to anybody
_LEFT, _LEFT_FILES = 100_000_000, 10_000  # bytes, and files, of the disk that stay free
# What browsers and HTTP libraries write; what else a parser would take, each reads its own way.
_CHARSET = r"(?:; ?charset=\"?utf-8\"?)?"
_FORM = re.compile(
    rf"multipart/form-data{_CHARSET}; ?boundary=(\"?)([\w.+'=-]{{1,70}})\1{_CHARSET}",
    re.ASCII | re.IGNORECASE,
)
_NO_FORM = "This upload is no form with files. Reload the page, and choose the picture again."
_MUCH = "That is a lot of pictures from your address. Try again in ten minutes."
_FULL = "There is no room for more pictures at the moment. Try again in a few minutes."


class UploadBudget:
    """How many bytes and files may arrive within `SECONDS`: of one client, a quarter of all.

    Of one thread: the event loop's.
    """

    def __init__(
        self,
        folder: Path,
        most: int | None = None,
        most_files: int = MOST_FILES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Count uploads to `folder`; `most` bytes, usually what its disk has room for."""
        self.folder = folder
        most = most or min(MOST, shutil.disk_usage(folder).free // 2)
        self._clock = clock
        self._bytes = Shares(each=most // 4, all=most)
        self._files = Shares(each=most_files // 4, all=most_files)
        # (second, client) → bytes and files that arrived in it.
        self._counted: OrderedDict[tuple[int, str], tuple[int, int]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many counts are kept: one for each second of each client."""
        return len(self._counted)

    def refuse(self, client: str, size: int, files: int = 0) -> str | None:
        """Count what arrived, `size` in bytes; return why no more is taken, or None."""
        self._forget()
        if not size:
            return None
        if not self._bytes.take(client, size):
            return _MUCH
        if not self._files.take(client, files):
            self._bytes.give_back(client, size)
            return _MUCH
        key = int(self._clock()), client
        counted = self._counted.get(key, (0, 0))
        self._counted[key] = counted[0] + size, counted[1] + files
        return _FULL if _is_full(self.folder) else None

    def _forget(self) -> None:
        while self._counted:
            (second, client), (size, files) = next(iter(self._counted.items()))
            if second >= self._clock() - SECONDS:
                return
            self._counted.popitem(last=False)
            self._bytes.give_back(client, size)
            self._files.give_back(client, files)


def _is_full(folder: Path) -> bool:
    if shutil.disk_usage(folder).free < _LEFT:
        return True
    if not hasattr(os, "statvfs"):  # Windows
        return False
    disk = os.statvfs(folder)
    return disk.f_files > 0 and disk.f_favail < _LEFT_FILES  # none: made as they are needed


class LimitedUploads:
    """Ends an upload with one sentence where no more can be taken, or where it is none."""

    def __init__(self, app: ASGIApp, budget: UploadBudget) -> None:
        self.app = app
        self.budget = budget

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through until it is too much."""
        if scope["type"] != "http" or scope["method"] != "POST" or get_route_path(scope) != PATH:
            await self.app(scope, receive, send)
            return
        form = _FORM.fullmatch(Headers(scope=scope).get("content-type", ""))
        if form is None:
            await _explain(_NO_FORM, 400)(scope, receive, send)
            return
        client, marks = name_sender(scope), _Marks(form[2].encode())
        # Gradio would keep what it knows of an upload with a number until somebody asks for it.
        scope["query_string"] = b""

        async def receive_within_budget() -> Message:
            message = await receive()
            body = message.get("body", b"")
            sentence = self.budget.refuse(client, len(body), marks.count(body))
            if sentence is not None:
                raise _RefusedError(sentence)
            return message

        try:
            await self.app(scope, receive_within_budget, send)
        except _RefusedError as error:
            await _explain(str(error), 503)(scope, receive, send)
        except OSError as error:
            if not is_disk_full(error):
                raise
            await _explain(_FULL, 503)(scope, receive, send)
        except (TypeError, ValueError) as error:  # Gradio's, of the form: nothing else is below
            kind = type(error).__name__
            logging.getLogger(__name__).info("An upload was refused: %s.", kind)
            await _explain(_NO_FORM, 400)(scope, receive, send)


class _Marks:
    """Counts what stands before each part of a form, and at its end, as the form arrives."""

    def __init__(self, boundary: bytes) -> None:
        self._mark = b"--" + boundary
        self._rest = b""  # the beginning of a mark, perhaps

    def count(self, data: bytes) -> int:
        data = self._rest + data
        self._rest = data[1 - len(self._mark) :]
        return data.count(self._mark)


class _RefusedError(Exception):
    """No more is taken."""


def forget_files(page: gr.Blocks) -> None:
    """Let Gradio forget the files that it would delete, which is done here."""
    for files in page.temp_file_sets:
        files.clear()


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
    for path in folder.iterdir():
        if path.is_dir() and now - path.stat().st_mtime > _ABANDONED:
            with suppress(OSError):  # it is not empty
                path.rmdir()


def _list_uploads(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Yield the files of uploads, and whether each is unfinished: not moved to a folder yet."""
    for path in folder.rglob("*"):
        is_unfinished = path.parent == folder
        if path.is_file() and not (is_unfinished and path.name.startswith(".")):  # our lock
            yield path, is_unfinished


def _explain(sentence: str, status: int) -> JSONResponse:
    headers = {"Retry-After": "60"} if status == 503 else {}
    return JSONResponse({"error": sentence, "detail": sentence}, status, headers)
