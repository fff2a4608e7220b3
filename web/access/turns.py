"""Whose guess at the password is looked at next: slowly, and no wrong guess locks anybody out.

A browser that knew the password before has no need to wait for those that never did. Another waits
longer while strangers flood the page with guesses, from its own address above all.
"""

import asyncio
import math
import secrets
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from starlette.requests import ClientDisconnect, Request

from inference.errors import OverloadedError
from web.access.rate_limits import Limit, name_client
from web.access.rules import Access

_CROWDED = "Others are trying to sign in too, so yours was not looked at. Try again in a moment."
# Wrong passwords of one known browser in an hour; after them it waits like any other, so that
# somebody who got hold of its cookie guesses no faster.
_MAX_FAILURES = 10
_ROUNDING = 1e-6  # of a turn, by which a timer may come too early


@dataclass
class Turns:
    """Lets `burst` callers through at once, then one every `interval` seconds, clients in turn.

    `each`, `all`: how many callers of one client, and of all, may wait. Where all places are
    taken, a newcomer gets one, at random, of the clients that hold the most, unless it is one of
    them: nobody keeps others out by coming first. For one event loop.
    """

    interval: float = 1.0
    burst: int = 5
    each: int = 4
    all: int = 32
    _waiting: OrderedDict[str, deque[asyncio.Future[None]]] = field(default_factory=OrderedDict)
    _free: float = 0.0
    _since: float = -math.inf
    _timer: asyncio.TimerHandle | None = None

    async def wait(self, client: str) -> None:
        """Return when it is this client's turn.

        Raises: OverloadedError where too many wait.
        """
        self._make_room(client)
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(turn)
        self._let_through()
        try:
            await turn
        finally:
            self._leave(client, turn)

    def give_back(self) -> None:
        """Let one more through, as the last one knew the password."""
        self._free = min(self.burst, self._free + 1)

    def _make_room(self, client: str) -> None:
        mine = len(self._waiting.get(client, ()))
        if mine >= self.each:
            raise OverloadedError(_CROWDED)
        if sum(map(len, self._waiting.values())) < self.all:
            return
        longest = max(map(len, self._waiting.values()))
        if longest <= mine:
            raise OverloadedError(_CROWDED)
        held = [name for name, turns in self._waiting.items() if len(turns) == longest]
        loser = secrets.choice(held)
        turn = secrets.choice(self._waiting[loser])
        self._leave(loser, turn)
        if not turn.done():
            turn.set_exception(OverloadedError(_CROWDED))

    def _let_through(self) -> None:
        """Give out the turns that are due, and come again when the next one is."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._free = min(self.burst, self._free + (now - self._since) / self.interval)
        self._since = now
        while self._waiting and self._free > 1 - _ROUNDING:
            client = next(iter(self._waiting))
            turn = self._waiting[client][0]
            self._leave(client, turn)
            if client in self._waiting:
                self._waiting.move_to_end(client)
            if not turn.done():  # else who waited has just left
                self._free -= 1
                turn.set_result(None)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self._waiting:
            self._timer = loop.call_later((1 - self._free) * self.interval, self._let_through)

    def _leave(self, client: str, turn: asyncio.Future[None]) -> None:
        waiting = self._waiting.get(client)
        if waiting is not None and turn in waiting:
            waiting.remove(turn)
            if not waiting:
                del self._waiting[client]


class Guesses:
    """Checks passwords, at once for a browser that knew it before, in turn for all others."""

    def __init__(self, access: Access, turns: Turns) -> None:
        self.access = access
        self.turns = turns
        self._failures = Limit(each=_MAX_FAILURES, all=10_000, seconds=3600)

    async def check(self, request: Request, given: str) -> bool:
        """Tell whether this is the password.

        Raises: OverloadedError where too many others wait; ClientDisconnect where who asked left.
        """
        known = self.access.read_known(request)
        if known is not None and self._failures.take(known):
            is_right = self.access.check_password(given)
            if is_right:
                self._failures.give_back(known)
            return is_right
        await _wait_or_leave(self.turns, request, name_client(request, self.access))
        is_right = self.access.check_password(given)
        if is_right:
            self.turns.give_back()
        return is_right


async def _wait_or_leave(turns: Turns, request: Request, client: str) -> None:
    """Wait for a turn while the connection is held, which limits how many one client waits with.

    Raises: OverloadedError; ClientDisconnect.
    """
    turn = asyncio.ensure_future(turns.wait(client))
    gone = asyncio.ensure_future(_wait_until_gone(request))
    try:
        await asyncio.wait((turn, gone), return_when=asyncio.FIRST_COMPLETED)
        if not turn.done():
            raise ClientDisconnect
        turn.result()
    finally:
        turn.cancel()
        gone.cancel()


async def _wait_until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
