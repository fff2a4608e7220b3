"""Guessing the password takes long, and for nobody longer than for who guesses."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from inference.errors import OverloadedError
from tests.web.requests import make_access, make_request
from web.access.turns import Guesses, Turns

ACCESS = make_access(password="secret", host="0.0.0.0")


class HurryingLoop(asyncio.SelectorEventLoop):
    """A loop that jumps to its next timer instead of waiting for it."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        timers: Any = self._scheduled  # type: ignore[attr-defined]
        if timers and not self._ready:  # type: ignore[attr-defined]
            self.now = max(self.now, timers[0].when())  # cancelled or not, nothing is due before
        super()._run_once()  # type: ignore[misc]


def run(work: Callable[[], Awaitable[Any]]) -> Any:
    """Run in a thread of its own, since the browser of other tests keeps a loop in this one."""

    def start() -> Any:
        with asyncio.Runner(loop_factory=HurryingLoop) as runner:
            return runner.run(work())  # type: ignore[arg-type]

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(start).result(timeout=60)


def make_visit(client: str, known: str = "", **headers: str) -> Request:
    """Make a sign-in whose sender waits for the answer, from a browser that may be known."""
    cookies = {ACCESS.name_cookie(make_request(), "known"): known} if known else None
    request = make_request(client, cookies, **headers)

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    return Request(request.scope, receive)


def make_known() -> str:
    """Return the cookie of a browser that signed in before."""
    response = Response()
    ACCESS.sign_in(make_request(), response)
    (cookie,) = [c for c in response.headers.getlist("set-cookie") if c.startswith("known-")]
    return str(cookie.partition("=")[2].partition(";")[0])


class Attack:
    """Strangers who guess as fast as they get answers, for a while."""

    def __init__(self, guesses: Guesses, addresses: list[str], each: int = 8) -> None:
        self.looked_at: Counter[str] = Counter()
        self.refused = 0
        self._guesses = guesses
        self._tasks = [
            asyncio.ensure_future(self._go_on(a)) for a in addresses for _ in range(each)
        ]

    async def _go_on(self, address: str) -> None:
        while True:
            try:
                assert not await self._guesses.check(make_visit(address), "guess")
                self.looked_at[address] += 1
            except OverloadedError:
                self.refused += 1
                await asyncio.sleep(0.5)

    async def __aenter__(self) -> "Attack":
        await asyncio.sleep(30)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()


async def sign_in(guesses: Guesses, visit: Callable[[], Request], given: str = "secret") -> float:
    """Try until it is looked at, as the page's script does; returns seconds."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    while True:
        try:
            assert await guesses.check(visit(), given) is (given == "secret")
        except OverloadedError:
            await asyncio.sleep(1)
        else:
            return loop.time() - started


@pytest.mark.parametrize("addresses", [1, 5, 40])
def test_guesses_are_few_however_many_ask(addresses: int) -> None:
    """X-Forwarded-For is not even read: an address is what the connection says."""

    async def work() -> None:
        names = [f"8.8.{n // 250}.{n % 250}" for n in range(addresses)]
        async with Attack(Guesses(ACCESS, Turns()), names, each=2) as attack:
            assert 28 <= sum(attack.looked_at.values()) <= 36  # in 30 s, five of them at once

    run(work)


def test_invented_addresses_are_one_client() -> None:
    async def work() -> None:
        guesses, seen = Guesses(ACCESS, Turns()), 0
        for number in range(600):
            visit = make_visit("8.8.8.8", x_forwarded_for=f"1.1.{number // 250}.{number % 250}")
            try:
                async with asyncio.timeout(0.001):
                    seen += not await guesses.check(visit, "guess")
            except TimeoutError:
                pass
        assert seen <= 6

    run(work)


def test_known_browser_signs_in_at_once_whatever_strangers_do() -> None:
    async def work() -> None:
        guesses, known = Guesses(ACCESS, Turns()), make_known()
        async with Attack(guesses, [f"8.8.8.{n}" for n in range(60)], each=1):
            for address in ("8.8.8.8", "9.9.9.9"):
                assert await sign_in(guesses, lambda a=address: make_visit(a, known)) == 0

    run(work)


def test_new_browser_waits_but_is_never_locked_out() -> None:
    """Elsewhere it waits its turn among clients; behind the strangers' own tunnel, its share."""

    async def work() -> None:
        guesses = Guesses(ACCESS, Turns())
        async with Attack(guesses, ["8.8.8.8", "8.8.4.4", "1.1.1.1"]) as attack:
            assert await sign_in(guesses, lambda: make_visit("9.9.9.9")) <= 5
            assert await sign_in(guesses, lambda: make_visit("8.8.8.8")) <= 120
            assert attack.refused > 100

    run(work)


