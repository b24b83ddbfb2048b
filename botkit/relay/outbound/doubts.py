"""Doubts: whether a message reached the user although its attempt was not answered. The platform's own history tells.

It is asked before such a message is sent again. A message that stands there was delivered. One that does not is sent again, and
looked for once more when the repetition has been answered. Where the history cannot tell, each repetition is counted.

Of a message that the platform has from BotKit alone, standing in the history is proof. A bot's own message may stand there before
it is shown, so only its absence tells anything, or that it was not there at first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from botkit.errors import CallError, Unreachable
from botkit.handoff.effects import OutboundEffect, SendToUser
from botkit.ledger.interface import OutboxItem
from botkit.observability.events import get_logger
from botkit.observability.failures import failure_of
from botkit.relay.clock import Clock
from botkit.relay.journal import Journal
from botkit.relay.metrics import RelayMetrics
from botkit.relay.outbound.circuit_breaker import CircuitBreaker
from botkit.relay.outbound.keys import request_id
from botkit.relay.outbound.retry_policy import is_in_history

_log = get_logger("botkit.relay")

LAG_SECONDS = 1.0
"""How long after a connection that broke the history has what was sent over it."""
READABLE_SECONDS = 10.0
"""Max wait for a history that cannot be read at the moment."""
_SLOWEST_LOOK_SECONDS = 2.0
_MAX_ASKING = 16
"""Max questions in progress."""
_REFUSED_SECONDS = 60.0
"""How long a bot whose history is refused is not asked again."""
_FORBIDDEN = 403
"""The app may not read histories, although its other calls are accepted."""


class Verdict(Enum):
    """What follows from the history."""

    ARRIVED = auto()
    REPEAT = auto()
    LATER = auto()
    """Look once more, after `Doubt.look_again_in` seconds."""


@dataclass(slots=True)
class Doubt:
    """One effect of which earlier attempts may have arrived."""

    attempts: int = 1
    """The number of those attempts; of a former process' at least one."""
    settles_at: float = 0.0
    """From then on, what does not stand in the history has not arrived."""
    readable_until: float = 0.0
    """Until then, a history that cannot be read is asked again."""
    before: int | None = None
    """How often the same message stood in the history before."""
    silent: bool = False
    """The platform has kept an attempt waiting, so nobody knows how long it may take over it: each repetition counts."""
    looks: int = 0
    counted: int = 0
    """The possible repetitions that are counted already."""
    counts: bool = False
    """The next attempt is counted as a possible repetition, unless nobody takes it."""

    @property
    def look_again_in(self) -> float:
        """Seconds until the next look."""
        return min(_SLOWEST_LOOK_SECONDS, LAG_SECONDS * 2.0 ** (self.looks - 1))


