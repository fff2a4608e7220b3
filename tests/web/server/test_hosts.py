from collections.abc import Iterator

import httpx
import pytest

from tests.running import RunningApp
from web.server.hosts import has_known_host, is_host

HOSTS = [
    "localhost", "127.0.0.1:7860", "[::1]:7860", "[::ffff:1.2.3.4]", "a_b.example.org",
    "xn--bcher-kva.example", "EXAMPLE.org:443", "a.hf.space",
]  # fmt: skip
WRONG = [
    "a:65536", "a:99999", "a:b", "a:", "[::", "[1::2::3]", "999.1.1.1", "a b", "a/b", "a@b",
    "a?b", "a#b", "a\\b", "a%00", "xn--\xff", "\xff", "a" * 300, "<script>", "'", "a,b", ":80",
]  # fmt: skip


def test_hosts_are_told_from_what_cannot_be_one() -> None:
    assert [host for host in HOSTS if not is_host(host)] == []
    assert [host for host in WRONG if is_host(host)] == []


def test_one_host_is_named_at_most() -> None:
    for count in range(3):
        scope = {"type": "http", "headers": count * [(b"host", b"a")]}
        assert has_known_host(scope) == (count < 2)


def list_wrong_headers() -> Iterator[list[tuple[bytes, bytes]]]:
    for host in WRONG:
        yield [(b"Host", host.encode("latin-1"))]
        if "," not in host:
            yield [(b"Host", b"a"), (b"X-Forwarded-Host", host.encode("latin-1"))]
            yield [(b"Host", b"a"), (b"X-Forwarded-Host", f"b, {host}".encode("latin-1"))]
    yield [(b"Host", b"a"), (b"X-Gradio-Server", b"http://[")]
    yield [(b"Host", b"a"), (b"X-Gradio-Server", b"http://example.com/")]


@pytest.mark.parametrize("path", ["", "config", "api/nothing"])
def test_what_cannot_be_a_host_is_said(app: RunningApp, path: str) -> None:
    log = app.read_log()
    with httpx.Client() as client:
        for headers in list_wrong_headers():
            answer = client.get(f"{app.url}{path}", headers=headers)
            assert answer.status_code == 400, headers
            assert "names no host" in answer.json()["error"]
        for host in HOSTS:
            answer = client.get(f"{app.url}config", headers={"X-Forwarded-Host": f"{host}, b"})
            assert answer.is_success, host
        assert client.get(f"{app.url}healthz", headers={"Host": "a:b"}).is_success
    assert app.read_log() == log
