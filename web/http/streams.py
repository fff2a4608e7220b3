"""Answers in parts whose source is let go of at their end, however that comes about."""

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import BinaryIO

from anyio import CancelScope
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

_PART = 1 << 18  # bytes


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


def send_file(
    file: BinaryIO, close: Callable[[], object], media_type: str, headers: Mapping[str, str]
) -> ClosedStream:
    """Return the whole of an open file, which may be deleted meanwhile; no range of it.

    `close` closes it, and does what else is to be done then.
    """
    length = {"Content-Length": str(os.fstat(file.fileno()).st_size)}
    parts = iter(partial(file.read, _PART), b"")
    return ClosedStream(parts, close, media_type, {**headers, **length})
