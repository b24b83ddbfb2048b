"""The clock for durations and deadlines: it only goes forward, and also counts while the machine sleeps."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final, NewType

BootTime = NewType("BootTime", float)
"""Seconds since the machine was started."""

_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_id() -> str:
    """A name of this start of the machine: another one's seconds cannot be compared. Empty if the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def boottime() -> BootTime:
    """Seconds since the machine was started, with those in which it slept or this process was stopped."""
    return BootTime(time.clock_gettime(_CLOCK))
