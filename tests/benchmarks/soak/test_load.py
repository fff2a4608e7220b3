"""The load that a page must bear, for a few seconds; and its clients notice what is wrong."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmarks.soak.attacks import (
    call_with_hostile_picture,
    send_address,
    send_hostile_picture,
    send_many_values,
)
from benchmarks.soak.findings import Findings
from benchmarks.soak.good_clients import PLAIN, GoodClient
from benchmarks.soak.hostile_clients import Attack, Canary, HostileClient, is_refusal
from benchmarks.soak.load import Load, attack
from benchmarks.soak.tally import Tally
from benchmarks.soak.watching import Reading, Watch

IMAGE = b"an image"
RIGHT = b'{"probabilities": {"hot_dog": 0.5}}'


@pytest.mark.slow
def test_page_bears_load_and_abuse(tmp_path: Path) -> None:
    """The short form of `make soak`'s third part."""
    findings = attack(Load(clients=6, hostile=4, minutes=0.15, seed=1), tmp_path)
    figures = {figure.name: figure.value for figure in findings.figures}
    assert not [words for words in findings.failures if "tracebacks" not in words]
    assert figures["right answers to good clients"] > 20
    assert figures["hostile requests"] > 5
    assert figures["exit status after SIGTERM"] == 0


@contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[int]:
    """Answer everything so; gives the port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def ask_once(port: int) -> Tally:
    """Let a good client ask for one picture."""
    tally, over = Tally(), threading.Event()
    client = GoodClient(port, "127.0.0.1", {IMAGE: 0.5}, tally, over, random.Random(0))
    with client.connecting():
        client.ask(PLAIN)
    return tally


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, RIGHT.replace(b"0.5", b"0.6"), "the answer is 0.6, not 0.5"),
        (200, b"<html>", "JSON"),
        (500, RIGHT, "answered 500"),
        (404, RIGHT, "answered 404"),
        (503, RIGHT, "answered 503"),  # it does not say when to come back
    ],
)
def test_good_client_notices_what_is_wrong(status: int, body: bytes, words: str) -> None:
    with answering(status, body) as port:
        tally = ask_once(port)
    assert words in "".join(tally.failures)
    assert not tally.seconds
    assert not tally.busy


def test_good_client_takes_right_answers_and_honest_refusals() -> None:
    with answering(200, RIGHT) as port:
        tally = ask_once(port)
    assert len(tally.seconds[PLAIN]) == 1
    with answering(503, b"{}", Retry_After="0") as port:
        refused = ask_once(port)
    assert refused.busy[PLAIN] == 1
    assert not tally.failures + refused.failures


def test_closed_port_is_a_failure() -> None:
    with answering(200, RIGHT) as port:
        pass
    assert "ConnectionRefusedError" in "".join(ask_once(port).failures)


def make_hostile(port: int, tally: Tally) -> HostileClient:
    over = threading.Event()
    over.set()  # nothing is slow
    return HostileClient(
        *(port, "127.0.0.1", 9, b"good" * 200, [("a", b"b")], tally, over, random.Random(1)),
        attacks=[],
    )


@pytest.mark.parametrize(
    "act",
    [send_hostile_picture, call_with_hostile_picture, send_many_values, send_address],
)
def test_attack_that_breaks_a_page_is_noticed(act: Attack) -> None:
    for status in (400, 500):
        tally = Tally()
        with answering(status, b"{}") as port:
            act(make_hostile(port, tally))
        assert bool(tally.failures) is (status == 500)


def test_503_is_honest_where_it_says_when_to_come_back() -> None:
    assert is_refusal(503, b"HTTP/1.1 503 Busy\r\nRetry-After: 1")
    assert not is_refusal(503, b"HTTP/1.1 503 Busy")
    assert is_refusal(422, b"")
    assert not is_refusal(200, b"")
    assert not is_refusal(500, b"Retry-After: 1")


def test_canary_counts_who_knocks() -> None:
    import socket

    canary = Canary()
    socket.create_connection(("127.0.0.1", canary.port)).close()
    canary.knocked.wait(10)
    canary.close()
    assert canary.visits == 1


@pytest.mark.parametrize("name", ["memory", "descriptors"])
def test_growth_is_noticed_and_noise_is_not(name: str) -> None:
    flat = {"memory": 500e6, "descriptors": 100, "threads": 5, "temporary": 200e6}
    growing, noisy = Watch(), Watch()
    for moment in range(200):
        growing.readings.append(Reading(**{**flat, name: flat[name] * (1 + moment / 200)}))
        noisy.readings.append(Reading(**{**flat, name: flat[name] * (1.0 + (moment % 7 == 0))}))
    found, none = Findings("growing"), Findings("noisy")
    growing.describe(found)
    noisy.describe(none)
    assert [name in words for words in found.failures] == [True]
    assert not none.failures


def test_more_uploads_than_the_page_may_keep_are_noticed() -> None:
    watch, findings = Watch([Reading(500e6, 100, 5, 9e9)]), Findings("full")
    watch.describe(findings)
    assert findings.failures == ["uploads took 9,000 MB"]


def test_quantiles_are_in_milliseconds() -> None:
    tally = Tally()
    for number in range(101):
        tally.take("a", number / 1000)
    found = tally.measure("a")
    assert found["p50"] == pytest.approx(50)
    assert found["p99"] == pytest.approx(99)
    assert tally.measure("b") == {}
