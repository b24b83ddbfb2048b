"""The addresses that a host's name must not lead to: this machine, its own network segment, and metadata services of clouds.

A name of the configuration is resolved by a name server, which somebody else may control. One that resolves to a loopback or
link-local address would let BotKit talk to services that trust every program on the machine, such as a cloud's metadata service.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from botkit.errors import CallError, HostNotAllowed, Unreachable

_OF_METADATA = tuple(
    ip_network(network)
    for network in (
        "100.100.100.200",  # Alibaba
        "fd00:100::100:200",
        "168.63.129.16",  # Azure
        "fd00:ec2::/32",  # AWS: this and other services of an instance
        "fd20:ce::254",  # Google
        "fd00:42::42",  # Scaleway
        "192.0.0.192",  # Oracle
        "fd00:c1::a9fe:a9fe",
        "fd00:a9fe:a9fe::1",  # Akamai
    )
)
"""The metadata services of clouds at addresses that are not link-local, as most of them are."""
_NAT64 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
"""IPv4 addresses behind a gateway: RFC 6052, 2.1, and RFC 8215, 3. The address is in the last 32 bits."""


@lru_cache(maxsize=256)
def is_of_this_machine(address: str) -> bool:
    """Whether an IP address is a loopback, link-local, unspecified or metadata one, also as IPv4 within IPv6."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        found = _ipv4_within(found) or found
    if found.is_loopback or found.is_link_local or found.is_unspecified:
        return True
    return any(found in network for network in _OF_METADATA)


def _ipv4_within(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that packets to an IPv6 address reach: mapped, by 6to4, or behind NAT64."""
    if any(address in network for network in _NAT64):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def names_this_machine(host: str) -> bool:
    """Whether a host is such an address itself, or a name of this machine that no name server resolves (RFC 6761, 6.3)."""
    name = host.removeprefix("[").removesuffix("]").rstrip(".").lower()
    try:
        return is_of_this_machine(name)
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def refused(what: str, host: str, address: str) -> CallError:
    """The error of a call whose host has such an address.

    A name server that is being reloaded may answer so for a moment, so the call is repeated like one whose host was not found.
    """
    detail = f"{address}, an address of this machine or of its link, or a cloud's metadata service"
    fix = "correct the host or its entry in DNS; on a machine for tests, set security.insecure_http: true"
    if names_this_machine(host):
        return HostNotAllowed(what, detail=f"the host is {detail}", fix=fix)
    return Unreachable(what, detail=f"the host's name leads to {detail}", cause="dns", fix=fix)
