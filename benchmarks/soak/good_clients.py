"""Good clients of a page under load: each asks, waits for the answer, checks it, and asks again."""

import http.client
import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from benchmarks.soak.running_page import PASSWORD
from benchmarks.soak.samples import draw, save
from benchmarks.soak.tally import Tally

PLAIN, GRADIO, PAGE, HEALTH, FILE, TEACH = (
    *("/api/classify", "Gradio's three requests", "/", "/healthz", "/model.onnx", "/teach"),
)
# In a hundred, how many requests are of each kind; a teacher's are of the last kind instead.
_WEIGHTS = {PLAIN: 62, GRADIO: 25, PAGE: 6, HEALTH: 6, FILE: 1}
_TIMEOUT = 120.0  # seconds
_PAUSE = 0.5  # seconds at most between two requests
_TOLERANCE = 1e-4
_BOUNDARY = "image-boundary"


class BusyError(Exception):
    """An honest refusal: 503 with Retry-After."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class WrongError(Exception):
    """An answer that is none of those that a good client may get."""


@dataclass
class GoodClient:
    """One client. `images`: image → its probability of a hot dog. `source`: its own address."""

    port: int
    source: str
    images: Mapping[bytes, float]
    tally: Tally
    over: threading.Event
    chance: random.Random
    teaches: bool = False
    cookie: str = ""
    _connection: http.client.HTTPConnection = field(init=False)

    def work(self) -> None:
        """Go on until it is over."""
        with self.connecting():
            while not self.over.wait(self.chance.uniform(0, _PAUSE)):
                [kind] = self.chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))
                self.ask(TEACH if self.teaches else kind)

    @contextmanager
    def connecting(self) -> Iterator[None]:
        """Have a connection while the block runs; it is opened when it is needed."""
        self._connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=_TIMEOUT, source_address=(self.source, 0)
        )
        with closing(self._connection):
            yield

    def ask(self, kind: str) -> None:
        """Send one request of a kind, and count what came of it."""
        start = time.perf_counter()
        try:
            self._act(kind)
        except BusyError as error:
            self.tally.refuse(kind)
            self._connection.close()
            self.over.wait(min(5.0, error.seconds))
        except (OSError, http.client.HTTPException, WrongError, ValueError) as error:
            self._connection.close()
            if not self.over.is_set():
                self.tally.fail(f"{kind}: {type(error).__name__}: {error}"[:300])
        else:
            self.tally.take(kind, time.perf_counter() - start)

    def _act(self, kind: str) -> None:
        acts: dict[str, Callable[[], None]] = {
            PLAIN: self._classify,
            GRADIO: self._call,
            PAGE: lambda: self._expect(b"<html", "GET", "/"),
            HEALTH: lambda: self._expect(b'"ok"', "GET", "/healthz"),
            FILE: lambda: self._expect(b"not_hot_dog", "GET", "/model.onnx"),
            TEACH: self._teach,
        }
        acts[kind]()

    def _classify(self) -> None:
        image = self._choose()
        answer = json.loads(self._request("POST", "/api/classify", image))
        self._check(answer, self.images[image])

    def _call(self) -> None:
        """Upload, call, result."""
        image = self._choose()
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"'
        body = head.encode() + b"\r\nContent-Type: image/jpeg\r\n\r\n" + image
        body += f"\r\n--{_BOUNDARY}--\r\n".encode()
        kind = f"multipart/form-data; boundary={_BOUNDARY}"
        [path] = json.loads(self._request("POST", "/gradio_api/upload", body, kind))
        file = {"path": path, "meta": {"_type": "gradio.FileData"}}
        call, values = "/gradio_api/call/classify", json.dumps({"data": [file, False, None]})
        event = json.loads(self._request("POST", call, values.encode(), "application/json"))
        result = self._request("GET", f"{call}/{event['event_id']}")
        if b"event: complete" not in result:
            if b"queue is full" in result.lower() or b"Too many" in result:
                raise BusyError(1)
            raise WrongError(f"the call was answered {result[:150]!r}")
        data = result.partition(b"data: ")[2].partition(b"\n")[0]
        self._check(json.loads(data)[0], self.images[image])

    def _teach(self) -> None:
        if not self.cookie:
            form = f"password={PASSWORD.replace(' ', '+')}".encode()
            self._request("POST", "/sign-in", form, "application/x-www-form-urlencoded")
            return
        if self.chance.random() < 0.05:
            image = save(draw(12, 9, self.chance.randrange(1 << 60)).resize((120, 90)), "JPEG")
            path = "/teach/images?model=hotdog&label=not_hot_dog&name=a.jpg"
            self._expect(b'"entry"', "POST", path, image)
        else:
            self._expect(b'"entries"', "GET", "/teach/gallery?model=hotdog")

    def _choose(self) -> bytes:
        return self.chance.choice(list(self.images))

    def _check(self, answer: dict[str, dict[str, float]], expected: float) -> None:
        found = answer["probabilities"]["hot_dog"]
        if abs(found - expected) > _TOLERANCE:
            raise WrongError(f"the answer is {found}, not {expected}")

    def _expect(self, content: bytes, method: str, path: str, body: bytes | None = None) -> None:
        if content not in self._request(method, path, body):
            raise WrongError(f"{path} answered without {content!r}")

    def _request(
        self, method: str, path: str, body: bytes | None = None, kind: str = "image/jpeg"
    ) -> bytes:
        headers = {"Content-Type": kind} if body is not None else {}
        headers |= {"Cookie": self.cookie} if self.cookie else {}
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        answer = response.read()
        retry = response.getheader("Retry-After")
        if response.status == 503 and retry and retry.isdecimal():
            raise BusyError(float(retry))
        if response.status != 200:
            raise WrongError(f"{method} {path} answered {response.status}: {answer[:150]!r}")
        cookie = response.getheader("Set-Cookie", "")
        self.cookie = cookie.partition(";")[0] if cookie.startswith("teacher") else self.cookie
        return answer
