"""Answers of Gradio's queue: how many of a client's nobody has fetched, and for how long.

Gradio keeps an answer until it is fetched, and what it was to be fetched from for ever after.
"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_MAX_SESSIONS = 1_000_000  # which `tidy` never lets it reach; Gradio drops one that is waited for
KEPT_SECONDS = 60.0  # after a call was answered


@dataclass
class _Call:
    client: str
    session: str
    answered: float | None = None  # since when it is, and nobody fetches it


class Answers:
    """Counts the calls of each client in a page's queue, until their answers are fetched.

    Of one thread: the event loop's. `tidy` is to be called every second or so.
    """

    def __init__(self, queue: Any) -> None:  # noqa: ANN401  (Gradio's)
        self._queue = queue
        queue.pending_messages_per_session.max_size = _MAX_SESSIONS
        self._calls: dict[str, _Call] = {}
        self._fetched = Counter[str]()  # sessions whose answers are being fetched
        self._over: set[str] = set()  # sessions that waited for nothing at the last look

    def note(self, event_id: str, session: str | None, client: str) -> None:
        """Count a call that the queue took. `session`: of one that named none, its id."""
        self._calls[event_id] = _Call(client, session or event_id)

    def count(self, client: str) -> int:
        """Return how many calls of a client wait, are being answered, or are not fetched yet."""
        own = [(name, call) for name, call in self._calls.items() if call.client == client]
        return sum(self._is_pending(name, call) for name, call in own)

    @contextmanager
    def fetching(self, session: str) -> Iterator[None]:
        """Keep what a session was answered with for as long as somebody takes it."""
        self._fetched[session] += 1
        try:
            yield
        finally:
            self._fetched[session] -= 1
            if not self._fetched[session]:
                del self._fetched[session]

    def tidy(self) -> None:
        """Drop answers that nobody came for, and what sessions left that wait for nothing."""
        now = time.monotonic()
        for name, call in list(self._calls.items()):
            if not self._is_pending(name, call):
                del self._calls[name]
            elif name in self._queue.event_ids_to_events or call.session in self._fetched:
                call.answered = None
            elif call.answered is None:
                call.answered = now
            elif now - call.answered > KEPT_SECONDS:
                self._drop(name, call)
        self._drop_sessions()

    def _is_pending(self, name: str, call: _Call) -> bool:
        return name in self._queue.pending_event_ids_session.get(call.session, ())

    def _drop(self, name: str, call: _Call) -> None:
        del self._calls[name]
        self._queue.pending_event_ids_session[call.session].discard(name)
        messages = self._queue.pending_messages_per_session.get(call.session)
        kept = [messages.get_nowait() for _ in range(messages.qsize())] if messages else []
        for message in kept:
            if message.event_id != name:
                messages.put_nowait(message)

    def _drop_sessions(self) -> None:
        waiting = self._queue.pending_event_ids_session
        messages = self._queue.pending_messages_per_session
        over = {name for name in (*waiting, *messages) if not waiting.get(name)}
        for name in (over & self._over) - self._fetched.keys():
            waiting.pop(name, None)
            messages.pop(name, None)
        self._over = over
