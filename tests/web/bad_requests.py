"""Requests that nobody who uses the page would send, for the tests of what the log says of them."""

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx

from tests.running import RunningApp, wait_for

FORGED = '\n2026-01-01 00:00:00 INFO forged\x1b[31m\r{"forged": true}\u2028forged\x00'
_VALUES: list[Any] = [None, [], {}, "text", 7, 1e308, True, [[[]]], {"path": 7}, FORGED]


def send_bad_requests(app: RunningApp) -> int:
    """Send them all, and wait until calls that were accepted are over; returns how many."""
    count = 0
    with httpx.Client(base_url=app.url, timeout=60) as client:
        for method, path, content, headers in list_requests():
            with suppress(httpx.TransportError):  # a refusal may cut a body off
                client.request(method, path, content=content, headers=headers)
            count += 1
        for event in _list_events(client):
            with client.stream("GET", event) as answer:
                answer.read()
            count += 1
    for data in list_broken():
        _send_raw(app, data)
        count += 1
    _cancel(app)
    return count


def list_requests() -> Iterator[tuple[str, str, bytes, dict[str, str]]]:
    """Yield method, path, body and headers."""
    as_json = {"Content-Type": "application/json"}
    for path in (
        "gradio_api/queue/join", "gradio_api/call/classify", "gradio_api/call/renew",
        "gradio_api/call/nothing", "gradio_api/call/classify_many", "suggestions",
        "suggestions/withdraw", "sign-out", "teach/training", "versions/publish",
    ):  # fmt: skip
        for body in list_bodies():
            yield "POST", path, body, as_json
    for path in list_paths():
        yield "GET", path, b"", {}
        yield "POST", path, b"x", {}
    for kind, body in list_forms():
        yield "POST", "gradio_api/upload", body, {"Content-Type": kind}
        if not kind.startswith("multipart"):  # each is a wrong password, which costs a second
            yield "POST", "sign-in", body, {"Content-Type": kind}
    for body in (b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 100, FORGED.encode()):
        yield "POST", "api/classify", body, {}
        yield "POST", "api/classify?model=..%2F&heatmap=%0a", body, {}
    for headers in (
        {"Cookie": "session=;;;=" + "%0a" * 20},
        {"Cookie": "session=eyJhIjoxfQ==.x.y"},
        {"Content-Type": "multipart/form-data"},
        {"X-Forwarded-For": "a\tb"},
        {"Accept-Language": "\xff"},
        {"Origin": "http://[::"},
        {"Host": "[::"},
        {"Range": "bytes=9-1"},
        {"If-Modified-Since": "never"},
    ):
        raw = {name: value.encode("latin-1") for name, value in headers.items()}
        for path in ("", "config", "gradio_api/upload", "examples/none.webp", "README.md"):
            yield "GET", path, b"", raw  # type: ignore[misc]


def list_bodies() -> Iterator[bytes]:
    """Yield what is no JSON, and JSON that is no call."""
    yield from (b"", b"{", b"\xff\xfe", b"[" * 5000, b'"\\ud800"', b"NaN", b'{"a":1}{"b":2}')
    calls = ("fn_index", "session_hash", "data", "event_id", "trigger_id", "event_data", "model")
    for value in _VALUES:
        yield json.dumps(value).encode()
        for name in calls:
            body = {"data": [], "fn_index": 0, "session_hash": "s", name: value}
            yield json.dumps(body).encode()
    for number in (-1, 3, 10**9, 1.5, "0"):
        yield json.dumps({"data": [None], "fn_index": number, "session_hash": "a"}).encode()
    for data in ([None] * 3, [{"path": "/etc/passwd"}], [{"url": "http://a/"}], [1, 2, 3, 4, 5]):
        yield json.dumps({"data": data, "fn_index": 2, "session_hash": "b"}).encode()