def test_five_wrong_passwords_lock_nobody_out() -> None:
    async def work() -> None:
        guesses = Guesses(ACCESS, Turns())
        for _ in range(20):
            await sign_in(guesses, lambda: make_visit("127.0.0.1"), "guess")
        assert await sign_in(guesses, lambda: make_visit("127.0.0.1")) <= 2

    run(work)


def test_what_is_right_costs_nobody_a_turn() -> None:
    async def work() -> None:
        guesses = Guesses(ACCESS, Turns())
        for _ in range(100):
            assert await sign_in(guesses, lambda: make_visit("9.9.9.9")) == 0

    run(work)


def test_stolen_cookie_of_a_browser_guesses_no_faster() -> None:
    async def work() -> None:
        guesses, known = Guesses(ACCESS, Turns()), make_known()
        loop = asyncio.get_running_loop()
        for _ in range(60):
            await sign_in(guesses, lambda: make_visit("8.8.8.8", known), "guess")
        assert loop.time() >= 60 - 10 - 6
        assert await sign_in(guesses, lambda: make_visit("9.9.9.9", make_known())) == 0

    run(work)


@pytest.mark.parametrize("other", ["changed", None])
def test_browsers_are_known_by_this_password_and_our_key(other: str | None) -> None:
    known = make_known()
    request = make_visit("8.8.8.8", known)
    assert ACCESS.read_known(request)
    assert not make_access(password=other).read_known(request)
    assert not make_access(password="secret", secret=b"other").read_known(request)
    assert not ACCESS.read_known(make_visit("8.8.8.8", known[:-1]))
    assert not ACCESS.read_known(make_visit("8.8.8.8", ACCESS.make_cookie()))


def test_who_waits_is_bounded_and_new_clients_get_a_place() -> None:
    async def work() -> None:
        turns = Turns(interval=10, burst=1, each=3, all=6)
        await turns.wait("first")
        waiting = [asyncio.ensure_future(turns.wait(name)) for name in "aaabbb"]
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError, match="Try again in a moment"):
            await turns.wait("a")
        late = asyncio.ensure_future(turns.wait("c"))
        results = await asyncio.gather(*waiting, late, return_exceptions=True)
        assert [type(r) for r in results].count(OverloadedError) == 1
        assert results[-1] is None

    run(work)


def test_newcomer_gets_a_place_where_many_addresses_hold_one_each() -> None:
    async def work() -> None:
        turns = Turns(interval=1000, burst=1, each=4, all=32)
        await turns.wait("first")
        strangers = [asyncio.ensure_future(turns.wait(f"8.8.8.{n}")) for n in range(32)]
        await asyncio.sleep(0)
        newcomers = [asyncio.ensure_future(turns.wait(f"9.9.9.{n}")) for n in range(8)]
        await asyncio.sleep(0)
        assert not newcomers[-1].done()
        await asyncio.sleep(0)
        refused = [n for n, task in enumerate([*strangers, *newcomers]) if task.done()]
        assert len(refused) == 8
        assert refused not in (list(range(8)), list(range(24, 32)))  # not by who came first
        for task in (*strangers, *newcomers):
            task.cancel()
        await asyncio.gather(*strangers, *newcomers, return_exceptions=True)

    run(work)


def test_who_holds_as_many_as_anybody_is_refused() -> None:
    """Else two would push each other out for ever."""

    async def work() -> None:
        turns = Turns(interval=1000, burst=1, each=4, all=4)
        await turns.wait("first")
        waiting = [asyncio.ensure_future(turns.wait(name)) for name in "abab"]
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError):
            await turns.wait("a")
        assert not any(task.done() for task in waiting)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    run(work)


def test_clients_take_turns() -> None:
    async def work() -> None:
        turns, order = Turns(interval=1, burst=1, each=3), []

        async def wait(name: str) -> None:
            await turns.wait(name)
            order.append(name)

        await turns.wait("first")
        await asyncio.gather(*(wait(name) for name in "aaabbc"))
        assert "".join(order) == "abcaba"

    run(work)


def test_who_hangs_up_leaves_the_place_to_others() -> None:
    async def work() -> None:
        guesses = Guesses(ACCESS, Turns(interval=10, burst=1, each=1))
        await guesses.check(make_visit("8.8.8.8"), "guess")
        gone = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await gone.wait()
            return {"type": "http.disconnect"}

        left = asyncio.ensure_future(
            guesses.check(Request(make_visit("8.8.8.8").scope, receive), "guess")
        )
        await asyncio.sleep(1)
        with pytest.raises(OverloadedError):
            await guesses.check(make_visit("8.8.8.8"), "secret")
        gone.set()
        with pytest.raises(ClientDisconnect):
            await left
        assert await guesses.check(make_visit("8.8.8.8"), "secret")

    run(work)
