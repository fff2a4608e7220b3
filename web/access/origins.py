"""Where a request was made: on this machine, by this site's page, over HTTPS."""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

_LOCAL_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?", re.IGNORECASE)
# What proxies, tunnels and content networks add on the way.
_FORWARDED = (
    "forwarded", "via", "x-forwarded", "x-real-ip", "x-client-ip", "x-cluster-client-ip",
    "x-original-", "x-proxy", "x-envoy-", "x-amzn-", "x-azure-", "x-appengine-", "x-vercel-",
    "cf-", "cdn-loop", "true-client-ip", "fastly-", "fly-", "ngrok-", "tailscale-",
)  # fmt: skip


def is_loopback(host: str) -> bool:
    """Tell whether an address can only be reached from this machine."""
    if host.casefold() == "localhost":
        return True
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def is_local(request: Any) -> bool:  # noqa: ANN401  (Starlette's and Gradio's requests)
    """Tell whether a request seems to be made on this machine, past no proxy.

    A tunnel can rewrite Host and add nothing, so this alone lets nobody in.
    No browser speaks HTTP/1.0; nginx does, and by default leaves no other trace.
    """
    request = unwrap(request)
    client, headers = getattr(request, "client", None), read_headers(request)
    return (
        client is not None
        and is_loopback(str(client.host))
        and _LOCAL_HOST.fullmatch(headers.get("host", "")) is not None
        and is_same_host(headers)
        and not any(name.startswith(_FORWARDED) for name in headers)
        and getattr(request, "scope", {}).get("http_version") != "1.0"
    )


def is_cross_site(headers: Mapping[str, str]) -> bool:
    """Tell whether another site's page made the browser send a request.

    A browser says so in Sec-Fetch-Site, which no page can change; where that header is missing,
    Origin must be this host. `same-site` may be another port of this machine.
    """
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return True
    return site != "same-origin" and not is_same_host(headers)


def is_same_host(headers: Mapping[str, str]) -> bool:
    """Tell whether the page that sent a request, where the browser names it, is of this host."""
    origin = headers.get("origin")
    if origin is None:
        return True
    return origin.partition("://")[2].casefold() == headers.get("host", "").casefold()


def is_encrypted(request: Any) -> bool:  # noqa: ANN401
    """Tell whether the visitor's browser speaks HTTPS, to us or to a proxy in front of us.

    Who makes that up only keeps a cookie of their own from being sent.
    """
    request = unwrap(request)
    forwarded = read_headers(request).get("x-forwarded-proto", "")
    return forwarded.startswith("https") or getattr(request, "scope", {}).get("scheme") == "https"


def read_headers(request: Any) -> dict[str, str]:  # noqa: ANN401
    """Return a request's headers with names in small letters."""
    return {name.lower(): str(value) for name, value in dict(request.headers).items()}


def unwrap(request: Any) -> Any:  # noqa: ANN401
    """Return Starlette's request inside Gradio's."""
    return getattr(request, "request", None) or request
