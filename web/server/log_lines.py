"""What the page says of itself, line by line: for people, or as one JSON object a line.

Nothing of a visitor is in it: no address, no name of a picture, no token. What somebody sent cannot
make a line of its own, since control characters are escaped.
"""

import hashlib
import io
import json
import logging
import re
import secrets
import sys
import threading
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

from web.server.exchanges import Exchange, name_method, request_id

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_INDENT = "    "  # of all lines but the first of what is said at once
# Says what is wrong with the form of each upload.
_NOISY = ("python_multipart", "multipart")
_requests = logging.getLogger("requests")


def log_for_people() -> None:
    """Let all loggers write lines that people read, to standard error."""
    _use(PlainFormatter(), sys.stderr)


def log_as_json() -> None:
    """Let all loggers, and whatever prints or fails, write JSON lines to standard output."""
    _use(JsonFormatter(), sys.stdout)
    _requests.setLevel(logging.INFO)
    logging.raiseExceptions = False  # a full disk under the log would print of it, for ever
    logging.captureWarnings(True)
    sys.stdout = _Lines(logging.getLogger("stdout"))
    sys.stderr = _Lines(logging.getLogger("stderr"))
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda args: _log_uncaught(
        args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback
    )


class PlainFormatter(logging.Formatter):
    """One line, and of a defect its traceback, indented."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines."""
        said = f"{_format_time(record)} {record.levelname} {escape(record.getMessage())}"
        if record.exc_info:
            lines = self.formatException(record.exc_info).splitlines()
            said = "\n".join([said, *(_INDENT + escape(line) for line in lines)])
        return said


class JsonFormatter(logging.Formatter):
    """One JSON object: `time`, `level`, `logger`, then what is said, and `exc` of a defect."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; JSON escapes what would end it."""
        values: dict[str, Any] = {
            "time": _format_time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        fields = getattr(record, "fields", None)
        if fields is None:
            values |= {"message": record.getMessage(), "request": request_id.get()}
        else:
            values |= fields
        if record.exc_info and record.exc_info[1] is not None:
            values["exc"] = describe_error(record.exc_info[1])
        return json.dumps({name: value for name, value in values.items() if value is not None})


class RequestLog:
    """Logs each exchange at its end, with a client's hash under a key of this start."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def __call__(self, exchange: Exchange) -> None:
        """Log one."""
        _requests.info("", extra={"fields": self.describe(exchange)})

    def describe(self, exchange: Exchange) -> dict[str, Any]:
        """Return what is logged; `path` is that of the route, null where there is none."""
        return {
            "request": exchange.id,
            "method": name_method(exchange),
            "path": exchange.route,
            "status": exchange.status,
            "milliseconds": round(1000 * exchange.seconds, 1),
            "client": self.hash_client(exchange.client),
            "received": exchange.received,
            "sent": exchange.sent,
        }

    def hash_client(self, client: str) -> str:
        """Return what tells clients apart until the next start, and no address."""
        return hashlib.blake2b(client.encode(), key=self._key, digest_size=8).hexdigest()


def describe_error(error: BaseException) -> dict[str, Any]:
    """Return an error as JSON values: its kind, what it says, and where, the last call last."""
    frames = traceback.extract_tb(error.__traceback__)
    values: dict[str, Any] = {
        "type": type(error).__name__,
        "message": str(error),
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return values | ({"cause": describe_error(cause)} if cause is not None else {})


def escape(text: str) -> str:
    r"""Return text with control characters, ends of lines too, written as `\x0a`."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


class _Lines(io.TextIOBase):
    """Stands for a stream that is printed to: each line becomes a line of the log."""

    encoding = "utf-8"  # type: ignore[assignment]
    errors = "replace"  # type: ignore[assignment]

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__()
        self._logger = logger
        self._logger.setLevel(logging.INFO)
        self._rest = threading.local()  # each thread's own, so that lines are not mixed

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, rest = (getattr(self._rest, "text", "") + text).split("\n")
        self._rest.text = rest
        for line in lines:
            if line.strip():
                self._logger.info("%s", line)
        return len(text)


def _use(formatter: logging.Formatter, stream: TextIO) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)


def _log_uncaught(
    kind: type[BaseException], error: BaseException, where: TracebackType | None
) -> None:
    logging.getLogger("uncaught").error("An error ended it.", exc_info=(kind, error, where))


def _format_time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
