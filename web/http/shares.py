"""What each client holds of something limited, such as connections: never all of it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv6Network, ip_address

from starlette.types import Scope

# Bits that the addresses of one household have in common; where providers give out less, a few
# neighbours count as one. Source: RIPE-690, which advises providers to give each a /56 or a /48.
_HOUSEHOLD = 56


@dataclass
class Shares:
    """At most `each` for a client and `all` for all of them together, at once.

    `shared`: tells which clients are many, such as a proxy. Of one thread: the event loop's.
    """

    each: int
    all: int
    held: int = 0
    shared: Callable[[str], bool] = lambda client: False
    _clients: Counter[str] = field(default_factory=Counter)

    def take(self, client: str, amount: int = 1) -> bool:
        """Take some; False, and nothing is taken, where that is too much."""
        most = self.all if self.shared(client) else self.each
        if self.held + amount > self.all or self._clients[client] + amount > most:
            self._forget(client)
            return False
        self._clients[client] += amount
        self.held += amount
        return True

    def give_back(self, client: str, amount: int = 1) -> None:
        """Give back what was taken."""
        self._clients[client] -= amount
        self.held -= amount
        self._forget(client)

    def name(self, host: str) -> str:
        """Return what an address is counted under: a shared one by itself, not its network."""
        return host if self.shared(host) else name_network(host)

    def _forget(self, client: str) -> None:
        if self._clients[client] <= 0:
            del self._clients[client]


def name_sender(scope: Scope) -> str:
    """Return what the sender of a request is counted under: see `name_network`."""
    return name_network(scope["client"][0]) if scope.get("client") else "unknown"


@lru_cache(maxsize=1000)
def name_network(host: str) -> str:
    """Return an IPv4 address as it is, of an IPv6 address the network that one household gets.

    What is counted by client is counted under this everywhere.
    """
    try:
        address = ip_address(host)
    except ValueError:
        return host
    mapped = getattr(address, "ipv4_mapped", None)
    if address.version == 4 or mapped:
        return str(mapped or address)
    return str(IPv6Network((int(address), _HOUSEHOLD), strict=False))
