"""Durations as people write them: ``250ms``, ``2s``, ``10m``, ``1h``, or a number of seconds."""

from __future__ import annotations

import re
from datetime import timedelta

from botkit.errors import UnusableValue

_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
LONGEST = timedelta(days=365)


def parse_duration(value: str | float) -> timedelta:
    """The duration a text or a number of seconds says.

    Raises:
        UnusableValue: it is not a duration, or longer than a year.
    """
    how = "write 250ms, 2s, 10m, 1h or a number of seconds"
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip())
        if match is None:
            raise UnusableValue("is not a duration", how)
        seconds = float(match.group(1)) * _SECONDS[match.group(2) or "s"]
    else:
        seconds = float(value)
    if not 0 <= seconds <= LONGEST.total_seconds():
        raise UnusableValue("is not a duration BotKit can wait for", how)
    return timedelta(seconds=seconds)
