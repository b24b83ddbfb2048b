"""Limits of so many in so long (protocol section 6)."""

from __future__ import annotations

from collections import deque


def over_limit(times_ms: deque[int], limit: int | None, *, now_ms: int, window_ms: int) -> bool:
    """Whether one more is too many; if it is not, it is counted. Without a limit nothing is kept."""
    if limit is None:
        return False
    while times_ms and times_ms[0] <= now_ms - window_ms:
        times_ms.popleft()
    if len(times_ms) >= limit:
        return True
    times_ms.append(now_ms)
    return False
