"""Checks of the way to an address, one layer after the other: the host's name or the proxy, the connection, TLS.

They open connections of their own, below HTTP, because a carrier's error cannot name the layer as exactly. Proxy and certificate
authorities are those of the service (`botkit.http.network`).
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from botkit.checks import Check, Outcome, failed, passed
from botkit.errors import UnusableValue
from botkit.http.network import Network, Proxy, from_environment

_CONNECT_SECONDS = 10.0
"""For all addresses of a host together."""
_MOST_ADDRESSES = 4
_MAX_HEAD = 16_384
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})\b")
_DEFAULT_PORT = {"http": 80, "https": 443}

# Numbers of OpenSSL's X509_V_ERR_….
_NOT_YET_VALID, _EXPIRED, _OTHER_HOST, _OTHER_ADDRESS = 9, 10, 62, 64
_UNKNOWN_ISSUER = (2, 18, 19, 20, 21)

_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def reaching(url: str, group: str, network: Network) -> Sequence[Check]:
    """The checks of the way to `url`: ``<group>.dns`` and ``<group>.connection``, or ``<group>.proxy``; then ``<group>.tls``.

    Each rests on the one before it. An ``http:`` address has no check of TLS.
    """
    way = _Way(url, network)
    direct = [("dns", way.dns), ("connection", way.connection)]
    steps = direct if way.proxy is None else [("proxy", way.through_proxy)]
    if way.encrypted:
        steps.append(("tls", way.tls))
    names = [f"{group}.{step}" for step, _ in steps]
    return [
        Check(name, run, tuple(names[:place]))
        for place, (name, (_, run)) in enumerate(zip(names, steps, strict=True))
    ]


class _Way:
    """The way to one host; each method is one check."""

    def __init__(self, url: str, network: Network) -> None:
        parts = urlsplit(url)
        self.encrypted = parts.scheme == "https"
        self.host = (parts.hostname or "").rstrip(".")
        self.port = parts.port or _DEFAULT_PORT.get(parts.scheme, 443)
        self.proxy: Proxy | None = network.proxy_of(url)
        self._network = network
        self._url = url

    async def dns(self) -> Outcome:
        """Look the host's name up."""
        try:
            addresses = await _resolved(self.host, self.port)
        except OSError as error:
            return self._with_unused_proxy(_not_resolved(self.host, error))
        if addresses == [self.host]:
            return passed(f"{self.host} is an address; no name has to be looked up")
        return passed(f"{self.host} is {', '.join(addresses[:_MOST_ADDRESSES])}")

    async def connection(self) -> Outcome:
        """Connect to the host."""
        where = f"{self.host}:{self.port}"
        try:
            async with _connected(self.host, self.port):
                return passed(f"{where} accepts connections")
        except OSError as error:
            return self._with_unused_proxy(failed(f"{where} {_why(error)}", _connection_fix(error)))

    def _with_unused_proxy(self, failure: Outcome) -> Outcome:
        """The failure of a direct connection, with the proxy that the environment names and BotKit does not use."""
        try:
            proxy, exempt = from_environment(os.environ)
        except UnusableValue:
            return failure
        if self._network.proxy or Network(proxy, exempt).proxy_of(self._url) is None:
            return failure
        return failed(
            f"{failure.cause}; the environment names a proxy for this host (HTTPS_PROXY), which BotKit does not use",
            f"set network.proxy_from_environment: true; else {failure.fix}",
        )

    async def through_proxy(self) -> Outcome:
        """Connect to the proxy, and let it connect to an encrypted host."""
        proxy = self.proxy
        assert proxy is not None  # noqa: S101 (this check exists only with a proxy)
        at = f"the proxy {proxy.host}:{proxy.port}"
        try:
            async with _connected(proxy.host, proxy.port) as connection:
                if not self.encrypted:
                    return passed(f"{at} accepts connections")
                status = await self._tunnel(connection, proxy)
        except socket.gaierror as error:
            return _not_resolved(proxy.host, error, of=f"of {proxy.setting} ")
        except OSError as error:
            return failed(
                f"{at} {_why(error)}",
                f"correct {proxy.setting}, or add the host to network.no_proxy if it is reached without the proxy",
            )
        return self._judged(status, at, proxy)

    async def tls(self) -> Outcome:
        """Do the handshake with the service's certificate authorities."""
        name = self.host
        try:
            if self.proxy is None:
                async with _connected(name, self.port) as connection:
                    return await self._handshake(connection)
            async with _connected(self.proxy.host, self.proxy.port) as connection:
                await self._tunnel(connection, self.proxy)
                return await self._handshake(connection)
        except ssl.SSLCertVerificationError as error:
            return _untrusted(name, error)
        except ssl.SSLError as error:
            return failed(
                f"{name}:{self.port} does not speak TLS with this machine ({_reason(error)})",
                "check that the address has the right scheme and port, and that no proxy answers in between",
            )
        except OSError as error:
            return failed(
                f"the connection to {name} broke during the TLS handshake: it {_why(error)}",
                "look for a firewall or a proxy that breaks TLS connections to this host",
            )

    async def _handshake(self, connection: _Connection) -> Outcome:
        _, writer = connection
        offers_http2 = self._network.http_version == "2"
        await writer.start_tls(
            self._network.ssl_context(offers_http2=offers_http2),
            server_hostname=self.host,
            ssl_handshake_timeout=_CONNECT_SECONDS,
        )
        spoken = writer.get_extra_info("ssl_object")
        version = spoken.version()
        if offers_http2:
            version += ", HTTP/2" if spoken.selected_alpn_protocol() == "h2" else ", HTTP/1.1 only"
        certificate = writer.get_extra_info("peercert") or {}
        issuer = dict(pair for part in certificate.get("issuer", ()) for pair in part)
        by = issuer.get("organizationName") or issuer.get("commonName") or "an authority without a name"
        until = certificate.get("notAfter", "")
        return passed(f"{version}, certificate by {by}{f', valid until {until}' if until else ''}")

    async def _tunnel(self, connection: _Connection, proxy: Proxy) -> int:
        """Ask the proxy for a tunnel. Returns the status of its answer; 0 for one that is not HTTP."""
        reader, writer = connection
        host = f"[{self.host}]" if ":" in self.host else self.host
        target = f"{host}:{self.port}"
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        lines += [f"{name}: {value}" for name, value in proxy.headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode("ascii"))
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
        except TimeoutError:
            raise TimeoutError("the proxy did not answer") from None
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return 0
        found = _STATUS.match(head)
        return int(found[1]) if found else 0

    def _judged(self, status: int, at: str, proxy: Proxy) -> Outcome:
        if 200 <= status < 300:
            return passed(f"{at} connects to {self.host}")
        if status == 407 and proxy.authorization:
            return failed(
                f"{at} does not accept the user and the password (HTTP 407)",
                f"correct user and password in {proxy.setting}, with special characters percent-encoded",
            )
        if status == 407:
            return failed(
                f"{at} asks for a user and a password (HTTP 407)",
                f"write them into {proxy.setting}: http://user:password@host:port",
            )
        if status >= 500:
            return failed(
                f"{at} does not reach {self.host} (HTTP {status})",
                f"check that the proxy's own network resolves and reaches {self.host}",
            )
        if status:
            return failed(
                f"{at} does not pass connections to {self.host} (HTTP {status})",
                f"let the proxy permit CONNECT to {self.host}:{self.port}",
            )
        return failed(
            f"{at} does not answer as a proxy",
            f"correct host and port of {proxy.setting}; only HTTP proxies are spoken to",
        )