def list_paths() -> Iterator[str]:
    """Yield addresses that are nowhere, or name nothing."""
    yield from (
        "%0aforged", "custom_component/a%0aforged/b", "x" * 3000, "%00", "%ff%fe", "..%2f..%2fetc",
        "assets/..%2f..%2fx", "assets/%0a", "static/none%0d%0a", "gradio_api/file=/etc/passwd",
        "gradio_api/file=http://a/", "gradio_api/file=%00", "gradio_api/call/classify/none",
        "gradio_api/call/%0a/%0a", "gradio_api/upload_progress?upload_id=%0a",
        "gradio_api/upload_progress", "gradio_api/queue/data?session_hash=none%0a",
        "gradio_api/queue/data", "pwa_icon/7", "report/%0a", "report/a/b/c.png",
        "model.onnx?version=%0a", "model.onnx?model=%0aforged", "README.md?version=9e9",
        "examples/%00", "examples/%ff", "teach/images/%0a?size=%0a", "teach/client/%2e%2e",
        "?model=%0aforged&__theme=%0a", "theme.css?v=%0a", "manifest.json", "robots.txt",
        "similar", "metrics", "monitoring", "login", "token", "readyz?%0a", "healthz/%0a",
    )  # fmt: skip


def list_forms() -> Iterator[tuple[str, bytes]]:
    """Yield content types and bodies of uploads that are broken."""
    part = (
        b'--b\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n\r\nx\r\n--b--\r\n'
    )
    form = "multipart/form-data; boundary=b"
    for name in (b"", b"a\nforged.png", b"\xff\xfe", b"..", b"../../x", b"a" * 5000, b"\0.png"):
        yield form, part % name
    yield from (
        (form, b""),
        (form, b"--b\r\nnonsense"),
        (form, b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n"),
        (form, b"--c--\r\n"),
        ("multipart/form-data", b"--b--"),
        ("multipart/form-data; boundary=" + "b" * 200, b"x"),
        ("application/x-www-form-urlencoded", b"password=%ff%0a&password=2"),
        ("text/plain; charset=none", b"password=x"),
        ("image/png", b"\x89PNG"),
    )


def list_broken() -> Iterator[bytes]:
    """Yield bytes that are no HTTP, or end before their time."""
    head = b"POST /api/classify HTTP/1.1\r\nHost: a\r\n"
    yield from (
        b"\n\n\n",
        b"nonsense\nforged\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /%0a\nforged HTTP/1.1\r\n\r\n",
        b"G\x1bET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\x1b\r\nConnection: upgrade\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost a\x00b\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://a/?x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET //x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        head + b"Content-Length: -1\r\n\r\n",
        head + b"Content-Length: 10\r\n\r\nx",
        head + b"Content-Length: 99999999999999999999\r\n\r\n",
        head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        head + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        head + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        head.replace(b"/api/classify", b"/gradio_api/upload")
        + b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 500\r\n\r\n--b\r\n",
        head.replace(b"/api/classify", b"/gradio_api/queue/join") + b"Content-Length: 50\r\n\r\n{",
        b"GET /gradio_api/queue/data?session_hash=x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /gradio_api/heartbeat/x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /model.onnx HTTP/1.1\r\nHost: a\r\n\r\n",
    )


def _send_raw(app: RunningApp, data: bytes) -> None:
    """Send bytes, take the beginning of what comes, and hang up."""
    url = httpx.URL(app.url)
    with socket.create_connection((url.host, url.port or 80), 20) as connection:
        connection.sendall(data)
        connection.settimeout(0.3)
        try:
            connection.recv(64)
        except (TimeoutError, ConnectionResetError):
            return


def _list_events(client: httpx.Client) -> Iterator[str]:
    """Make calls that are accepted and fail, and yield where their answers come."""
    for name in ("classify", "classify_many", "renew"):
        for data in (*([value] for value in _VALUES), [], [None] * 9, ["../x", FORGED, FORGED]):
            joined = client.post(f"gradio_api/call/{name}", json={"data": data})
            if joined.is_success:
                yield f"gradio_api/call/{name}/{joined.json()['event_id']}"


def _cancel(app: RunningApp) -> None:
    """Leave while an answer comes."""
    with httpx.Client(base_url=app.url, timeout=60) as client:
        joined = client.post("gradio_api/call/renew", json={"data": [""]})
        event = f"gradio_api/call/renew/{joined.json()['event_id']}"
        with client.stream("GET", event) as answer:
            next(answer.iter_raw(1))
        with client.stream("GET", "model.onnx") as answer:
            next(answer.iter_raw(1))
    wait_for(lambda: httpx.get(f"{app.url}healthz").is_success)
