"""What the carriers need for calls through a proxy: the argument of the requests library, and the proxy's own failures.

A proxy fails in ways of its own: it cannot be reached, it asks for a password, it does not pass a host, it finds no way to it.
Nothing of the call has reached the server then, so none of these is a possible duplicate.
"""

from __future__ import annotations

import os

from botkit.errors import Unreachable
from botkit.http.network import Proxy

ASKS_FOR_LOGIN = 407


def for_requests(proxy: Proxy) -> dict[str, str]:
    """The argument `proxies` of the requests library."""
    return {"http": proxy.url, "https": proxy.url}


def check_status(what: str, status: int, proxy: Proxy) -> None:
    """Return unless the status is the proxy's own: without a tunnel, its demand for a login arrives as any response.

    Raises:
        Unreachable: the proxy asks for a login.
    """
    if status == ASKS_FOR_LOGIN:
        raise refused(what, status, proxy)


def refused(what: str, status: int, proxy: Proxy) -> Unreachable:
    """The error of a proxy that answered with this status, instead of the server."""
    if status == ASKS_FOR_LOGIN and proxy.authorization:
        detail, fix = (
            f"did not accept the user and password of {proxy.setting}",
            f"correct user and password in {proxy.setting}, with special characters percent-encoded",
        )
    elif status == ASKS_FOR_LOGIN:
        detail, fix = (
            "asks for a user and a password",
            f"write them into {proxy.setting}: http://user:password@host:port",
        )
    elif status >= 500:
        detail, fix = (
            "does not reach the host",
            "check that the proxy's own network resolves and reaches the host",
        )
    else:
        detail, fix = "refused to pass the call on", "let the proxy permit CONNECT to the host and its port"
    return Unreachable(what, detail=f"{_named(proxy)} {detail} (HTTP {status})", cause="proxy", fix=fix)


def unknown(what: str, proxy: Proxy) -> Unreachable:
    """The error of a proxy whose host name is not known."""
    return Unreachable(
        what,
        detail=f"the host name of {_named(proxy)} was not found",
        cause="proxy",
        fix=f"correct the host of {proxy.setting}",
    )


def _named(proxy: Proxy) -> str:
    return f"the proxy {proxy.url.removeprefix('http://')}"


def not_reached(what: str, number: int, proxy: Proxy) -> Unreachable:
    """The error of a proxy without a connection to it; `number` is that of the system's error, or 0."""
    reason = f": {os.strerror(number)}" if number > 0 else ""
    return Unreachable(
        what,
        detail=f"{_named(proxy)} is not reached{reason}",
        cause="proxy",
        fix=f"correct host and port of {proxy.setting}, or add the host to network.no_proxy if it is reached without the proxy",
    )


def no_answer(what: str, proxy: Proxy) -> Unreachable:
    """The error of a proxy that took the connection, and broke it off or said something else than HTTP."""
    return Unreachable(
        what,
        detail=f"{_named(proxy)} took the connection, but gave no answer in HTTP",
        cause="proxy",
        fix=f"let the proxy permit CONNECT to the host and its port, or correct the port of {proxy.setting}",
    )


__all__ = [
    "ASKS_FOR_LOGIN",
    "check_status",
    "for_requests",
    "no_answer",
    "not_reached",
    "refused",
    "unknown",
]
