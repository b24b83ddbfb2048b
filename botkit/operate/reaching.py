"""Checks of the way to an address: the host's name, the connection, TLS."""

from __future__ import annotations

from collections.abc import Sequence

from botkit.checks import Check


def reaching(url: str, group: str) -> Sequence[Check]:
    """The checks of the way to `url`, named ``<group>.dns``, ``<group>.connection`` and ``<group>.tls``."""
    return ()
