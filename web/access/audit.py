"""Who signed in, for the audit log; what anybody may try is bounded, so that it fills nothing."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from labelling.audit_log import record
from web.access.rate_limits import Limit

STRANGER = "somebody"
_INTERVAL = 3600.0  # seconds between two lines about wrong passwords
_MAX_STRANGERS = 20  # lines in that time about people who are no teachers, each once


class SignInAudit:
    """Notes sign-ins in the audit log of a data folder; None: nowhere. Safe between threads."""

    def __init__(
        self, data: Path | None, who: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Note that `who` signed in; whoever did not is somebody."""
        self.data = data
        self.who = who
        self._clock = clock
        self._lock = threading.Lock()
        self._strangers = Limit(1, _MAX_STRANGERS, _INTERVAL, clock)
        self._wrong = 0
        self._next = clock()

    def note_signed_in(self) -> None:
        """Note that somebody knew the password, after those who did not."""
        with self._lock:
            self._write_wrong()
            record(self.data, self.who, "signed_in")

    def note_wrong(self) -> None:
        """Count a wrong password; the first is a line at once, the others together later."""
        with self._lock:
            self._wrong += 1
            if self._clock() >= self._next:
                self._write_wrong()

    def note_hugging_face(self, name: str, *, is_teacher: bool) -> None:
        """Note that somebody signed in with Hugging Face, where anybody can have a name."""
        if is_teacher:
            record(self.data, name, "signed_in")
        elif self._strangers.take(name):
            record(self.data, name, "no_teacher")

    def _write_wrong(self) -> None:
        if self._wrong:
            record(self.data, STRANGER, "wrong_password", count=self._wrong)
            self._wrong, self._next = 0, self._clock() + _INTERVAL
