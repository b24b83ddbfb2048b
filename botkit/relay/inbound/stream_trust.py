"""How far the streams of one agent system can be relied on to bring every event in order.

The list decides the order of what the user reads; reading it for every message would cost as much as polling. So it is read where
there is a doubt. A doubt that is never right costs reads for nothing and is ignored after a while: whether the ids of a stream
leave gaps in ordinary operation is not documented (docs/protocols/salesforce-miaw.md, 4.5). If a stream misses an event without a
doubt, no stream of its system is trusted for some minutes: the list is read before every message.
"""

from __future__ import annotations

from botkit.boottime import BootTime
from botkit.observability.events import get_logger

_log = get_logger("botkit.relay")

READS_PER_SECOND = 30
"""Max reads in a second, of lists and of batches of events: messages do not wait for checks."""
READS_PER_SECOND_IN_DOUBT = 250
DOUBT_SECONDS = 600.0
"""How long the streams are not trusted after one has missed an event."""
WASTED_READS = 500
"""So many reads in a row for nothing show that a doubt is none. At one event in a hundred missed, the chance of such a row by
accident is below 1 %."""


class StreamTrust:
    """What the streams of one agent system of one bot have missed. Lives on the relay's loop."""

    def __init__(self, *, bot_id: str, system: str) -> None:
        self._bot_id = bot_id
        self._system = system
        self._doubted_until = 0.0
        self._wasted: dict[str, int] = {}
        self._reads_left = float(READS_PER_SECOND)
        self._counted_at = 0.0

    def is_lost(self, now: BootTime) -> bool:
        """Whether a stream has missed an event lately, so that the list is read before every message."""
        return now < self._doubted_until

    def heeds(self, doubt: str) -> bool:
        """Whether the list is read for a doubt of this name."""
        return self._wasted.get(doubt, 0) < WASTED_READS

    def resolved(self, doubt: str, *, rightly: bool) -> None:
        """The list was read for this doubt. `rightly`: it had a message that the stream should have brought before."""
        self._wasted[doubt] = 0 if rightly else self._wasted.get(doubt, 0) + 1

    def missed(self, now: BootTime, why: str) -> None:
        """A stream brought a message late, or not at all, and no doubt told of it."""
        if not self.is_lost(now):
            _log.warning("stream_missed_messages", bot=self._bot_id, system=self._system, why=why)
        self._doubted_until = now + DOUBT_SECONDS
        self._wasted.clear()

    def arrived(self, now: BootTime) -> None:
        """Events arrived on a stream: there is one read less to spend."""
        self._reads_left = max(self._refilled(now) - 1, -float(READS_PER_SECOND))

    def may_check(self, now: BootTime, *, price: float) -> bool:
        """Whether a list may be read now without a doubt; True uses up so many reads as `price` says, or one while it is lost."""
        self._reads_left = self._refilled(now)
        price = 1 if self.is_lost(now) else price
        if self._reads_left < price:
            return False
        self._reads_left -= price
        return True

    def _refilled(self, now: BootTime) -> float:
        rate = float(READS_PER_SECOND_IN_DOUBT if self.is_lost(now) else READS_PER_SECOND)
        passed, self._counted_at = max(0.0, now - self._counted_at), now
        return min(rate, self._reads_left + passed * rate)