@dataclass(slots=True, kw_only=True, eq=False)
class Doubts:
    """Settles doubts. Lives on one loop.

    Args:
        times_shown: how often the message of an effect stands at the end of the user's history; see `gateways.Platform`.
        journal: names the user in logs.
        metrics: counts possible repetitions.
        clock: the time.
    """

    times_shown: Callable[[OutboxItem], Awaitable[int | None]]
    journal: Journal
    metrics: RelayMetrics
    clock: Clock
    _asking: asyncio.Semaphore = field(init=False, default_factory=lambda: asyncio.Semaphore(_MAX_ASKING))
    _refused_until: dict[str, float] = field(init=False, default_factory=dict)

    def of_former_process(self, item: OutboxItem, *, silent_seconds: float) -> Doubt:
        """Of an effect that a former process may have carried out. `silent_seconds`: as in `again`, if it was attempted."""
        now, waits = self.clock.boottime(), silent_seconds if item.in_doubt == "attempted" else 0.0
        return Doubt(silent=waits > 0, settles_at=now + waits, readable_until=now + waits + READABLE_SECONDS)

    def again(self, item: OutboxItem, doubt: Doubt | None, *, silent_seconds: float) -> Doubt:
        """An attempt has failed, and may have arrived.

        Args:
            item: the effect.
            doubt: that of its earlier attempts, if there is one.
            silent_seconds: how long the platform has kept the attempt waiting: it may still carry it out in as long a time.
        """
        if doubt is None:
            doubt = Doubt()
        else:
            doubt.attempts += 1
            doubt.counts = False
        doubt.silent = doubt.silent or silent_seconds > 0
        doubt.settles_at = self.clock.boottime() + max(LAG_SECONDS, silent_seconds)
        doubt.readable_until = doubt.settles_at + READABLE_SECONDS
        doubt.looks = 0
        return doubt

    def would_be_settled(self, item: OutboxItem) -> bool:
        """Whether a doubt about this message most likely would be settled: the history would tell whether it has arrived."""
        return _is_known_from_us_alone(item.effect) and item.conversation_id.bot_id not in self._refused_until

    async def look(self, item: OutboxItem, doubt: Doubt, breaker: CircuitBreaker) -> Verdict:
        """Whether an effect has to be attempted again."""
        found = await self._ask(item, breaker) if is_in_history(item.effect) else None
        now = self.clock.boottime()
        doubt.looks += 1
        if isinstance(found, CallError):
            return Verdict.LATER if now < doubt.readable_until else self._repeat(item, doubt, unsure=True)
        if found is None:
            return self._repeat(item, doubt, unsure=True)
        if doubt.before is None:
            doubt.before = 0 if _is_known_from_us_alone(item.effect) else found
        if found > doubt.before:
            self._count(item, doubt, max(doubt.attempts, found - doubt.before) - 1)
            return Verdict.ARRIVED
        if now < doubt.settles_at:
            return Verdict.LATER
        return self._repeat(item, doubt, unsure=doubt.silent or doubt.before > 0)

    async def repeated(self, item: OutboxItem, doubt: Doubt, breaker: CircuitBreaker) -> None:
        """A repetition was accepted: count it, unless it is counted already or the message stands in the history once."""
        if doubt.counts:
            return
        found, before = await self._ask(item, breaker), doubt.before or 0
        if isinstance(found, int) and found > before:
            self._count(item, doubt, found - before - 1)
        else:  # It does not show what the user was shown just now.
            self._count(item, doubt, doubt.counted + 1)

    def given_up(self, item: OutboxItem, doubt: Doubt) -> None:
        """It is not attempted any more: the attempts so far may all have arrived."""
        self._count(item, doubt, doubt.attempts - 1)

    def _repeat(self, item: OutboxItem, doubt: Doubt, *, unsure: bool) -> Verdict:
        """It is sent again. What may be a repetition is counted before: the process may die in between."""
        if unsure and not doubt.counts:
            self._count(item, doubt, doubt.counted + 1)
        doubt.counts = unsure
        return Verdict.REPEAT

    async def _ask(self, item: OutboxItem, breaker: CircuitBreaker) -> int | CallError | None:
        """The number; an error for which asking again may help; None if it does not."""
        bot_id = item.conversation_id.bot_id
        if self.clock.boottime() < self._refused_until.get(bot_id, 0.0):
            return None
        async with self._asking:
            try:
                found = await self.times_shown(item)
            except CallError as error:
                if isinstance(error, Unreachable):
                    breaker.unreachable(self.clock.boottime(), failure_of(error))
                elif error.status is not None:
                    breaker.reached(works=not error.retryable)
                self.journal.history_unreadable(item, error)
                if error.retryable and error.status != _FORBIDDEN:
                    return error
                if error.status is not None:
                    self._refused_until[bot_id] = self.clock.boottime() + _REFUSED_SECONDS
                return None
        breaker.reached()
        self._refused_until.pop(bot_id, None)
        return found

    def _count(self, item: OutboxItem, doubt: Doubt, total: int) -> None:
        """Count so many repetitions of the effect in all."""
        more = total - doubt.counted
        if more > 0:
            doubt.counted = total
            self.metrics.possible_duplicates(more)
            names = self.journal.names(item.conversation_id, self.journal.session_of(item))
            _log.info(
                "possible_duplicate", request_id=request_id(item), count=more, outbox_id=item.id, **names
            )


def _is_known_from_us_alone(effect: OutboundEffect) -> bool:
    """Whether only this effect can have brought its text into the history as the newest."""
    return isinstance(effect, SendToUser) and not effect.again
