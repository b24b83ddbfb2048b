"""How BotKit leaves the machine: a proxy, the hosts that are reached without it, certificates, and the version of HTTP.

The certificate authorities are always those of the system (OpenSSL's own locations, which the variables ``SSL_CERT_FILE`` and
``SSL_CERT_DIR`` move); a bundle adds to them and replaces none. Both carriers use the same ones.
"""

from __future__ import annotations

import base64
import ipaddress
import re
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal
from urllib.parse import unquote_to_bytes, urlsplit

from botkit.errors import UnusableValue

_PROXY_FIX = (
    "write http://host:port, or http://user:password@host:port with special characters percent-encoded"
)
_EXEMPT_FIX = "write a host, .domain, an address or 10.0.0.0/8, each with :port if only that port is meant"
_MAX_PASSWORD_BYTES = 1_024
"""Of OpenSSL, for keys."""
_LABELS = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")
_DEFAULT_PORT = {"http": 80, "https": 443}
_IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy. `authorization` is the value of its ``Proxy-Authorization`` header, empty without a user.

    `setting` is what has its address, for messages.
    """

    host: str
    port: int
    authorization: str = field(default="", repr=False)
    setting: str = field(default="network.proxy", compare=False)

    @property
    def url(self) -> str:
        """The proxy's address without user and password."""
        return f"http://{_bracketed(self.host)}:{self.port}"

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers for the proxy itself, which the server behind it must not see."""
        return {"Proxy-Authorization": self.authorization} if self.authorization else {}


@dataclass(frozen=True, slots=True)
class Exemption:
    """One entry of `network.no_proxy`. Exactly one of `host`, `suffix` and `addresses` is set; port 0 is every port."""

    host: str = ""
    suffix: str = ""
    addresses: _IpNetwork | None = None
    port: int = 0

    def __str__(self) -> str:
        where = self.host or (f"*{self.suffix}" if self.suffix else str(self.addresses))
        return f"{_bracketed(where)}:{self.port}" if self.port else where

    def covers(self, host: str, port: int) -> bool:
        """Whether this host, in lower case and without brackets, is reached without the proxy."""
        if self.port not in (0, port):
            return False
        if self.addresses is None:
            return host == self.host if self.host else host.endswith(self.suffix)
        try:
            return ipaddress.ip_address(host) in self.addresses
        except ValueError:  # a name; it is not looked up
            return False


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """BotKit's own certificate, for servers that ask for one: PEM files, and the password of the key's file."""

    certificate: Path
    key: Path
    password: str = field(default="", repr=False)


HttpVersion = Literal["1.1", "2"]


@dataclass(frozen=True, slots=True)
class Network:
    """The settings of all outgoing connections. Without arguments: no proxy, and the system's certificate authorities.

    Attributes:
        proxy: the proxy of all calls, streams and long polls.
        no_proxy: the hosts that are reached without it.
        ca_bundle: a PEM file of certificate authorities that are trusted in addition to the system's.
        client: the client certificate, for servers and proxies that ask for one.
        http_version: ``2`` is offered within TLS, and spoken with servers that take it; one connection then carries a hundred
            calls or event streams. The requests library always speaks 1.1.
    """

    proxy: Proxy | None = None
    no_proxy: tuple[Exemption, ...] = ()
    ca_bundle: Path | None = None
    client: ClientCertificate | None = None
    http_version: HttpVersion = "1.1"

    def proxy_of(self, url: str) -> Proxy | None:
        """The proxy on the way to an ``http(s)`` URL; None for a direct connection."""
        if self.proxy is None:
            return None
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        port = parts.port or _DEFAULT_PORT.get(parts.scheme, 0)
        return None if any(exempt.covers(host, port) for exempt in self.no_proxy) else self.proxy

    def ssl_context(self, *, offers_http2: bool = False) -> ssl.SSLContext:
        """What checks the certificates of servers. Contexts are shared: do not change one."""
        return _ssl_context(
            self.ca_bundle, self.client, ("h2", "http/1.1") if offers_http2 else ("http/1.1",)
        )


DIRECT = Network()
"""No proxy, and the system's certificate authorities alone."""


def parse_proxy(text: str) -> Proxy:
    """A proxy from ``http://[user:password@]host:port``.

    Raises:
        UnusableValue: no proxy can be there. Neither text of it shows the value, which may hold a password.
    """
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise UnusableValue("is not a proxy's address", _PROXY_FIX) from None
    if parts.scheme == "https":
        what = "is a proxy that is spoken to in https, which this version cannot"
        raise UnusableValue(
            what, "use the proxy's http:// address; calls to https hosts stay encrypted in it"
        )
    if parts.scheme.startswith("socks"):
        raise UnusableValue("is a SOCKS proxy, which this version cannot use", "name an HTTP proxy")
    if parts.scheme != "http" or not _is_host(host) or parts.path.strip("/") or parts.query or parts.fragment:
        raise UnusableValue("is not a proxy's address", _PROXY_FIX)
    if not port:
        raise UnusableValue("names no port", "add the proxy's port, such as http://proxy.example:3128")
    try:
        return Proxy(host, port, _basic(parts.username, parts.password))
    except UnicodeEncodeError:
        raise UnusableValue("has a user or a password that is no text", _PROXY_FIX) from None


