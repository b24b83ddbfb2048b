"""The connections of the requests library: certificates, the proxy's headers, a time limit, and no address of this machine."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Self

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from botkit.http.addresses import is_of_this_machine
from botkit.http.network import Network


class AddressRefused(Exception):
    """A host's name leads to an address that may not be called; nothing was sent."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


class Adapter(HTTPAdapter):
    """Connections as `network` says.

    Args:
        network: the proxy and the certificates.
        insecure_http: also connect to loopback and link-local addresses. What a proxy connects to is the proxy's business.
    """

    def __init__(self, network: Network, *, insecure_http: bool) -> None:
        self._context = network.ssl_context()
        self._proxy = network.proxy
        super().__init__()
        self.poolmanager.pool_classes_by_scheme = _WATCHED if insecure_http else _CHECKED

    def build_connection_pool_key_attributes(self, *args: Any, **keywords: Any) -> tuple[Any, Any]:
        host, pool = super().build_connection_pool_key_attributes(*args, **keywords)
        return host, {**pool, "ssl_context": self._context}

    def cert_verify(self, conn: Any, *_: Any, **__: Any) -> None:
        # The inherited method adds certifi's authorities to the context's.
        conn.cert_reqs = "CERT_REQUIRED"

    def proxy_manager_for(self, proxy: str, **keywords: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **keywords)
        manager.pool_classes_by_scheme = _WATCHED
        return manager

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        return dict(self._proxy.headers) if self._proxy is not None else {}


class Deadline:
    """Breaks off the connection of one call when the call's time is over.

    The time limits of sockets begin anew with each byte: a server that sends one now and then could hold a call for ever.

    Attributes:
        is_over: whether the time is over.
    """

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._lock = threading.Lock()
        self._connected: socket.socket | None = None
        """Of its own: the socket may be replaced by one of TLS, or be another call's by then."""
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._outer = _deadline.set(self)
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        _deadline.reset(self._outer)
        self._replace(None)

    def watch(self, connected: socket.socket) -> None:
        """This is the connection of the call."""
        self._replace(socket.socket(fileno=os.dup(connected.fileno())))
        if self.is_over:
            self._end()

    def _replace(self, connected: socket.socket | None) -> None:
        with self._lock:
            if self._connected is not None:
                self._connected.close()
            self._connected = connected

    def _end(self) -> None:
        with self._lock:
            self.is_over = True
            if self._connected is not None:
                with suppress(OSError):  # the server has gone
                    self._connected.shutdown(socket.SHUT_RDWR)


_deadline: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def _watched(connected: socket.socket | None) -> None:
    deadline = _deadline.get()
    if deadline is not None and connected is not None:
        deadline.watch(connected)


class _PlainConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        _watched(connected)
        return connected

    def request(self, *args: Any, **keywords: Any) -> None:
        _watched(self.sock)  # It may be a kept one.
        super().request(*args, **keywords)


class _EncryptedConnection(_PlainConnection, HTTPSConnection):
    """The same within TLS."""


class _CheckedPlainConnection(_PlainConnection):
    def _new_conn(self) -> socket.socket:
        return _checked(super()._new_conn())


class _CheckedEncryptedConnection(_CheckedPlainConnection, _EncryptedConnection):
    """The same within TLS."""


def _checked(connected: socket.socket) -> socket.socket:
    address = str(connected.getpeername()[0])
    if is_of_this_machine(address):
        connected.close()
        raise AddressRefused(address)
    return connected


class _Plain(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _Encrypted(HTTPSConnectionPool):
    ConnectionCls = _EncryptedConnection


class _CheckedPlain(HTTPConnectionPool):
    ConnectionCls = _CheckedPlainConnection


class _CheckedEncrypted(HTTPSConnectionPool):
    ConnectionCls = _CheckedEncryptedConnection


_WATCHED = {"http": _Plain, "https": _Encrypted}
_CHECKED = {"http": _CheckedPlain, "https": _CheckedEncrypted}
