"""One effect on its way: attempts, waits between them, giving up, and the result that goes back to the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from botkit.errors import CallError, LedgerClosed, Unreachable
from botkit.handoff.effects import ExtendRequest, OutboundEffect, TypingToAgent
from botkit.handoff.events import Event
from botkit.ledger.interface import Input, OutboxItem
from botkit.relay.backoff import Backoff
from botkit.relay.clock import Clock
from botkit.relay.failures import what_failure_means
from botkit.relay.lanes import seen_through
from botkit.relay.metrics import Outcome, RelayMetrics
from botkit.relay.peers import Peer
from botkit.relay.perform import Performer
from botkit.relay.submitting import Submitter

_log = structlog.get_logger("botkit.relay")

_TRIED_ONCE = (ExtendRequest, TypingToAgent)
"""Late is worse than never: the next extension is due in minutes, and typing is over in seconds."""


class Delivery:
    """Carries out outbox items, each until it is delivered, refused or given up."""

    def __init__(
        self,
        *,
        performer: Performer,
        submitter: Submitter,
        peer_of: Callable[[OutboxItem], Peer],
        backoff_of: Callable[[OutboxItem], Backoff],
        clock: Clock,
        chance: Callable[[], float],
        metrics: RelayMetrics,
        settled: Callable[[OutboxItem, Outcome], None],
    ) -> None:
        self._performer = performer
        self._submitter = submitter
        self._peer_of = peer_of
        self._backoff_of = backoff_of
        self._clock = clock
        self._chance = chance
        self._metrics = metrics
        self._settled = settled
        self._resting: set[asyncio.Task[object]] = set()
        self._closing = False

    async def deliver(self, item: OutboxItem) -> None:
        """Carry out one item; returns when its result is committed.

        Raises:
            LedgerClosed: the service is stopping; the item is tried again by the next start.
        """
        peer = self._peer_of(item)
        failures = 0
        while True:
            error: CallError
            if peer.may_try(self._clock.now()):
                try:
                    result = await self._attempt(item)
                except CallError as failed:
                    error = failed
                    if isinstance(failed, Unreachable):
                        peer.unreachable(self._clock.now())
                    else:
                        peer.reached()
                else:
                    peer.reached()
                    await self._settle(item, result, "delivered")
                    return
            else:
                error = Unreachable(kind_of(item.effect), detail="nobody answers there at present")
            failures += 1
            wait = self._wait_after(item, error, failures)
            if wait is None:
                await self._fail(item, error)
                return
            self._metrics.effect_retried(kind_of(item.effect))
            _log.info(
                "effect_retry",
                outbox_id=item.id,
                effect=kind_of(item.effect),
                code=error.code,
                status=error.status,
                failures=failures,
            )
            await self._rest(wait)

    def close(self) -> None:
        """Nothing is tried again from now on: what failed is left to the next start."""
        self._closing = True
        for task in self._resting:
            task.cancel()

    async def _rest(self, seconds: float) -> None:
        if self._closing:
            raise LedgerClosed("the service is stopping; the next start tries again")
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("deliver() runs in a task of its own")
        self._resting.add(task)
        try:
            await self._clock.sleep(seconds)
        finally:
            self._resting.discard(task)

    async def abandon(self, item: OutboxItem, error: BaseException) -> None:
        """Settle an item whose delivery broke with an error that is no `CallError`: a defect, here or in a plug-in."""
        event = await self._performer.after_failure(item, what_failure_means(item.effect, None))
        await self._settle(item, event, "broken")

    async def _attempt(self, item: OutboxItem) -> Event | None:
        if not seen_through(item.effect):
            return await self._performer.perform(item)
        attempt = asyncio.ensure_future(self._performer.perform(item))
        try:
            return await asyncio.shield(attempt)
        except asyncio.CancelledError:
            await asyncio.wait({attempt})
            if not attempt.cancelled():
                attempt.exception()  # Looked at: nobody else will.
            raise

    def _wait_after(self, item: OutboxItem, error: CallError, failures: int) -> float | None:
        if not error.retryable or isinstance(item.effect, _TRIED_ONCE):
            return None
        return self._backoff_of(item).next_attempt_in(
            failures,
            chance=self._chance(),
            retry_after=error.retry_after,
            since=item.created_at,
            now=self._clock.now(),
        )

    async def _fail(self, item: OutboxItem, error: CallError) -> None:
        outcome: Outcome = "gave_up" if error.retryable else "refused"
        log = _log.info if isinstance(item.effect, _TRIED_ONCE) else _log.error
        log(
            "effect_failed",
            outbox_id=item.id,
            effect=kind_of(item.effect),
            outcome=outcome,
            code=error.code,
            status=error.status,
            bot=item.conversation_id.bot_id,
        )
        event = await self._performer.after_failure(item, what_failure_means(item.effect, error))
        await self._settle(item, event, outcome)

    async def _settle(self, item: OutboxItem, event: Event | None, outcome: Outcome) -> None:
        given = Input(item.conversation_id, event, settles=(item.id,))
        if await self._submitter.submit(given) is None and event is not None:
            await self._submitter.submit(Input(item.conversation_id, None, settles=(item.id,)))
        self._metrics.effect_done(kind_of(item.effect), outcome)
        self._settled(item, outcome)


def kind_of(effect: OutboundEffect) -> str:
    """The effect's name in metrics and logs."""
    return type(effect).__name__
