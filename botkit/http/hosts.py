"""The URLs that BotKit may call: one strict check of host, form and length, for hooks, requests and carriers.

A hook's payload names the URLs that BotKit calls, and an attacker who can post a hook could name any. So only configured hosts
are called. Everything that two URL parsers could read differently (userinfo, backslashes, fragments, blanks,
percent-encoded or non-ASCII hosts) is refused, not repaired. Hooks are accepted by the same check as the calls that answer them,
so that no call of an accepted hook is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import ParamSpec, TypeVar
from urllib.parse import urlsplit

from botkit.errors import CallError, HostNotAllowed
from botkit.http import addresses
from botkit.http.network import Network
from botkit.http.values import Response

_AFTER_ORIGIN = re.compile(r"[/?][!-\"$-\[\]-~]*")  # printable ASCII without '#' and '\'
_URL = re.compile(
    r"(?P<origin>(?P<scheme>https?)://(?P<host>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\.?|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?)"
    rf"(?:{_AFTER_ORIGIN.pattern})?",
    re.IGNORECASE,
)
_SHORTEST_ORIGIN = len("http://a")
_HOST_AND_PORT = re.compile(r"(.+?)\.?(:[0-9]+)?")
_DEFAULT_PORT = {"http": "80", "https": "443"}
_REMEMBERED = 256
"""Max origins, folders and bases that are remembered, each. Above it they are forgotten, so that nobody can fill the memory."""
_MAX_URL = 4_000
_MAX_EXTENSION = 1_000
"""What may follow a base: a call's name, and a requestId of 64 characters, each of which is twelve when it is encoded."""


class AllowedHosts:
    """The hosts that may be called.

    Args:
        hosts: ``host`` or ``host:port``; a bare host means the scheme's default port, or any port when
            `insecure_http` is on. None allows every host (the other rules still hold).
        insecure_http: allow ``http://``, for loopback demos and tests.
        network: refuse also the hosts to which the carriers make no connection: those on this machine and its link, unless
            `insecure_http` is on or a proxy is on the way. Without it they are not looked for.
    """

    __slots__ = ("_any_host", "_bases", "_folders", "_hosts", "_insecure_http", "_known", "_network")

    def __init__(
        self, hosts: Iterable[str] | None, *, insecure_http: bool = False, network: Network | None = None
    ) -> None:
        self._any_host = hosts is None
        self._hosts = frozenset(_canonical(host) for host in hosts or ())
        self._insecure_http = insecure_http
        self._network = None if insecure_http else network
        self._known: set[str] = set()
        self._folders: set[str] = set()
        self._bases: set[str] = set()

    def check(self, url: str, *, what: str) -> None:
        """Return if `url` may be called.

        Raises:
            HostNotAllowed: with the reason, which names the host but never the rest of the URL.
        """
        folder, _, name = url.rpartition("/")
        # The hot path: calls differ in the last segment, a requestId. Letters and digits after a checked folder change nothing.
        if folder in self._folders and name.isalnum() and name.isascii() and len(url) <= _MAX_URL:
            return
        origin = url[: url.find("/", _SHORTEST_ORIGIN)]
        if origin not in self._known or len(url) > _MAX_URL or not _AFTER_ORIGIN.fullmatch(url, len(origin)):
            origin = self._check_all(url, what)
        if len(origin) <= len(folder) <= _MAX_URL - _MAX_EXTENSION:
            _remember(self._folders, folder)

    def check_each(self, urls: Sequence[str | None], *, end: str, what: str) -> None:
        """`check` for each URL that is given. `end`: the last segment of nearly all of them, a requestId."""
        if end.isalnum() and end.isascii() and len(end) < _MAX_EXTENSION:
            # The hot path, as in `check`: all at once.
            name = f"/{end}"
            if {url.removesuffix(name) for url in urls if url} <= self._folders:
                return
        for url in urls:
            if url:
                self.check(url, what=what)

    def check_base(self, base: str, *, what: str) -> None:
        """Return if each URL may be called that extends `base` by a path. There are few bases, so they are remembered.

        Raises:
            HostNotAllowed: as `check`.
        """
        if base not in self._bases:
            self.check(f"{base}/{'x' * _MAX_EXTENSION}", what=what)
            _remember(self._bases, base)

    def allows(self, url: str) -> bool:
        """Whether `check` would pass."""
        try:
            self.check(url, what="check")
        except HostNotAllowed:
            return False
        return True

    def _check_all(self, url: str, what: str) -> str:
        """Check a URL, and remember its origin, which is returned."""
        match = _URL.fullmatch(url) if len(url) <= _MAX_URL else None
        if match is None:
            fix = (
                f"correct the address: https://host/path in at most {_MAX_URL:,} ASCII characters, without user, blanks, "
                "backslashes or a fragment"
            )
            raise HostNotAllowed(what, detail="not a plain http(s) URL", fix=fix)
        if (origin := match["origin"]) not in self._known:
            host = _canonical(match["host"])
            self._check_origin(match["scheme"].lower(), host, match["port"], what)
            if (
                self._network is not None
                and addresses.names_this_machine(host)
                and not self._network.proxy_of(url)
            ):
                raise named_host(addresses.refused(what, host, host), url)
            _remember(self._known, origin)
        return origin

    def _check_origin(self, scheme: str, host: str, port: str | None, what: str) -> None:
        if scheme == "http" and not self._insecure_http:
            fix = "use the https address; on a machine for tests, set security.insecure_http: true"
            raise HostNotAllowed(what, detail=f"{host}: only https is allowed", fix=fix)
        number = str(int(port)) if port else _DEFAULT_PORT[scheme]
        if not 0 < int(number) < 65_536:
            raise HostNotAllowed(what, detail=f"{host}: there is no such port")
        if self._any_host or f"{host}:{number}" in self._hosts:
            return
        if host not in self._hosts:
            raise HostNotAllowed(what, detail=f"{host} is not one of the configured hosts")
        if number != _DEFAULT_PORT[scheme] and not self._insecure_http:
            fix = (
                f"write the port where the host is configured, such as {host}:{number} in kore.callback_hosts"
            )
            raise HostNotAllowed(what, detail=f"{host}: port {number} is not configured", fix=fix)


def _remember(known: set[str], one: str) -> None:
    if len(known) >= _REMEMBERED:
        known.clear()
    known.add(one)


def _canonical(host: str) -> str:
    """Lower case, without the DNS root's trailing dot (which may precede a port)."""
    match = _HOST_AND_PORT.fullmatch(host.lower())
    return f"{match[1]}{match[2] or ''}" if match else host.lower()


# --- the host of a failure -------------------------------------------------------------------------------------------

E = TypeVar("E", bound=CallError)
P = ParamSpec("P")
R = TypeVar("R")


def host_of(url: str) -> str:
    """The host of a URL, with its port if the URL names one, without user information; empty if it has none."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def named_host(error: E, url: str) -> E:
    """The error of a call to this URL, with the host that was called unless it has one already."""
    error.host = error.host or host_of(url)
    return error


def naming_host(check: Callable[P, R]) -> Callable[P, R]:
    """Let a function ``check(what, response, …)`` name the called host in the `CallError` that it raises."""

    @wraps(check)
    def checked(*args: P.args, **named: P.kwargs) -> R:
        try:
            return check(*args, **named)
        except CallError as error:
            response = args[1]
            assert isinstance(response, Response)  # noqa: S101 - the signature above
            named_host(error, response.url)
            raise

    return checked
