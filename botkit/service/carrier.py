"""The carrier of handlers that read from the platform. Its library is imported at the first read, because that is slow."""

from __future__ import annotations

from collections.abc import Iterable

from botkit.handlers.reads import Carrier
from botkit.http.network import Network


def open_carrier(*, allowed_hosts: Iterable[str] | None, insecure_http: bool, network: Network) -> Carrier:
    """A carrier for one thread; see `botkit.http.carriers.SyncTransport`."""
    from botkit.http.carriers import SyncTransport

    return SyncTransport(allowed_hosts=allowed_hosts, insecure_http=insecure_http, network=network)
