"""Who counts as one client, and how much it can hold."""

from functools import partial

import pytest

from web.access.clients import is_within, read_networks
from web.http.shares import Shares, name_network, name_sender


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("8.8.8.8", "8.8.8.8"),
        ("::ffff:8.8.8.8", "8.8.8.8"),
        ("2001:db8:1:2300::1", "2001:db8:1:2300::/56"),
        ("2001:0DB8:1:23ff:ffff::1", "2001:db8:1:2300::/56"),  # another network of that household
        ("2001:db8:1:2400::1", "2001:db8:1:2400::/56"),  # its neighbour's
        ("fe80::1%eth0", "fe80::/56"),
        ("testclient", "testclient"),
    ],
)
def test_a_client_is_an_address_or_what_one_household_gets(host: str, name: str) -> None:
    assert name_network(host) == name
    assert name_sender({"client": (host, 50000)}) == name


def test_a_household_holds_one_share_whatever_addresses_it_makes_up() -> None:
    shares = Shares(each=5, all=40)
    taken = [shares.take(name_network(f"2001:db8:1:23{n:02x}::{n}")) for n in range(256)]
    assert sum(taken) == 5
    assert shares.take(name_network("2001:db8:1:2400::1"))


@pytest.mark.parametrize("proxy", ["10.0.0.5", "::1", "2001:db8::5"])
def test_behind_a_proxy_are_many_whatever_its_kind_of_address(proxy: str) -> None:
    shares = Shares(5, 40, shared=partial(is_within, networks=read_networks([proxy])))
    assert sum(shares.take(shares.name(proxy)) for _ in range(50)) == 40


def test_beside_a_proxy_is_one_client() -> None:
    shares = Shares(5, 40, shared=partial(is_within, networks=read_networks(["2001:db8::5"])))
    assert sum(shares.take(shares.name("2001:db8::6")) for _ in range(50)) == 5
