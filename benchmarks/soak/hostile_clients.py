"""Hostile clients of a page: they attack by hand-made connections, and judge what is answered.

An attack must end in a refusal, in a closed connection, or in an answer that any visitor may get;
never in a 500.
"""

import random
import re
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from benchmarks.soak.tally import Tally

PAUSE = 0.4  # seconds at most between two attacks
_TIMEOUT = 20.0  # seconds without a byte, after which an attacker gives up
_PART = 1 << 16  # bytes


@dataclass(frozen=True)
class HostileClient:
    """One attacker. `canary`: a port at which the page must never knock."""

    port: int
    source: str
    canary: int
    good: bytes
    pictures: Sequence[tuple[str, bytes]]
    tally: Tally
    over: threading.Event
    chance: random.Random
    attacks: "Sequence[Attack]"

    def work(self) -> None:
        """Attack until it is over."""
        while not self.over.wait(self.chance.uniform(0, PAUSE)):
            attack = self.chance.choice(self.attacks)
            try:
                attack(self)
            except (OSError, ValueError):  # the page has closed the connection
                self.tally.answer(attack.__name__, None)

    @contextmanager
    def connect(self) -> Iterator[socket.socket]:
        """Give a connection."""
        address = ("127.0.0.1", self.port)
        with socket.create_connection(address, _TIMEOUT, (self.source, 0)) as connection:
            yield connection

    def send(self, attack: str, request: bytes, allowed: Sequence[int] = ()) -> bytes:
        """Send a whole request on a connection of its own; returns the answer."""
        with self.connect() as connection:
            connection.sendall(request)
            return self.read(attack, connection, allowed)

    def read(self, attack: str, connection: socket.socket, allowed: Sequence[int] = ()) -> bytes:
        """Read what is answered, and judge it. `allowed`: statuses besides refusals."""
        answer = b""
        while len(answer) < 4 * _PART:
            part = connection.recv(_PART)
            answer += part
            if not part or is_whole(answer):
                break
        head = answer.partition(b"\r\n\r\n")[0]
        found = re.match(rb"HTTP/1\.[01] (\d{3})", head)
        status = int(found[1]) if found else None
        self.tally.answer(attack, status)
        if status and not is_refusal(status, head) and status not in allowed:
            self.tally.fail(f"{attack} was answered {status}: {answer[-150:]!r}")
        return answer


Attack = Callable[[HostileClient], None]


def is_whole(answer: bytes) -> bool:
    """Tell whether an answer with a length has come to its end."""
    head, found, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *(\d+)", head.lower())
    return bool(found and length and len(body) >= int(length[1]))


def is_refusal(status: int, head: bytes) -> bool:
    """Tell whether an answer is what a bad request deserves, or an honest 503."""
    return 400 <= status < 500 or (status == 503 and b"retry-after:" in head.lower())


class Canary:
    """Listens where nobody but a page that fetches addresses would come; counts who comes."""

    def __init__(self) -> None:
        self.visits = 0
        self.knocked = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with closing(connection):
                self.visits += 1
                self.knocked.set()
