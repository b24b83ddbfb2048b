"""How long a server asks us to wait: the Retry-After header, in seconds or as an HTTP date (RFC 9110, 10.2.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

MAX_SECONDS = 3_600.0
"""A server that asks for more gets this: the give-up time decides long before."""

_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?")


def retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """Seconds from `now` (epoch seconds) to wait, or None when the server did not say, or not understandably."""
    value = (headers.get("Retry-After") or headers.get("retry-after") or "").strip()
    if not value:
        return None
    if _SECONDS.fullmatch(value):
        return min(float(value), MAX_SECONDS)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return min(max(when.timestamp() - now, 0.0), MAX_SECONDS)
