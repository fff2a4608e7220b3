"""Who did what with a data folder, and when: `DATA/audit.jsonl`, one JSON object a line.

Pages, trainings and commands append to it, each line on the disk before they go on. A line that a
kill cut off is skipped. Two files are kept, so that it cannot fill the disk. It holds no addresses
and nothing that visitors sent.
"""

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError

FILE, OLDER = "audit.jsonl", "audit-older.jsonl"
MAX_BYTES = 1_000_000  # of one file
COMMAND_LINE = "command line"
PROGRAM = "this program"  # which does something by itself
WHO = "CLASSIFIER_WHO"  # the variable that names who started a command
_MANY = 10  # labels changed at once; fewer are in the history of each label only
_TIMEOUT = 5.0  # seconds to wait for another that writes
What = Literal[
    "signed_in", "wrong_password", "signed_out", "published", "rolled_back", "reset", "deleted",
    "started", "cancelled", "trained", "ended", "restored", "imported", "approved", "confirmed",
    "rejected", "relabelled", "removed", "undone", "purged", "recovered", "no_teacher",
]  # fmt: skip
_SENTENCES: dict[What, str] = {
    "signed_in": "signed in",
    "wrong_password": "gave {count} wrong {passwords}",
    "signed_out": "signed out",
    "published": "published {model} version {version}",
    "rolled_back": "rolled {model} back to version {version}",
    "reset": "put the shipped version {version} of {model} back",
    "deleted": "deleted {model} version {version}",
    "started": "started a training of {model}",
    "cancelled": "cancelled the training of {model}",
    "trained": "trained {model} version {version}",
    "ended": "ended a training of {model} without a version",
    "restored": "added {model} from a project file, {count} {pictures}",
    "imported": "added {count} {pictures} to {model}",
    "approved": "approved {count} {pictures}",
    "confirmed": "confirmed {count} {labels}",
    "rejected": "rejected {count} {pictures}",
    "relabelled": "relabelled {count} {pictures}",
    "removed": "deleted {count} {pictures}",
    "undone": "undid {count} {changes}",
    "purged": "removed the files of {count} {pictures} for good",
    "recovered": "set a damaged list of labels aside",
    "no_teacher": "signed in with Hugging Face, and is no teacher here",
}
# What is done to labels (`Change.kind`, and undoing it).
_CHANGES: dict[str, What] = {
    "approve": "approved",
    "confirm": "confirmed",
    "reject": "rejected",
    "relabel": "relabelled",
    "delete": "removed",
    "undo": "undone",
}


class Act(BaseModel):
    """One thing that was done. `time`: ISO 8601, UTC. `count`: of pictures or attempts."""

    model_config = ConfigDict(frozen=True)

    time: str = Field(max_length=40)
    who: str = Field(max_length=200)
    what: What
    model: str | None = None
    version: int | None = None
    count: int | None = None

    def describe(self) -> str:
        """Return what was done, as people say it."""
        one = self.count == 1
        words = {f"{word}s": word if one else f"{word}s" for word in _COUNTED}
        count = None if self.count is None else f"{self.count:,}"
        values = {"model": self.model or "every model", "version": self.version, "count": count}
        return _SENTENCES[self.what].format(**values, **words)


_COUNTED = ("password", "picture", "label", "change")


def record(  # noqa: PLR0913  (what an act has)
    data: Path | None,
    who: str,
    what: What,
    *,
    model: str | None = None,
    version: int | None = None,
    count: int | None = None,
) -> None:
    """Append one act; nothing where there is no folder.

    What cannot be written is a line in the page's log: the act has been done already.
    """
    if data is None or not data.is_dir():
        return
    now = datetime.now(UTC).isoformat(timespec="seconds")
    act = Act(
        time=now,
        who=who[:200] or COMMAND_LINE,
        what=what,
        model=model,
        version=version,
        count=count,
    )
    try:
        with FileLock(data / "audit.lock", timeout=_TIMEOUT, mode=0o600):
            _append(data, json.dumps(act.model_dump(exclude_none=True)).encode() + b"\n")
    except OSError as error:  # a lock that cannot be had in time is one too
        reason = error.strerror or type(error).__name__
        logging.getLogger(__name__).error("%s could not be logged: %s.", act.describe(), reason)


def record_published(
    data: Path | None, who: str, model: str, version: int, before: int | None
) -> None:
    """Append that a version came into use. `before`: the one that was in use."""
    is_back = before is not None and version < before
    what: What = "rolled_back" if is_back else "published"
    record(data, who, what, model=model, version=version)


def record_changes(data: Path | None, who: str, kind: str, count: int) -> None:
    """Append that many labels were changed at once. `kind`: of the change, or `undo`."""
    if count >= _MANY:
        record(data, who, _CHANGES[kind], count=count)


def name_command_line() -> str:
    """Return whom a command names: who started it from a page, else the command line."""
    return os.environ.get(WHO, "") or COMMAND_LINE


def read_acts(data: Path, limit: int = 100) -> list[Act]:
    """Return the last acts, newest first; a line that was cut off is none."""
    lines: list[bytes] = []
    for name in (OLDER, FILE):
        try:
            lines += (data / name).read_bytes().splitlines()
        except FileNotFoundError:
            continue
    found: list[Act] = []
    for line in reversed(lines):
        if len(found) == limit:
            break
        try:
            found.append(Act.model_validate_json(line))
        except ValidationError:
            continue
    return found


def _append(data: Path, line: bytes) -> None:
    path = data / FILE
    if path.exists() and path.stat().st_size + len(line) > MAX_BYTES:
        path.replace(data / OLDER)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "r+b", buffering=0) as file:
        if file.seek(0, os.SEEK_END) and not _ends_whole(file.fileno()):
            line = b"\n" + line
        file.write(line)
        os.fsync(file.fileno())


def _ends_whole(handle: int) -> bool:
    os.lseek(handle, -1, os.SEEK_END)
    return os.read(handle, 1) == b"\n"
