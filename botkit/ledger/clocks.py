"""The times of day in a store go by clocks that may have been set since, or by those of other processes."""

from __future__ import annotations

from botkit.boottime import BootTime
from botkit.handoff.conversation import Instant
from botkit.handoff.record import Record


class ClockEra(Record, frozen=True):
    """The time between two settings of the clock: from `since` to `until`, the time of day was `ahead` of the clock for
    durations."""

    since: BootTime
    until: BootTime
    ahead: float

    def distance(self, at: BootTime) -> float:
        """Seconds between a time and this era; 0 if it lies in this era."""
        return max(self.since - at, at - self.until, 0.0)


class Clocks(Record, frozen=True):
    """What a store knows of the clocks by which its times of day were written.

    Attributes:
        former: the settings of this machine's clock from the machine's start until that of this process, oldest first.
        newest: the newest time of day that former processes have stored.
        server_ahead: the time of day by the clock of the store's own server, less this machine's clock for durations.
    """

    former: tuple[ClockEra, ...] = ()
    newest: Instant | None = None
    server_ahead: float | None = None
