"""Checks of this machine: the store, the disk, the limits of the process, the clock."""

from __future__ import annotations

from collections.abc import Sequence

from botkit.checks import Check
from botkit.config.settings import Settings


def machine_checks(settings: Settings) -> Sequence[Check]:
    """The checks that need no network, named ``machine.…``."""
    return ()
