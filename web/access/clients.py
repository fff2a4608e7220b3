"""Which address a request comes from, where proxies stand in front of the page.

Anybody can write an X-Forwarded-For of their own; only what a proxy that the operator named adds
to it is believed, so that the address counted is the one that this proxy saw.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.datastructures import Headers

from inference.errors import UserInputError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def read_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Return the proxies that an operator named: addresses, or networks such as 10.0.0.0/8.

    Each text may hold several, separated by commas.
    Raises: UserInputError for anything else, a host name for one.
    """
    parts = [part.strip() for text in texts for part in text.split(",")]
    return tuple(_read_network(part) for part in parts if part)


def find_client(headers: Headers, peer: str | None, trusted: Sequence[Network]) -> str:
    """Return the address of who sent a request: the nearest one that is no trusted proxy.

    `peer`: the other end of the connection. `trusted`: proxies that are believed. Where one of
    them reports something that is no address, it is the client itself, as nobody else is known.
    """
    address = read_address(peer or "")
    if address is None:
        return peer or "unknown"
    hops = ",".join(headers.getlist("x-forwarded-for")).split(",")
    for hop in reversed(hops):
        before = read_address(hop)
        if before is None or not any(address in network for network in trusted):
            break
        address = before
    return str(address)


def read_address(text: str) -> Address | None:
    """Return an address, also one with a port; None for anything else.

    An IPv4 address that is written as an IPv6 one is the IPv4 address.
    """
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _read_network(text: str) -> Network:
    try:
        return ip_network(text, strict=False)
    except ValueError as error:
        raise UserInputError(
            f"A proxy is named by its address or network, such as 10.0.0.5 or 10.0.0.0/8, not by "
            f"{text!r}."
        ) from error


# The proxies of a Space reach it from private addresses, and nothing else does.
PROXIES_OF_A_SPACE = read_networks(
    ("10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,127.0.0.0/8,::1,fc00::/7,fe80::/10",)
)
# Where a tunnel of this machine's own comes from, with everybody who is behind it.
LOOPBACK = read_networks(("127.0.0.0/8,::1",))


def is_within(address: str, networks: Sequence[Network]) -> bool:
    """Tell whether an address lies in one of some networks."""
    found = read_address(address)
    return found is not None and any(found in network for network in networks)
