"""One request and its answer, as the front, the log and the metrics see them."""

import secrets
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

from starlette.routing import get_route_path
from starlette.types import Scope

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
ROUTE = "matched_route"  # under which a scope holds the path of its route
# The request that is being answered here, where one is.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
# Streams that stay open as long as a page does, or until a call has been answered.
_STREAMS = ("/gradio_api/heartbeat/", "/gradio_api/queue/data")


@dataclass(eq=False)
class Exchange:
    """One request under way. `status`: of the answer, 0 before it begins.

    `received`, `sent`: bytes of both bodies so far.
    """

    scope: Scope
    client: str
    began: float = field(default_factory=time.monotonic)
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    status: int = 0
    received: int = 0
    sent: int = 0

    @property
    def method(self) -> str:
        """Its method; anybody may make one up."""
        return str(self.scope["method"])

    @property
    def path(self) -> str:
        """The path that was asked for, below the one at which a proxy shows the page."""
        return str(get_route_path(self.scope))

    @property
    def route(self) -> str | None:
        """The path of the route that answers, such as `/report/{name}`; None where none does.

        What visitors write, names of pictures and tokens too, is never in it.
        """
        route: str | None = self.scope.get(ROUTE)
        return route

    @property
    def seconds(self) -> float:
        """How long it has taken until now."""
        return time.monotonic() - self.began

    @property
    def is_stream(self) -> bool:
        """Whether nothing is lost where it is cut off."""
        return self.path.startswith(_STREAMS)


Observer = Callable[[Exchange], None]


def name_method(exchange: Exchange) -> str:
    """Return its method, or `other` for one that somebody made up."""
    return exchange.method if exchange.method in METHODS else "other"