def parse_exemption(text: str) -> Exemption:
    """One entry of `network.no_proxy`: ``host``, ``.domain`` (every host below it), an address or a range of addresses.

    Raises:
        UnusableValue: it is none of these.
    """
    entry = text.strip().lower()
    if (addresses := _addresses(entry.strip("[]"))) is not None:
        return Exemption(addresses=addresses)
    name, mark, port = entry.rpartition(":")
    if not mark:
        name, port = entry, "0"
    elif not port.isdecimal() or not 0 < int(port) < 65_536:
        raise UnusableValue("is not a host", _EXEMPT_FIX)
    if (addresses := _addresses(name.strip("[]"))) is not None:
        return Exemption(addresses=addresses, port=int(port))
    if not _LABELS.fullmatch(name.removeprefix(".")):
        raise UnusableValue("is not a host", _EXEMPT_FIX)
    if name.startswith("."):
        return Exemption(suffix=name.rstrip("."), port=int(port))
    return Exemption(host=name.rstrip("."), port=int(port))


def parse_ca_bundle(path: Path) -> Path:
    """The path itself, if OpenSSL finds certificate authorities in the file.

    Raises:
        UnusableValue: it does not.
    """
    _refuse_what_is_no_file(path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise UnusableValue(
            "is not a PEM file of certificates", "write -----BEGIN CERTIFICATE----- blocks into it"
        ) from None
    except OSError as error:
        raise UnusableValue(
            f"cannot be read: {error.strerror}", "correct the path; it is relative to this file"
        ) from None
    if not context.cert_store_stats()["x509_ca"]:
        what, fix = (
            "has no certificate of an authority",
            "add the certificate that signed the server's, not the server's own",
        )
        raise UnusableValue(what, fix)
    return path


def parse_client_certificate(client: ClientCertificate) -> ClientCertificate:
    """Return the certificate if its files belong together.

    Raises:
        UnusableValue: a file cannot be read, the password does not open the key, or the key is another certificate's.
    """
    _refuse_what_is_no_file(client.certificate)
    _refuse_what_is_no_file(client.key)
    if len(client.password.encode()) > _MAX_PASSWORD_BYTES:
        what = f"has a key whose password is longer than {_MAX_PASSWORD_BYTES:,} bytes"
        raise UnusableValue(what, "name in network.client_key_password the password, not the key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_cert_chain(client.certificate, client.key, client.password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise UnusableValue("has another certificate's key", "name the key of this certificate") from None
        if client.password:
            fix = "correct network.client_key_password, or write PEM blocks of a certificate and its key"
        else:
            fix = "write PEM blocks of a certificate and its key; an encrypted key needs network.client_key_password"
        raise UnusableValue("cannot be used as a certificate with its key", fix) from None
    except OSError as error:
        raise UnusableValue(
            f"cannot be read: {error.strerror}", "correct the path, or that of network.client_key"
        ) from None
    return client


def from_environment(environ: Mapping[str, str]) -> tuple[Proxy | None, tuple[Exemption, ...]]:
    """Proxy and exemptions of the usual variables: ``https_proxy``, else ``all_proxy``, and ``no_proxy``; small letters first.

    In ``no_proxy`` a host stands for itself and all hosts below it, and ``*`` for every host, as in curl.

    Raises:
        UnusableValue: the proxy cannot be used; `what` names the variable.
    """
    name, text = _first(environ, "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
    if not text:
        return None, ()
    if "://" not in text:
        text = f"http://{text}"
    try:
        proxy = parse_proxy(text)
    except UnusableValue as unusable:
        raise UnusableValue(f"the variable {name} {unusable.what}", unusable.fix) from None
    _, exempt = _first(environ, "no_proxy", "NO_PROXY")
    entries = [entry for entry in re.split(r"[\s,]+", exempt) if entry]
    proxy = replace(proxy, setting=f"the variable {name}")
    return (None, ()) if "*" in entries else (proxy, tuple(_of_environment(entries)))


def _of_environment(entries: Iterable[str]) -> Iterable[Exemption]:
    for entry in entries:
        try:
            exempt = parse_exemption(entry.removeprefix("*"))
        except UnusableValue:  # other programs read the variable, too, and some understand more
            continue
        host = exempt.host or exempt.suffix.removeprefix(".")
        if host:
            yield Exemption(host=host, port=exempt.port)
            yield Exemption(suffix=f".{host}", port=exempt.port)
        else:
            yield exempt


def _refuse_what_is_no_file(path: Path) -> None:
    """Reading a pipe waits for a writer, and its content can be read only once."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise UnusableValue(f"names {path.name}, which is not a regular file", "write the path of a PEM file")


def _first(environ: Mapping[str, str], *names: str) -> tuple[str, str]:
    return next(((name, text) for name in names if (text := environ.get(name, "").strip())), ("", ""))


def _basic(user: str | None, password: str | None) -> str:
    if user is None:
        return ""
    pair = b"%b:%b" % (unquote_to_bytes(user), unquote_to_bytes(password or ""))
    return f"Basic {base64.b64encode(pair).decode('ascii')}"


def _addresses(text: str) -> _IpNetwork | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _is_host(host: str) -> bool:
    return _addresses(host) is not None if ":" in host else _LABELS.fullmatch(host) is not None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@lru_cache(maxsize=8)
def _ssl_context(
    ca_bundle: Path | None, client: ClientCertificate | None, protocols: tuple[str, ...]
) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(list(protocols))
    if ca_bundle is not None:
        context.load_verify_locations(cafile=ca_bundle)
    if client is not None:
        context.load_cert_chain(client.certificate, client.key, client.password)
    return context