@asynccontextmanager
async def _connected(host: str, port: int) -> AsyncIterator[_Connection]:
    """A connection to the first address of the host that accepts one, closed at once at the end.

    Raises:
        OSError: no address did; that of the last one.
    """
    error: OSError = OSError("no address")
    addresses = (await _resolved(host, port))[:_MOST_ADDRESSES]
    for address in addresses:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS / len(addresses)):
                connection = await asyncio.open_connection(address, port, limit=_MAX_HEAD)
        except OSError as failure:  # TimeoutError is one
            error = failure
            await asyncio.sleep(0)  # as below
            continue
        try:
            yield connection
        finally:
            connection[1].transport.abort()
            await asyncio.sleep(0)  # the transport closes its socket in the loop's next turn
        return
    raise error


async def _resolved(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _not_resolved(host: str, error: OSError, *, of: str = "") -> Outcome:
    if error.errno == socket.EAI_AGAIN:
        return failed(
            f"the name server does not answer, so the name {host} {of}cannot be looked up",
            "check this machine's DNS settings (/etc/resolv.conf) and its network",
        )
    return failed(
        f"the host name {host} {of}does not exist",
        "correct the address; if this machine resolves only internal names, set network.proxy",
    )


def _why(error: OSError) -> str:
    """What an address does instead of answering, as a predicate."""
    if isinstance(error, ConnectionRefusedError):
        return "refuses the connection"
    if isinstance(error, TimeoutError):
        return f"does not answer within {_CONNECT_SECONDS:g} seconds"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "breaks the connection off"
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else type(error).__name__
    return f"cannot be reached ({reason})"


def _connection_fix(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "check host and port, and whether the service runs there"
    return "let the firewall permit connections to this host, or set network.proxy if the network has one"


def _untrusted(host: str, error: ssl.SSLCertVerificationError) -> Outcome:
    code, said = error.verify_code, error.verify_message
    if code in (_OTHER_HOST, _OTHER_ADDRESS):
        return failed(
            f"the certificate is for another name than {host}",
            "correct the address; if it is right, something in between answers in the host's place",
        )
    if code == _EXPIRED:
        return failed(
            f"the certificate of {host} has expired, or this machine's clock is ahead",
            "check the clock first (date -u); else the certificate has to be renewed on the other side",
        )
    if code == _NOT_YET_VALID:
        return failed(
            f"the certificate of {host} is not valid yet: this machine's clock is behind",
            "synchronise the clock (NTP)",
        )
    if code in _UNKNOWN_ISSUER:
        return failed(
            f"the certificate of {host} is signed by an authority that this machine does not know ({said})",
            "if a proxy of yours inspects TLS, put its authority into network.ca_bundle; else install ca-certificates",
        )
    return failed(
        f"the certificate of {host} is not accepted ({said})", "let the other side renew its certificate"
    )


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or "no reason given").replace("_", " ").lower()
