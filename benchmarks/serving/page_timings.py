"""Our page against those that one would run instead, in turn, in one go, on the same pictures."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from benchmarks.serving.clients import Endpoint, ask_all, count_answers, time_calls
from benchmarks.serving.images import make_large, make_small
from benchmarks.serving.servers import Page, open_page, open_peer

OURS, BARE, TORCH, TRANSFORMERS = "ours", "ours, /api/classify", "P1 torch", "P2 transformers"
CLIENTS = 16

Opener = Callable[[], AbstractContextManager[Page]]
Row = dict[str, float]  # contestant → figure


@dataclass(frozen=True)
class Effort:
    """How much is measured: `rounds` of `calls` a picture size, windows of `seconds`."""

    rounds: int = 5
    calls: int = 12
    seconds: float = 8.0
    starts: int = 3
    requests: int = 1000


@dataclass(frozen=True)
class Contestant:
    """A page that runs, and where pictures are sent to it."""

    page: Page
    endpoint: Endpoint


def list_openers(version: Path) -> dict[str, Opener]:
    """Return how each page is started; a peer that is not installed is left out."""
    openers: dict[str, Opener] = {
        OURS: open_page,
        TORCH: lambda: open_peer("torch_page", str(version)),
    }
    if find_spec("transformers"):
        openers[TRANSFORMERS] = lambda: open_peer("transformers_page")
    return openers


@contextmanager
def open_all(openers: dict[str, Opener]) -> Iterator[dict[str, Contestant]]:
    """Start all pages; ours is asked in two ways."""
    with ExitStack() as stack:
        pages = {name: stack.enter_context(opener()) for name, opener in openers.items()}
        found = {name: Contestant(page, name_endpoint(name, page)) for name, page in pages.items()}
        plain = Endpoint(pages[OURS].port, "/api/classify", plain=True)
        found[BARE] = Contestant(pages[OURS], plain)
        yield found


def name_endpoint(name: str, page: Page) -> Endpoint:
    """Return where a page takes pictures."""
    if name == OURS:
        return Endpoint(page.port, "classify", (False, None))
    return Endpoint(page.port, "predict")


def time_starts(openers: dict[str, Opener], repeats: int) -> dict[str, list[float]]:
    """Return the seconds from starting a page's process to its first answer, again and again."""
    times: dict[str, list[float]] = {name: [] for name in openers}
    [picture] = make_small(1)
    for _ in range(repeats):
        for name, opener in openers.items():
            with opener() as page:
                time_calls(name_endpoint(name, page), [picture])
                times[name].append(time.perf_counter() - page.begun)
    return times


def time_pictures(
    contestants: dict[str, Contestant], pictures: list[bytes], rounds: int
) -> dict[str, list[float]]:
    """Return the seconds a picture took with one client; the first round only warms up."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, contestant in contestants.items():
            # A connection of its own: while others have their turn, a page closes an idle one.
            found = time_calls(contestant.endpoint, pictures)
            times[name] += found if number else []
    return times


def measure_throughput(
    contestants: dict[str, Contestant], pictures: list[bytes], effort: Effort
) -> dict[str, list[float]]:
    """Return the answers a second with 16 clients, a window after the other, in turn."""
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(effort.rounds):
        for name, found in contestants.items():
            rates[name].append(count_answers(found.endpoint, pictures, CLIENTS, effort.seconds))
    return rates


def measure_memory(contestant: Contestant, requests: int) -> dict[str, float]:
    """Return resident MB after so many requests, one in twenty of 12 megapixels.

    Every hundredth is looked at. `growth`: the last against what it was after 200.
    """
    small, large = make_small(19), make_large(1)
    seen = []
    for _ in range(requests // 100):
        ask_all(contestant.endpoint, [*small, *large] * 5, CLIENTS)
        seen.append(contestant.page.read_memory() / 1e6)
    after_200 = statistics.median(seen[1:4])
    return {"MB": seen[-1], "after 200": after_200, "growth": seen[-1] / after_200}
