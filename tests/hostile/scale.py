"""What of a house depends on how many conversations it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MOST_THROUGH_PROXIES = 3_000
"""With more users, the three open files of each event stream would be too many for one process."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How the processes of a house reach both far sides and the store, and how long the harness waits.

    Attributes:
        has_proxies: whether each link goes through a proxy, which can disturb it. Without proxies only processes are disturbed.
        ping_seconds: between two pings on an event stream.
        call_seconds: the time limit of a call; a black hole is noticed after it.
        patches: of the processes.
        open_seconds: until everybody must have an agent.
    """

    has_proxies: bool
    ping_seconds: float
    call_seconds: int
    patches: Sequence[str]
    open_seconds: float


CALL_SECONDS = 5
"""The time limit of a call where faults of links and far sides are injected."""
HUNDREDS = Scale(
    has_proxies=True,
    ping_seconds=3.0,
    call_seconds=CALL_SECONDS,
    patches=("short-silence",),
    open_seconds=300.0,
)
"""Silence is noticed soon."""
THOUSANDS = Scale(
    has_proxies=False,
    ping_seconds=15.0,
    call_seconds=10,
    patches=("patient-streams",),
    open_seconds=2_400.0,
)
"""Pings as rare as Salesforce's own: thousands of them a second would cost more than the messages. And patience with the emulated
sides, which are one process."""


def scale_of(conversations: int) -> Scale:
    """The scale of a house with so many users."""
    return HUNDREDS if conversations <= MOST_THROUGH_PROXIES else THOUSANDS
