"""Reads the dates of HTTP headers (RFC 9110, 5.6.7), as loosely as servers write them."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

_LONGEST = 100
"""Max characters of a date that is read."""


def epoch_seconds(value: str) -> float | None:
    """The time of a header's date in seconds since 1970, in UTC if it names no zone; None for anything that is no date."""
    if len(value) > _LONGEST:
        return None
    try:
        when = parsedate_to_datetime(value)
        return (when if when.tzinfo is not None else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):  # A year or an offset may have twenty digits.
        return None
