"""How often one visitor, and all of them together, may do something; kept in memory only."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.requests import Request

from web.access.clients import PROXIES_OF_A_SPACE, find_client
from web.access.rules import Access
from web.http.shares import name_network


@dataclass
class Limit:
    """At most `each` times a visitor and `all` times altogether within `seconds`.

    `max_clients`: visitors remembered at once; those that came first are forgotten first.
    Safe between threads.
    """

    each: int
    all: int
    seconds: float
    clock: Callable[[], float] = time.monotonic
    max_clients: int = 10_000
    _times: OrderedDict[str, deque[float]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, client: str) -> bool:
        """Count one more for a visitor; False, and nothing is counted, if that is too many."""
        with self._lock:
            self._forget()
            times = self._times.get(client, deque())
            if len(times) >= self.each or sum(map(len, self._times.values())) >= self.all:
                return False
            times.append(self.clock())
            self._times[client] = times
            if len(self._times) > self.max_clients:
                self._times.popitem(last=False)
            return True

    def give_back(self, client: str) -> None:
        """Take back what was counted last for a visitor."""
        with self._lock:
            if self._times.get(client):
                self._times[client].pop()

    def _forget(self) -> None:
        """Drop what is older than the window; called with the lock held."""
        since = self.clock() - self.seconds
        for client, times in list(self._times.items()):
            while times and times[0] <= since:
                times.popleft()
            if not times:
                del self._times[client]


def name_client(request: Request, access: Access) -> str:
    """Return what a visitor is counted under.

    It is the other end of the connection, which is rewritten before where the operator named a
    proxy; on a Space, what its proxies report.
    """
    client = request.client.host if request.client else ""
    if access.on_space:
        client = find_client(request.headers, client, PROXIES_OF_A_SPACE)
    return name_network(client) if client else "unknown"
