"""The options of libcurl's easy handles: those of every request, set once for each handle, and those of one request."""

from __future__ import annotations

from collections.abc import Mapping

import pycurl

from botkit.errors import CallRefused
from botkit.http.network import Proxy
from botkit.http.values import USER_AGENT

KEPT_SECONDS = 50
"""A kept connection is not used after this time without a call; load balancers close theirs after a minute or more."""
NAME_SECONDS = 5
"""How long a host's address is remembered. A wrong answer, such as that of a name server that is being reloaded, must
not outlast the attempts of a call."""

# pycurl has no names for these, and sets them by number.
_SUPPRESS_CONNECT_HEADERS = 265
_QUICK_EXIT = 322
_NOT_OURS = ["Accept:", "Expect:", "Content-Type:"]
"""Headers that libcurl adds by itself; one of the request's own, which stands before it in the list, is sent."""


def for_every_request(curl: pycurl.Curl) -> None:
    """Set what never changes. libcurl then takes nothing from the environment: no proxy, no netrc, no cookies."""
    for option, value in (
        (pycurl.NOSIGNAL, 1),
        (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
        (pycurl.PROXY, ""),
        (pycurl.NOPROXY, ""),
        (pycurl.PATH_AS_IS, 1),
        (pycurl.USERAGENT, USER_AGENT),
        (pycurl.TCP_NODELAY, 1),
        (pycurl.HTTP09_ALLOWED, 0),
        (pycurl.MAXAGE_CONN, KEPT_SECONDS),
        (pycurl.DNS_CACHE_TIMEOUT, NAME_SECONDS),
        # The smallest: every handle keeps one from its first body on, and most hooks fit.
        (pycurl.UPLOAD_BUFFERSIZE, 16_384),
        (_SUPPRESS_CONNECT_HEADERS, 1),
        # A name server that does not answer must not hold up the loop when a call is given up.
        (_QUICK_EXIT, 1),
    ):
        curl.setopt(option, value)


def set_method(curl: pycurl.Curl, method: str, *, has_body: bool) -> None:
    """Set the method; a request with a body gets it by `POSTFIELDS`."""
    curl.unsetopt(pycurl.CUSTOMREQUEST)
    if method == "HEAD":
        curl.setopt(pycurl.NOBODY, 1)
    elif method in ("GET", "OPTIONS") and not has_body:
        curl.setopt(pycurl.HTTPGET, 1)
    else:
        curl.setopt(pycurl.POST, 1)
    if method not in ("GET", "HEAD", "POST") or (method == "GET" and has_body):
        curl.setopt(pycurl.CUSTOMREQUEST, method)


def header_lines(what: str, headers: Mapping[str, str]) -> list[str | bytes]:
    """The lines of a request's headers for `HTTPHEADER`.

    Raises:
        CallRefused: a header would break out of its line, or cannot be written in UTF-8.
    """
    lines: list[str | bytes] = [
        f"{name}: {value}" if value else f"{name};" for name, value in headers.items()
    ]
    text = "".join(lines)  # type: ignore[arg-type]
    if "\n" in text or "\r" in text or "\0" in text:
        raise unsendable(what)
    if not text.isascii():
        try:
            lines = [line.encode() if isinstance(line, str) else line for line in lines]
        except UnicodeEncodeError:  # half of a surrogate pair; the error would quote the header
            raise unsendable(what) from None
    return lines + _NOT_OURS


def unsendable(what: str) -> CallRefused:
    """The error of a request with a value that libcurl does not take."""
    return CallRefused(what, detail="the request cannot be sent as it is")


def set_proxy(curl: pycurl.Curl, proxy: Proxy | None) -> None:
    """Set the way out: through a proxy, or directly."""
    curl.setopt(pycurl.PROXY, proxy.url if proxy else "")
    curl.unsetopt(pycurl.PROXYHEADER)  # pycurl ignores an empty list
    if proxy is not None and proxy.headers:
        curl.setopt(pycurl.PROXYHEADER, [f"{name}: {value}" for name, value in proxy.headers.items()])
