"""Protection of the control API and the page: only browser tabs and programs of this machine may use them.

The control API has no password, so two attacks by a hostile web page are blocked. DNS rebinding points a foreign name to
loopback: the request has a foreign Host. Cross-site request forgery sends a form or script request: it has a foreign Origin.
The emulated clouds have authentication and CORS rules of their own, so their paths are not guarded.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

GUARDED = ("/sandbox/", "/page/")
READING = frozenset({"GET", "HEAD"})


def is_loopback(host: str) -> bool:
    """Whether a host name or address (without port) is loopback."""
    if host == "localhost":
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def guard(bound_host: str) -> Middleware:
    """Middleware for the port that serves the page and the control API.

    Args:
        bound_host: the host the sandbox listens on. If it is not loopback (the user allowed it by flag), every
            address is accepted as Host, since only a *name* can be rebound, and the bound name itself too.
    """
    open_to_network = not is_loopback(bound_host)

    def host_is_ours(host: str) -> bool:
        return (
            is_loopback(host)
            or host == bound_host.lower()
            or (open_to_network and _address(host) is not None)
        )

    @web.middleware
    async def refuse_strangers(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path != "/" and not request.path.startswith(GUARDED):
            return await handler(request)
        if not host_is_ours(_host_name(request.headers.get("Host", ""))):
            return _refusal(f"The Host header names {request.host!r}; open the sandbox by its own address")
        if request.method not in READING and _comes_from_elsewhere(request):
            return _refusal("Another site's page may not use the control API")
        return await handler(request)

    return refuse_strangers


def _comes_from_elsewhere(request: web.Request) -> bool:
    """Browsers send the page's origin with every cross-origin write; programs send none."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        return True
    origin = request.headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("Host", "").lower()


def _host_name(host_header: str) -> str:
    """The name or address in a Host header: lower case, without port and brackets."""
    return (urlsplit(f"//{host_header}").hostname or "") if _well_formed(host_header) else ""


def _well_formed(host_header: str) -> bool:
    return not set(host_header) & set("/\\@?# ")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _refusal(why: str) -> web.Response:
    return web.json_response({"error": why}, status=403)
