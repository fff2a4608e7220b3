"""Our page against those that one would run instead, in turn, in one go, on the same images."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from benchmarks.effort import Effort
from benchmarks.results import Measured, summarise
from benchmarks.serving.clients import Endpoint, count_answers, send_all, time_calls
from benchmarks.serving.images import make_large, make_small
from benchmarks.serving.servers import Server, open_page, open_peer

OURS, PLAIN, TORCH, TRANSFORMERS = "ours", "ours, /api/classify", "P1 torch", "P2 transformers"
CLIENTS = 16

Opener = Callable[[], AbstractContextManager[Server]]


@dataclass(frozen=True)
class Target:
    """A running page, and where images are sent to it."""

    server: Server
    endpoint: Endpoint


def measure(version: Path, effort: Effort) -> dict[str, Measured]:
    """Time running pages: one client, 16 clients, and their memory after many requests."""
    sizes = {
        "small picture": make_small(effort.calls),
        "12 MP JPEG": make_large(max(1, effort.calls // 2)),
    }
    openers = list_openers(version)
    found = {}
    with open_all(openers) as targets:
        for title, images in sizes.items():
            times = time_images(targets, images, effort.rounds)
            milliseconds = {name: [1000 * t for t in row] for name, row in times.items()}
            found[f"{title}, one client"] = summarise(milliseconds, TORCH, "ms")
        for title, images in sizes.items():
            rates = measure_throughput(targets, images, effort)
            found[f"{title}, 16 clients"] = summarise(rates, TORCH, "a second")
    with open_all({name: openers[name] for name in (OURS, TORCH)}) as targets:
        memory = {name: measure_memory(targets[name], effort.requests) for name in (OURS, TORCH)}
    for key, title, unit in (
        ("MB", f"resident memory after {effort.requests} requests", "MB"),
        ("growth", f"its growth from 200 requests to {effort.requests}", "times"),
    ):
        found[title] = summarise({name: [row[key]] for name, row in memory.items()}, TORCH, unit)
    return found


def measure_start(version: Path, effort: Effort) -> dict[str, Measured]:
    """Time each page from the start of its process to its first answer."""
    openers = list_openers(version)
    times: dict[str, list[float]] = {name: [] for name in openers}
    [image] = make_small(1)
    for _ in range(effort.starts):
        for name, opener in openers.items():
            with opener() as server:
                time_calls(make_endpoint(name, server), [image])
                times[name].append(time.perf_counter() - server.started)
    return {"start to first answer": summarise(times, TORCH, "s")}


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
def open_all(openers: dict[str, Opener]) -> Iterator[dict[str, Target]]:
    """Start all pages; ours is a target twice, by Gradio's API and by `/api/classify`."""
    with ExitStack() as stack:
        servers = {name: stack.enter_context(opener()) for name, opener in openers.items()}
        targets = {name: Target(s, make_endpoint(name, s)) for name, s in servers.items()}
        plain = Endpoint(servers[OURS].port, "/api/classify", plain=True)
        yield {**targets, PLAIN: Target(servers[OURS], plain)}


def make_endpoint(name: str, server: Server) -> Endpoint:
    """Return where a page takes images."""
    if name == OURS:
        return Endpoint(server.port, "classify", (False, None))
    return Endpoint(server.port, "predict")


def time_images(
    targets: dict[str, Target], images: list[bytes], rounds: int
) -> dict[str, list[float]]:
    """Return the seconds that each image took with one client; the first round only warms up."""
    times: dict[str, list[float]] = {name: [] for name in targets}
    for number in range(rounds + 1):
        for name, target in targets.items():
            # A new connection: a page closes an idle one while the others have their turn.
            found = time_calls(target.endpoint, images)
            times[name] += found if number else []
    return times


def measure_throughput(
    targets: dict[str, Target], images: list[bytes], effort: Effort
) -> dict[str, list[float]]:
    """Return the answers a second with 16 clients, one window after the other, in turn."""
    rates: dict[str, list[float]] = {name: [] for name in targets}
    for _ in range(effort.rounds):
        for name, target in targets.items():
            rates[name].append(count_answers(target.endpoint, images, CLIENTS, effort.seconds))
    return rates


def measure_memory(target: Target, requests: int) -> dict[str, float]:
    """Return resident MB after so many requests, one in twenty of them of 12 megapixels.

    It is read after each hundred. `growth`: the last against that after 200.
    """
    small, large = make_small(19), make_large(1)
    readings = []
    for _ in range(requests // 100):
        send_all(target.endpoint, [*small, *large] * 5, CLIENTS)
        readings.append(target.server.read_memory() / 1e6)
    after_200 = statistics.median(readings[1:4])
    return {"MB": readings[-1], "growth": readings[-1] / after_200}
