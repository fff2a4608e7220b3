"""Whose address a request is counted under."""

import pytest
from starlette.datastructures import Headers

from inference.errors import UserInputError
from web.access.clients import PROXIES_OF_A_SPACE, find_client, read_networks


def find(peer: str | None, *forwarded: str, proxies: str = "10.0.0.0/8,::1") -> str:
    """Return the client of a request that came with these X-Forwarded-For lines."""
    headers = Headers(raw=[(b"x-forwarded-for", line.encode()) for line in forwarded])
    return find_client(headers, peer, read_networks([proxies]))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.5", ["8.8.8.8"], "8.8.8.8"),
        ("10.0.0.5", ["6.6.6.6, 8.8.8.8"], "8.8.8.8"),  # who is behind the proxy made 6.6.6.6 up
        ("10.0.0.5", ["6.6.6.6", "8.8.8.8"], "8.8.8.8"),  # a line of its own
        ("10.0.0.5", ["6.6.6.6, 8.8.8.8, 10.1.1.1"], "8.8.8.8"),  # two proxies
        ("10.0.0.5", ["10.2.2.2, 10.1.1.1"], "10.2.2.2"),  # from inside
        ("10.0.0.5", [], "10.0.0.5"),
        ("10.0.0.5", [""], "10.0.0.5"),
        ("10.0.0.5", ["8.8.8.8, nonsense"], "10.0.0.5"),
        ("10.0.0.5", ["8.8.8.8, unknown, 10.1.1.1"], "10.1.1.1"),
        ("10.0.0.5", ["8.8.8.8:5000"], "8.8.8.8"),
        ("::1", ["[2a00:1450::200e]:5000"], "2a00:1450::200e"),
        ("::1", ["2A00:1450:0::200E"], "2a00:1450::200e"),
        ("::ffff:10.0.0.5", ["::ffff:8.8.8.8"], "8.8.8.8"),
        # nobody named this peer
        ("9.9.9.9", ["8.8.8.8"], "9.9.9.9"),
        ("127.0.0.1", ["8.8.8.8"], "127.0.0.1"),
        (None, ["8.8.8.8"], "unknown"),
        ("", ["8.8.8.8"], "unknown"),
        ("testclient", ["8.8.8.8"], "testclient"),
    ],
)
def test_only_named_proxies_are_believed(
    peer: str | None, forwarded: list[str], client: str
) -> None:
    assert find(peer, *forwarded) == client


def test_without_a_named_proxy_no_forwarded_address_is_believed() -> None:
    assert find("127.0.0.1", "8.8.8.8", proxies="") == "127.0.0.1"


def test_proxies_are_addresses_or_networks() -> None:
    networks = read_networks(["10.0.0.5", "192.168.1.7/24, ::1", ""])
    assert [str(network) for network in networks] == ["10.0.0.5/32", "192.168.1.0/24", "::1/128"]
    for wrong in ("proxy.example", "10.0.0.5:80", "10.0.0.0/64", "*"):
        with pytest.raises(UserInputError, match="by its address or network"):
            read_networks([wrong])


def test_a_space_knows_its_proxies() -> None:
    headers = Headers({"x-forwarded-for": "6.6.6.6, 8.8.8.8, 172.17.0.3"})
    assert find_client(headers, "10.16.1.1", PROXIES_OF_A_SPACE) == "8.8.8.8"
    assert find_client(headers, "9.9.9.9", PROXIES_OF_A_SPACE) == "9.9.9.9"
