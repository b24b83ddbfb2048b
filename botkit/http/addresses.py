"""The addresses that a host's name must not lead to: this machine itself, and its own network segment.

A name of the configuration is resolved by a name server, which somebody else may control. One that resolves to a loopback or
link-local address would let BotKit talk to services that trust whoever is on the machine, such as a cloud's metadata service.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from botkit.errors import HostNotAllowed


@lru_cache(maxsize=256)
def is_of_this_machine(address: str) -> bool:
    """Whether an IP address is a loopback, link-local or unspecified one, also as IPv4 within IPv6."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return found.is_loopback or found.is_link_local or found.is_unspecified


def refused(what: str, address: str) -> HostNotAllowed:
    """The error of a call whose host has such an address."""
    return HostNotAllowed(
        what,
        detail=f"the host is {address}, an address of this machine or of its link",
        fix="correct the host or its entry in DNS; on a machine for tests, set security.insecure_http: true",
    )
