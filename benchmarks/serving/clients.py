"""Clients of a page, by raw HTTP, so that their own work hardly counts."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import cycle

_BOUNDARY = "image-boundary"
_TIMEOUT = 300.0  # seconds

Send = Callable[[bytes], None]


@dataclass(frozen=True)
class Endpoint:
    """Where images are sent: a page's API by name, or a plain path that takes the bytes.

    `more`: what the API takes after the image.
    """

    port: int
    name: str
    more: tuple[object, ...] = ()
    plain: bool = False

    @contextmanager
    def connect(self) -> Iterator[Send]:
        """Yield a function that sends one image and waits for the answer, over one connection.

        It raises RuntimeError where there is none.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_TIMEOUT)
        with closing(connection):
            if self.plain:
                yield lambda image: _post_plain(connection, self.name, image)
            else:
                yield lambda image: _call(connection, self, image)


def time_calls(endpoint: Endpoint, images: Sequence[bytes]) -> list[float]:
    """Return the seconds that each image took, one after the other."""
    times = []
    with endpoint.connect() as send:
        for image in images:
            start = time.perf_counter()
            send(image)
            times.append(time.perf_counter() - start)
    return times


def count_answers(
    endpoint: Endpoint, images: Sequence[bytes], clients: int, seconds: float
) -> float:
    """Return the answers a second while so many clients send, each as soon as it was answered."""
    end = time.perf_counter() + seconds
    lasts, counts = [0.0] * clients, [0] * clients

    def work(number: int) -> None:
        first = number % len(images)
        own = cycle([*images[first:], *images[:first]])
        with endpoint.connect() as send:
            while time.perf_counter() < end:
                send(next(own))
                counts[number] += 1
                lasts[number] = time.perf_counter()

    start = time.perf_counter()
    _run_all(work, clients)
    return sum(counts) / (max(lasts) - start)


def send_all(endpoint: Endpoint, images: Sequence[bytes], clients: int) -> None:
    """Send every image once, by so many clients."""

    def work(number: int) -> None:
        with endpoint.connect() as send:
            for image in images[number::clients]:
                send(image)

    _run_all(work, clients)


def _run_all(work: Callable[[int], None], clients: int) -> None:
    failures: list[Exception] = []

    def guard(number: int) -> None:
        try:
            work(number)
        except Exception as error:  # noqa: BLE001  (raised below, in the caller's thread)
            failures.append(error)

    threads = [threading.Thread(target=guard, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _call(connection: http.client.HTTPConnection, endpoint: Endpoint, image: bytes) -> None:
    """Upload, call, result: Gradio's three requests."""
    kind = f"multipart/form-data; boundary={_BOUNDARY}"
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="photo.jpg"'
    body = b"%s\r\nContent-Type: image/jpeg\r\n\r\n%s\r\n--%s--\r\n" % (
        head.encode(),
        image,
        _BOUNDARY.encode(),
    )
    [path] = json.loads(_request(connection, "POST", "/gradio_api/upload", body, kind))
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    data = json.dumps({"data": [file, *endpoint.more]}).encode()
    called = f"/gradio_api/call/{endpoint.name}"
    event = json.loads(_request(connection, "POST", called, data, "application/json"))["event_id"]
    result = _request(connection, "GET", f"{called}/{event}", None, "")
    if b"event: complete" not in result:
        raise RuntimeError(f"The page answered {result[:200]!r}.")


def _post_plain(connection: http.client.HTTPConnection, path: str, image: bytes) -> None:
    _request(connection, "POST", path, image, "image/jpeg")


def _request(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None, kind: str
) -> bytes:
    connection.request(method, path, body, {"Content-Type": kind} if kind else {})
    response = connection.getresponse()
    answer = response.read()
    if response.status != 200:
        raise RuntimeError(f"{method} {path} answered {response.status}: {answer[:200]!r}")
    return answer
