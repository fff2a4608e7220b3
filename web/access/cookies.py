"""The signed cookies of teachers: the key that signs them, and which were signed out."""

import hmac
import logging
import os
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from itsdangerous import BadData, URLSafeTimedSerializer

from inference.atomic_files import create_file, replace_file, sync_folder
from inference.errors import UserInputError

SIGNED_IN_SECONDS = 12 * 3600
KNOWN_SECONDS = 400 * 24 * 3600  # the longest that browsers keep a cookie
_KEY_BYTES = 32
_SLACK = 3600  # seconds for which an ended cookie is remembered, as clocks differ


@dataclass(frozen=True)
class Signer:
    """Signs and reads the values of cookies of one kind. `key` is as secret as the password."""

    key: bytes = field(repr=False)
    kind: str
    seconds: int

    def sign(self, name: str) -> str:
        """Return a value that nobody else has."""
        return self._serializer().dumps({"name": name, "id": secrets.token_hex(8)})

    def read(self, value: str | None) -> dict[str, str] | None:
        """Return the `name` and `id` that were signed; None for what is forged or too old."""
        if not value:
            return None
        try:
            values: dict[str, str] = self._serializer().loads(value, max_age=self.seconds)
        except BadData:
            return None
        return values

    def _serializer(self) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self.key, salt=self.kind)


def derive_key(secret: bytes, password: str) -> bytes:
    """Return the key for one password; another password makes another, which signs all out."""
    return hmac.digest(secret, password.encode("utf-8", "surrogatepass"), "sha256")


@dataclass(frozen=True)
class SignedOut:
    """The cookies that were signed out and would still be accepted otherwise.

    Each is an empty file in `folder`, named by the cookie's id and dated by its end, so that it
    outlives a restart and all pages on one data folder know it. It goes when the cookie has ended:
    there are never more than cookies that were given out lately. `folder` None: until the process
    ends.
    """

    folder: Path | None = None
    _until: dict[str, float] = field(default_factory=dict, compare=False, repr=False)

    def add(self, cookie: str, until: float | None = None) -> None:
        """Remember a cookie by its id; until the process ends where that cannot be written.

        `until`: when it ends, in seconds since 1970; a cookie of ours in `SIGNED_IN_SECONDS`.
        """
        now = time.time()
        until = now + SIGNED_IN_SECONDS if until is None else until
        for known in [known for known, end in self._until.items() if end < now]:
            self._until.pop(known, None)
        self._until[cookie] = until
        try:
            self._write(cookie, until, now)
        except OSError as error:
            logging.getLogger(__name__).error(
                "A cookie is signed out until the next start only: %s.", error
            )

    def __contains__(self, cookie: str) -> bool:
        """Tell whether a cookie was signed out."""
        if cookie in self._until:
            return True
        return self.folder is not None and (self.folder / cookie).exists()

    def _write(self, cookie: str, until: float, now: float) -> None:
        if self.folder is None:
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder / cookie).touch(0o600)
        os.utime(self.folder / cookie, (until, until))
        sync_folder(self.folder)
        for path in self.folder.iterdir():
            if path.stat().st_mtime + _SLACK < now:
                path.unlink(missing_ok=True)


def read_secret(path: Path) -> bytes:
    """Return the key in a file that only its owner can read; make one if there is none.

    One that is too short, as a full disk leaves it, would let anybody sign: it is made anew.
    Raises: UserInputError where the folder cannot be used.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        create_file(path, secrets.token_bytes(_KEY_BYTES))  # only for the first of several
        path.chmod(0o600)
        found = path.read_bytes()
        if len(found) < _KEY_BYTES:
            found = secrets.token_bytes(_KEY_BYTES)
            replace_file(path, found)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise UserInputError(
            f"The key that signs teachers' cookies cannot be kept in {path.parent}: {reason}. "
            "Choose another folder with --data."
        ) from error
    return found


def read_cookie(request: Any, name: str) -> str | None:  # noqa: ANN401  (Starlette's and Gradio's)
    """Return the value of a request's cookie."""
    value = dict(getattr(request, "cookies", None) or {}).get(name)
    return str(value) if value else None
