"""The section `network` of `botkit.yaml`: the way out of this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from botkit.config.validation import Checked
from botkit.errors import UnusableValue
from botkit.http.network import (
    ClientCertificate,
    Network,
    from_environment,
    parse_ca_bundle,
    parse_client_certificate,
    parse_exemption,
    parse_proxy,
)


def check_network(server: Checked, environ: Mapping[str, str]) -> None:
    """Report what is wrong in the section. The proxy's address may hold a password, so it is never shown."""
    section = server.under("network")
    proxy = section.text("proxy")
    if proxy:
        _try(section, "proxy", lambda: parse_proxy(proxy))
    section.try_parse(parse_exemption, "no_proxy")
    if (bundle := _file(section, "ca_bundle")) is not None:
        _try(section, "ca_bundle", lambda: parse_ca_bundle(bundle))
    if (client := _client(section)) is not None:
        _try(section, "client_certificate", lambda: parse_client_certificate(client))
    for key in ("client_key", "client_key_password"):
        if client is None and section.text(key):
            section.complain((key,), "belongs to no certificate", "set network.client_certificate")
    if isinstance(version := section.at("http_version"), float) and version == 2.0:  # To a schema it is a 2.
        section.complain(("http_version",), "is 2.0, which is not a version of HTTP", 'write 2 or "2"')
    if section.at("proxy_from_environment") is not True:
        return
    if proxy:
        what = "is true beside a proxy of this file"
        section.complain(("proxy_from_environment",), what, "remove one of the two")
    else:
        _try(section, "proxy_from_environment", lambda: from_environment(environ))


def network_settings(server: Checked, environ: Mapping[str, str]) -> Network:
    """The settings of a section without problems."""
    section = server.under("network")
    exempt = tuple(parse_exemption(entry) for entry in section.items("no_proxy") if isinstance(entry, str))
    address = section.text("proxy")
    proxy = parse_proxy(address) if address else None
    if section.at("proxy_from_environment") is True:
        proxy, of_environment = from_environment(environ)
        exempt += of_environment
    return Network(
        proxy=proxy,
        no_proxy=exempt,
        ca_bundle=_file(section, "ca_bundle"),
        client=_client(section),
        http_version="2" if str(section.at("http_version")) == "2" else "1.1",
    )


def described(network: Network) -> list[str]:
    """What differs from direct connections with the system's authorities: one line each, without passwords."""
    lines = []
    if network.proxy is not None:
        login = " with a login" if network.proxy.authorization else ""
        lines.append(f"everything goes through the proxy {network.proxy.url}{login}")
    if network.proxy is not None and network.no_proxy:
        lines.append(f"except what goes to {', '.join(map(str, network.no_proxy))}")
    if network.ca_bundle is not None:
        lines.append(f"servers are trusted whose authority is in {network.ca_bundle}, or the system knows")
    if network.client is not None:
        lines.append(f"servers that ask for a certificate get that of {network.client.certificate}")
    if network.http_version == "2":
        lines.append("HTTP/2 is spoken with servers that offer it, HTTP/1.1 with others")
    return lines


def _client(section: Checked) -> ClientCertificate | None:
    certificate = _file(section, "client_certificate")
    if certificate is None:
        return None
    key = _file(section, "client_key") or certificate
    return ClientCertificate(certificate, key, section.text("client_key_password") or "")


def _file(section: Checked, key: str) -> Path | None:
    name = section.text(key)
    return (section.file.parent / name).absolute() if name else None


def _try(section: Checked, key: str, parse: Callable[[], object]) -> None:
    try:
        parse()
    except UnusableValue as unusable:
        section.complain((key,), unusable.what, unusable.fix)
