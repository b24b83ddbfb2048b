"""The connections that have brought no hook with a valid token yet, and which of them go when there are too many.

Anybody who can reach the port can open connections and send nothing. A limit that refuses the newest connection would let them
shut out all others. Instead the oldest stranger is closed: a client that sends its request at once is answered long before it is
the oldest. Connections on which a hook was admitted are the platform's, or its proxy's, and stay.
"""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address
from typing import Generic, TypeVar

C = TypeVar("C")
_BITS_OF_A_HOST = 64
"""An IPv6 host chooses the last 64 bits of its address freely (RFC 4291, 2.5.1), so they tell nobody apart."""


class Strangers(Generic[C]):
    """The strangers among the connections of one server, by their clients' addresses."""

    def __init__(self) -> None:
        self._networks: OrderedDict[C, str] = OrderedDict()
        """The oldest first."""
        self._of: dict[str, OrderedDict[C, None]] = {}

    def __contains__(self, connection: C) -> bool:
        return connection in self._networks

    def add(self, connection: C, address: str) -> int:
        """A connection from this address was opened. Returns the number of strangers from there."""
        network = network_of(address)
        self._networks[connection] = network
        of_network = self._of.setdefault(network, OrderedDict())
        of_network[connection] = None
        return len(of_network)

    def remove(self, connection: C) -> None:
        """The connection is closed, or known. Has no effect if it is no stranger."""
        network = self._networks.pop(connection, None)
        if network is None:
            return
        of_network = self._of[network]
        del of_network[connection]
        if not of_network:
            del self._of[network]

    def oldest(self) -> C | None:
        """The oldest of all, if there is one."""
        return next(iter(self._networks), None)

    def oldest_beside(self, connection: C) -> C:
        """The oldest from the same address as a stranger; that may be itself."""
        return next(iter(self._of[self._networks[connection]]))


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or the network of an IPv6 one."""
    if ":" not in address:
        return address
    try:
        number = IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if number.ipv4_mapped is not None:
        return str(number.ipv4_mapped)
    return str(IPv6Address(int(number) >> _BITS_OF_A_HOST << _BITS_OF_A_HOST))
