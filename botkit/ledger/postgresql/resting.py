"""How long an owner lets hooks come together: fewer and larger rounds take less processor time where there are many."""

from __future__ import annotations

TIMES = 5
"""After several hooks that came together, it waits for so many times as long as they took. One that comes alone does not wait."""
MAX_SECONDS = 0.015


def rest_after(hooks: int, seconds: float) -> float:
    """For how long to wait after a round with so many hooks that took so long."""
    return min(MAX_SECONDS, TIMES * seconds) if hooks > 1 else 0.0
