"""What hostile clients do: hang up, drip, send too much, ask what they may not."""

import json
import random
import re
import socket
import struct
from contextlib import ExitStack

from benchmarks.soak.hostile_clients import PAUSE, Attack, HostileClient
from benchmarks.soak.hostile_requests import (
    FORBIDDEN,
    FORM,
    GARBAGE,
    JSON,
    METHODS,
    make_post,
    make_upload,
)

_DRIPS = 100  # bytes that a slow sender sends at most
_MANY = 100  # connections at once
_PART = 1 << 16  # bytes
_TIMEOUT = 20.0  # seconds in which a flooded page must have answered


# Those who go away


def hang_up_in_header(client: HostileClient) -> None:
    """Send half a header."""
    with client.connect() as connection:
        connection.sendall(b"POST /api/classify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Le")
    client.tally.answer("hang_up_in_header", None)


def hang_up_in_body(client: HostileClient) -> None:
    """Send half a picture, or half an upload."""
    body = make_upload(client.good)
    requests = (
        make_post("/api/classify", client.good),
        make_post("/gradio_api/upload", body, FORM),
    )
    request = client.chance.choice(requests)
    with client.connect() as connection:
        connection.sendall(request[: client.chance.randrange(300, len(request))])
        reset(connection, client.chance)
    client.tally.answer("hang_up_in_body", None)


def hang_up_before_answer(client: HostileClient) -> None:
    """Send a whole picture, good or hostile, and do not wait."""
    [(_, picture)] = client.chance.choices(
        [("", client.good), client.chance.choice(client.pictures)]
    )
    with client.connect() as connection:
        connection.sendall(make_post("/api/classify", picture))
        reset(connection, client.chance)
    client.tally.answer("hang_up_before_answer", None)


def hang_up_in_call(client: HostileClient) -> None:
    """Call Gradio's queue, open the stream of the answer, and go away."""
    path = upload(client, "hang_up_in_call", client.good)
    if path:
        values = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}, False, None]}
        request = make_post("/gradio_api/call/classify", json.dumps(values).encode(), JSON)
        answer = client.send("hang_up_in_call", request, (200,))
        event = re.search(rb'"event_id": ?"(\w+)"', answer)
        if event:
            with client.connect() as connection:
                line = f"GET /gradio_api/call/classify/{event[1].decode()} HTTP/1.1\r\n"
                connection.sendall(line.encode() + b"Host: 127.0.0.1\r\n\r\n")


def hang_up_in_download(client: HostileClient) -> None:
    """Begin to fetch the model."""
    with client.connect() as connection:
        connection.sendall(b"GET /model.onnx HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        connection.recv(1000)
        reset(connection, client.chance)
    client.tally.answer("hang_up_in_download", None)


def reset(connection: socket.socket, chance: random.Random) -> None:
    """Let half of the connections end by a reset."""
    if chance.random() < 0.5:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


# Those who are slow


def drip_header(client: HostileClient) -> None:
    """Send a header by drops."""
    request = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: " + b"a" * 10_000
    drip(client, "drip_header", request)


def drip_body(client: HostileClient) -> None:
    """Send a picture by drops."""
    request = make_post("/api/classify", client.good)
    place = request.index(b"\r\n\r\n") + 4
    drip(client, "drip_body", request[place:], request[:place])


def drip_upload(client: HostileClient) -> None:
    """Send a form by drops."""
    body = make_upload(client.good)
    request = make_post("/gradio_api/upload", body, FORM)
    drip(client, "drip_upload", request[-len(body) :], request[: -len(body)])


def drip(client: HostileClient, attack: str, slow: bytes, first: bytes = b"") -> None:
    """Send the first part at once, and some of the rest byte by byte."""
    with client.connect() as connection:
        connection.sendall(first)
        for place in range(min(_DRIPS, len(slow))):
            if client.over.wait(PAUSE):
                break
            connection.sendall(slow[place : place + 1])
    client.tally.answer(attack, None)


def read_slowly(client: HostileClient) -> None:
    """Fetch the model by drops."""
    with client.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(b"GET /model.onnx HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        for _ in range(_DRIPS // 2):
            if client.over.wait(PAUSE) or not connection.recv(1):
                break
    client.tally.answer("read_slowly", None)


def hold_many_connections(client: HostileClient) -> None:
    """Open many connections and say nothing, or little."""
    with ExitStack() as stack:
        for number in range(_MANY):
            if client.over.is_set():
                break
            connection = stack.enter_context(client.connect())
            if number % 2:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        client.over.wait(5)
    client.tally.answer("hold_many_connections", None)


# Those who send too much


def send_hostile_picture(client: HostileClient) -> None:
    """Send a picture that was made to cost much."""
    name, picture = client.chance.choice(client.pictures)
    client.send(f"picture: {name}", make_post("/api/classify", picture), (200,))


def call_with_hostile_picture(client: HostileClient) -> None:
    """Send the same through Gradio."""
    _, picture = client.chance.choice(client.pictures)
    path = upload(client, "call_with_hostile_picture", picture)
    if path:
        values = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}, False, None]}
        request = make_post("/gradio_api/call/classify", json.dumps(values).encode(), JSON)
        client.send("call_with_hostile_picture", request, (200,))


