"""The connections of the requests library: BotKit's certificates, the proxy's headers, and no address of this machine."""

from __future__ import annotations

import socket
from typing import Any

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
        if not insecure_http:
            self.poolmanager.pool_classes_by_scheme = {"http": _Plain, "https": _Encrypted}

    def build_connection_pool_key_attributes(self, *args: Any, **keywords: Any) -> tuple[Any, Any]:
        host, pool = super().build_connection_pool_key_attributes(*args, **keywords)
        return host, {**pool, "ssl_context": self._context}

    def cert_verify(self, conn: Any, *_: Any, **__: Any) -> None:
        # The inherited method adds certifi's authorities to the context's.
        conn.cert_reqs = "CERT_REQUIRED"

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        return dict(self._proxy.headers) if self._proxy is not None else {}


def _checked(connected: socket.socket) -> socket.socket:
    address = str(connected.getpeername()[0])
    if is_of_this_machine(address):
        connected.close()
        raise AddressRefused(address)
    return connected


class _PlainConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _checked(super()._new_conn())


class _EncryptedConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _checked(super()._new_conn())


class _Plain(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _Encrypted(HTTPSConnectionPool):
    ConnectionCls = _EncryptedConnection
