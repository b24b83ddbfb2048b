"""One of libcurl's easy handles with what calls and streams have in common: the request's options, and how it failed."""

from __future__ import annotations

import os
import socket
from typing import Any
from urllib.parse import urlsplit

import pycurl

from botkit.errors import CallError
from botkit.http import addresses
from botkit.http.curl import options
from botkit.http.curl.failures import Failure, translated
from botkit.http.curl.outgoing import Outgoing
from botkit.http.hosts import named_host
from botkit.http.network import Proxy
from botkit.http.values import Request

CONNECT_SECONDS = 10.0
"""For the connections of long polls and streams; that of another call may take the call's whole time."""
_MAY_BE_REPEATED = frozenset({"GET", "HEAD", "OPTIONS"})


class Transfer:
    """An easy handle that is aimed at one request after the other: only what differs from the one before is set.

    libcurl itself sends a request again, of any method, if the kept connection that it used breaks before a byte of the
    response has arrived. The server may have processed such a request. So one that is not safe to repeat is refused its second
    connection, and fails as a possible duplicate; the relay then repeats it with the same id, and counts it.
    """

    __slots__ = (
        "_asked",
        "_body",
        "_curl",
        "_headers",
        "_method",
        "_outgoing",
        "_proxy",
        "_refused_address",
        "_repeatable",
        "_socket_errno",
        "_timeouts",
        "_url",
    )

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self._curl = curl = pycurl.Curl()
        self._url = self._method = ""
        self._headers: list[str | bytes] = []
        self._body = b""
        self._timeouts: tuple[float, float] = (0.0, 0.0)
        self._proxy: Proxy | None = None
        self._repeatable = True
        self._asked = False
        self._refused_address = ""
        self._socket_errno = 0
        options.for_every_request(curl)
        outgoing.prepare(curl)
        curl.setopt(pycurl.PREREQFUNCTION, self._before_request)
        if outgoing.checks_addresses:
            curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)

    def _aim(self, request: Request, *, connect_seconds: float, seconds: float) -> None:
        """Set the options of a request; 0 seconds: no limit.

        Raises:
            CallRefused: it cannot be sent as it is.
        """
        curl, body = self._curl, request.body
        headers = options.header_lines(request.what, request.headers)
        if request.url != self._url:
            curl.setopt(pycurl.URL, request.url)
            self._url = request.url
            proxy = self._outgoing.proxy_of(request.url)
            if proxy != self._proxy:
                options.set_proxy(curl, proxy)
                self._proxy = proxy
        method = request.method if body is None else f"{request.method} with a body"
        if method != self._method:
            options.set_method(curl, request.method, has_body=body is not None)
            self._repeatable = request.method in _MAY_BE_REPEATED
            self._method = method
        if headers != self._headers:
            curl.setopt(pycurl.HTTPHEADER, headers)
            self._headers = headers
        if body is not None or not self._repeatable:
            self._body = body or b""
            curl.setopt(pycurl.POSTFIELDS, self._body)
        if self._timeouts != (connect_seconds, seconds):
            curl.setopt(pycurl.CONNECTTIMEOUT_MS, _milliseconds(connect_seconds))
            curl.setopt(pycurl.TIMEOUT_MS, _milliseconds(seconds))
            self._timeouts = connect_seconds, seconds
        self._asked = False
        self._refused_address = ""
        self._socket_errno = 0

    def _failure(self, request: Request, code: int, text: str) -> CallError:
        failure = Failure(
            what=request.what,
            host=urlsplit(request.url).hostname or "",
            code=code,
            text=text,
            asked=self._asked,
            proxy=self._proxy,
            refused_address=self._refused_address,
            socket_errno=self._socket_errno,
            max_bytes=request.max_bytes,
        )
        return named_host(translated(failure, self._curl), request.url)

    # --- what libcurl calls ---

    def _before_request(self, *_: object) -> int:
        """The connection stands, with its tunnel and its TLS, and the request is about to be sent."""
        if self._asked and not self._repeatable:
            return int(pycurl.PREREQFUNC_ABORT)
        self._asked = True
        return int(pycurl.PREREQFUNC_OK)

    def _open_socket(self, _purpose: int, target: tuple[int, int, int, Any]) -> _Socket | int:
        family, kind, protocol, address = target
        if self._proxy is None and family in (socket.AF_INET, socket.AF_INET6):
            host = str(address[0])
            if addresses.is_of_this_machine(host):
                self._refused_address = host
                return int(pycurl.SOCKET_BAD)
        try:
            return _Socket(socket.socket(family, kind, protocol).detach())
        except OSError as error:  # mostly too many open files
            self._socket_errno = error.errno or 0
            return int(pycurl.SOCKET_BAD)


class _Socket:
    """A new socket's descriptor, which pycurl duplicates; this one is closed right after that."""

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def __del__(self) -> None:
        os.close(self._descriptor)


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000)) if seconds else 0