def upload_much(client: HostileClient) -> None:
    """Upload 19 MB that nobody will ask for."""
    upload(client, "upload_much", bytes(19_000_000))


def upload(client: HostileClient, attack: str, data: bytes) -> str:
    """Upload a file; returns its path, an empty one where it was refused."""
    body = make_upload(data)
    answer = client.send(attack, make_post("/gradio_api/upload", body, FORM), (200,))
    found = re.search(rb'\["([^"]+)"\]', answer)
    return found[1].decode() if found else ""


def send_huge_body(client: HostileClient) -> None:
    """Announce 300 MB, or nothing, and send them as long as they are taken."""
    path = client.chance.choice(
        ("/api/classify", "/gradio_api/upload", "/gradio_api/queue/join", "/sign-in")
    )
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n".encode()
    is_chunked = client.chance.random() < 0.5
    length = b"Transfer-Encoding: chunked" if is_chunked else b"Content-Length: 300000000"
    head += FORM + length + b"\r\n\r\n"
    part = b"%x\r\n" % _PART + bytes(_PART) + b"\r\n" if is_chunked else bytes(_PART)
    flood(client, "send_huge_body", head, part, 1200)


def send_huge_header(client: HostileClient) -> None:
    """Send a header without an end."""
    line = b"X-Long: " + b"a" * 8000 + b"\r\n"
    flood(client, "send_huge_header", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", line, 3000)


def flood(client: HostileClient, attack: str, head: bytes, part: bytes, parts: int) -> None:
    """Send until the page closes or answers."""
    with client.connect() as connection:
        connection.sendall(head)
        for _ in range(parts):
            connection.settimeout(10)
            connection.sendall(part)
            connection.settimeout(0)
            try:
                if connection.recv(1, socket.MSG_PEEK) is not None:
                    break
            except BlockingIOError:
                continue
        connection.settimeout(_TIMEOUT)
        client.read(attack, connection)


def send_many_values(client: HostileClient) -> None:
    """Call Gradio with tens of thousands of values, or lists inside lists."""
    deep = "[" * 50_000 + "]" * 50_000
    many = json.dumps({"data": [{"path": "a"} for _ in range(30_000)], "fn_index": 1})
    odd = json.dumps({"data": [{"path": 1}, [], {"url": "file:///etc/passwd"}], "fn_index": "x"})
    body = client.chance.choice((deep, many, odd, "null", "[]", "{", '{"data": 1}')).encode()
    path = client.chance.choice(("/gradio_api/queue/join", "/gradio_api/call/classify"))
    client.send("send_many_values", make_post(path, body, JSON), (200,))


# Those who ask what they may not


def use_wrong_method(client: HostileClient) -> None:
    """Ask by a method that an address does not take."""
    method, path = (
        client.chance.choice(METHODS),
        client.chance.choice(("/sign-in", "/api/classify")),
    )
    if method == "POST":
        path = "/healthz"
    request = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    client.send("use_wrong_method", request.encode())


def ask_for_forbidden(client: HostileClient) -> None:
    """Ask for a route of Gradio, of a teacher, or of nobody."""
    method, _, path = client.chance.choice(FORBIDDEN).format(canary=client.canary).partition(" ")
    if method == "POST":
        request = make_post(path, b'{"data": [], "model": "hotdog"}', JSON)
    else:
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
    client.send(f"ask_for_forbidden: {method} {path.partition(str(client.canary))[0]}", request)


def send_address(client: HostileClient) -> None:
    """Let the page fetch a picture from an address; the canary tells if it does."""
    url = f"http://127.0.0.1:{client.canary}/a.png"
    field = client.chance.choice(({"path": url}, {"url": url}, {"path": "a", "url": url}))
    values = {"data": [{**field, "meta": {"_type": "gradio.FileData"}}, False, None]}
    request = make_post("/gradio_api/call/classify", json.dumps(values).encode(), JSON)
    client.send("send_address", request, (200,))


def guess_password(client: HostileClient) -> None:
    """Try to sign in."""
    guess = f"password={client.chance.randrange(10**6)}".encode()
    forged = f"X-Forwarded-For: 9.9.{client.chance.randrange(250)}.1\r\n".encode()
    client.send("guess_password", make_post("/sign-in", guess, forged))


def send_garbage(client: HostileClient) -> None:
    """Send what is no HTTP, or broken, or means two things."""
    number = client.chance.randrange(len(GARBAGE))
    with client.connect() as connection:
        connection.sendall(GARBAGE[number])
        connection.shutdown(socket.SHUT_WR)
        client.read(f"send_garbage {number}", connection, (200, 206, 101, 100))


# Each takes most of a minute, or holds what others need.
SLOW: tuple[Attack, ...] = (
    drip_header,
    drip_body,
    drip_upload,
    read_slowly,
    hold_many_connections,
)
QUICK: tuple[Attack, ...] = (
    *(hang_up_in_header, hang_up_in_body, hang_up_in_body, hang_up_before_answer),
    *(hang_up_before_answer, hang_up_in_call, hang_up_in_download),
    *(send_hostile_picture, send_hostile_picture, send_hostile_picture, call_with_hostile_picture),
    *(upload_much, send_huge_body, send_huge_header, send_many_values),
    *(use_wrong_method, ask_for_forbidden, ask_for_forbidden, send_address, guess_password),
    *(send_garbage, send_garbage),
)
