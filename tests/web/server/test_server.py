"""Where the server listens."""

import socket

import pytest

from inference.errors import UserInputError
from web.server.server import listen, name_host


def test_first_free_port_is_taken() -> None:
    with listen("127.0.0.1", None) as one, listen("127.0.0.1", None) as two:
        ports = one.getsockname()[1], two.getsockname()[1]
    assert 7860 <= ports[0] < ports[1]


def test_a_taken_port_is_named() -> None:
    with listen("127.0.0.1", None) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserInputError, match=rf"Port {port} on 127\.0\.0\.1 cannot be used"):
            listen("127.0.0.1", port)


@pytest.mark.parametrize(
    "host", ["no.such.host.invalid", "300.1.1.1", "8.8.8.8", "a" * 70, "::zz", "[", "höst.invalid"]
)
def test_an_address_of_another_machine_is_refused_in_one_sentence(host: str) -> None:
    with pytest.raises(UserInputError, match=r"Choose another with --(host|port)"):
        listen(host, None)


@pytest.mark.parametrize(
    ("host", "family"),
    [
        ("127.0.0.1", socket.AF_INET),
        ("localhost", socket.AF_INET),
        ("0.0.0.0", socket.AF_INET),
        ("::1", socket.AF_INET6),
        ("[::1]", socket.AF_INET6),
    ],
)
def test_hosts(host: str, family: socket.AddressFamily) -> None:
    with listen(host, None) as listener:
        assert listener.family == family


def test_printed_address_can_be_opened() -> None:
    hosts = {"0.0.0.0": "localhost", "::": "localhost", "::1": "[::1]", "127.0.0.1": "127.0.0.1"}
    assert {host: name_host(host) for host in hosts} == hosts
