"""One effect on its way: attempts, waits between them, giving up, and the result that goes back to the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import get_args

import structlog

from botkit.errors import CallError, LedgerClosed, NotAuthorized, RateLimited, Unreachable
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.effects import (
    ADDRESSED_BY_PAYLOAD,
    CARRIES_HOOK,
    AgentEffect,
    CallUser,
    CallWithHook,
    HintEffect,
    OutboundEffect,
    PassToUser,
    SendFile,
    SendToUser,
)
from botkit.handoff.events import Event
from botkit.ledger.interface import Input, OutboxItem
from botkit.relay.backoff import Backoff
from botkit.relay.clock import Clock
from botkit.relay.ledger_client import LedgerClient
from botkit.relay.metrics import Outcome, RelayMetrics
from botkit.relay.outbound.circuit_breaker import CircuitBreaker
from botkit.relay.outbound.failures import SHOWS_USER, is_said_by_job, may_be_stale, what_failure_means
from botkit.relay.outbound.lanes import ParkItem, seen_through
from botkit.relay.outbound.payloads import Payloads
from botkit.relay.outbound.perform import Performer
from botkit.relay.outbound.retry_policy import level, retry_policy, tried_once

_log = structlog.get_logger("botkit.relay")

_NEEDS_PAYLOAD = (*ADDRESSED_BY_PAYLOAD, *get_args(HintEffect))
_SHOWN_TO_USER = (SendToUser, PassToUser)
_PAYLOAD_SECONDS = 3600.0
"""How long what is for the user waits for the user to write again, where nothing can be shown before."""
MAX_PARKED = 1_000
"""So much of what jobs say waits for users, of all users together; the rest is refused as before. It counts as undelivered, and
must not keep the store from taking hooks, or from being swept."""
_READING_AT_ONCE = 16
"""Attempts under way with a hook that was too much to be held in memory."""


@dataclass(slots=True)
class _DeliveryState:
    """How far one item has come."""

    conversation_id: ConversationId
    failures: int = 0
    asked: bool = False
    """An attempt was made that somebody could have answered."""
    payload: int = 0
    """Hash of the payload the last attempt was addressed by. Not the payload: thousands may wait, each for an hour."""
    stale: int | None = None
    """Hash of the payload that was refused with the effect, whichever of the two it was meant for."""
    rest: float | None = 0.0
    """Seconds until the next attempt; None: until a newer payload comes."""
    possible_duplicates: bool = False
    """An attempt may have been carried out without our hearing of it; counted once."""
    over: bool = False


class Delivery:
    """Carries out outbox items, each until it is delivered, refused or given up."""

    def __init__(
        self,
        *,
        performer: Performer,
        payloads: Payloads,
        submitter: LedgerClient,
        peer_of: Callable[[OutboxItem], CircuitBreaker],
        backoff_of: Callable[[OutboxItem], Backoff],
        clock: Clock,
        chance: Callable[[], float],
        metrics: RelayMetrics,
        settled: Callable[[OutboxItem, Outcome], None],
    ) -> None:
        self._performer = performer
        self._payloads = payloads
        self._submitter = submitter
        self._peer_of = peer_of
        self._backoff_of = backoff_of
        self._clock = clock
        self._chance = chance
        self._metrics = metrics
        self._settled = settled
        self._started = clock.now()
        self._reading = asyncio.Semaphore(_READING_AT_ONCE)
        self._resting: set[asyncio.Task[object]] = set()
        self._aside: dict[int, _DeliveryState] = {}
        """How far the items have come that stand aside."""
        self._closing = False

    async def deliver(self, item: OutboxItem) -> None:
        """Carry out one item; returns when its result is committed.

        Raises:
            GivesWay: it has to wait for the user, and nothing is to wait with it. The next call goes on from there.
            LedgerClosed: the service is stopping; the item is tried again by the next start.
        """
        way = self._aside.get(item.id)
        if way is None:
            await self._go(
                item, _DeliveryState(item.conversation_id), may_give_way=is_said_by_job(item.effect)
            )
            return
        try:
            await self._rest(item, way)
            await self._go(item, way, may_give_way=False)
        finally:
            del self._aside[item.id]

    def stands(self, item: OutboxItem) -> bool:
        """Whether an item that gave way waits for its user, who has not written since."""
        way = self._aside.get(item.id)
        return way is not None and self._stands(way)

    def _stands(self, way: _DeliveryState) -> bool:
        return way.rest is None and not self._payloads.newer_is_at_hand(way.conversation_id, than=way.stale)

    def _others_go_on(self, item: OutboxItem) -> bool:
        """Whether the user has written, and what stood aside of this conversation is on its way again."""
        return any(
            way.conversation_id == item.conversation_id and not self._stands(way)
            for way in self._aside.values()
        )

    async def _go(self, item: OutboxItem, way: _DeliveryState, *, may_give_way: bool) -> None:
        peer = self._peer_of(item)
        while not way.over:
            # What the breaker held back until patience was over is tried all the same, once: the other side may be back.
            if peer.may_try(self._clock.now()) or (not way.asked and self._deadline_passed(item)):
                await self._try(item, way, peer)
            else:
                detail = "nobody answers there at present"
                await self._failed(item, way, Unreachable(kind_of(item.effect), detail=detail))
            if not way.over:
                # In no frame is the error left by now: it would keep the request in memory, and with it a hook's body.
                if way.rest is not None or not may_give_way:
                    await self._rest(item, way)
                if may_give_way and (way.rest is None or self._others_go_on(item)):
                    self._aside[item.id] = way
                    raise ParkItem

    def close(self) -> None:
        """Nothing is tried again from now on: what failed is left to the next start."""
        self._closing = True
        for task in self._resting:
            task.cancel()

    async def _rest(self, item: OutboxItem, way: _DeliveryState) -> None:
        """Let time pass until the next attempt is due, or a newer payload has come."""
        with self._at_rest():
            if way.rest is not None:
                await self._clock.sleep(way.rest)
                way.rest = 0.0
                return
            until = Instant(self._since(item) + _PAYLOAD_SECONDS)
            if await self._payloads.newer(item.conversation_id, than=way.stale, until=until):
                way.asked, way.rest = False, 0.0
                return
        way.over = True
        await self._fail(
            item, Unreachable(kind_of(item.effect), detail="the user has not written for an hour")
        )

    @contextmanager
    def _at_rest(self) -> Iterator[None]:
        if self._closing:
            raise LedgerClosed("the service is stopping; the next start tries again")
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("deliver() runs in a task of its own")
        self._resting.add(task)
        try:
            yield
        finally:
            self._resting.discard(task)

    async def abandon(self, item: OutboxItem, error: BaseException) -> None:
        """Settle an item whose delivery broke with an error that is no `CallError`: a defect, here or in a plug-in."""
        event = await self._performer.after_failure(item, what_failure_means(item.effect, None))
        await self._settle(item, event, "broken")

    async def _try(self, item: OutboxItem, way: _DeliveryState, peer: CircuitBreaker) -> None:
        try:
            result = await self._attempt(item, way)
        except CallError as error:
            # A system that keeps its own pace has asked nobody.
            if not isinstance(error, RateLimited) or error.status is not None:
                way.asked = True
                if not isinstance(error, Unreachable):
                    peer.reached()
                elif not isinstance(item.effect, SendFile):  # It asks two sides: which one was it?
                    peer.unreachable(self._clock.now())
            await self._failed(item, way, error)
            return
        peer.reached()
        way.over = True
        await self._settle(item, result, "delivered")

    async def _attempt(self, item: OutboxItem, way: _DeliveryState) -> Event | None:
        hook = item.hook
        if hook is None:
            if isinstance(item.effect, CARRIES_HOOK):
                async with self._reading:
                    return await self._performer.perform(item, await self._payloads.own(item))
            if isinstance(item.effect, _NEEDS_PAYLOAD):
                hook = await self._payloads.newest(item.conversation_id)
                way.payload = hash(hook)
        if not seen_through(item.effect):
            return await self._performer.perform(item, hook)
        attempt = asyncio.ensure_future(self._performer.perform(item, hook))
        try:
            return await asyncio.shield(attempt)
        except asyncio.CancelledError:
            await asyncio.wait({attempt})
            if not attempt.cancelled():
                attempt.exception()  # Looked at: nobody else will.
            raise

    async def _failed(self, item: OutboxItem, way: _DeliveryState, error: CallError) -> None:
        """What follows from a failure: a rest, the wait for a newer payload, or the end of it."""
        way.failures += 1
        if way.stale is None and self._may_wait_for_user(item, error):
            way.stale, way.rest = way.payload, None
        else:
            way.rest = self._next_delay(item, way, error)
            if way.rest is None:
                way.over = True
                await self._fail(item, error)
                return
        if _perhaps_shown(item.effect, error) and not way.possible_duplicates:
            way.possible_duplicates = True
            self._metrics.possible_duplicates(1)
        self._metrics.effect_retried(kind_of(item.effect))
        log = _log.warning if isinstance(error, NotAuthorized) and way.failures == 1 else _log.info
        log(
            "effect_retry",
            outbox_id=item.id,
            effect=kind_of(item.effect),
            code=error.code,
            status=error.status,
            failures=way.failures,
        )

    def _may_wait_for_user(self, item: OutboxItem, error: CallError) -> bool:
        if not is_said_by_job(item.effect):
            return may_be_stale(item.effect, error)
        has_room = len(self._aside) < MAX_PARKED
        return (
            has_room and may_be_stale(item.effect, error) and self._payloads.are_renewed(item.conversation_id)
        )

    def _next_delay(self, item: OutboxItem, way: _DeliveryState, error: CallError) -> float | None:
        if not error.retryable or tried_once(item.effect):
            return None
        backoff, chance = self._backoff(item), self._chance()
        rest = backoff.next_attempt_in(
            way.failures,
            chance=chance,
            retry_after=error.retry_after,
            since=self._since(item),
            now=self._clock.now(),
        )
        if rest is None and not way.asked:
            return max(backoff.delay(way.failures, chance=chance), error.retry_after or 0.0)
        return rest

    def _since(self, item: OutboxItem) -> Instant:
        """From when on patience counts: what could not be tried before is no one's failure.

        This process has not been trying for longer than it has been there, and nothing reached a user whose newer payload
        was waited for.
        """
        since = max(item.created_at, self._started)
        if isinstance(item.effect, AgentEffect):
            return since
        return max(since, self._payloads.renewed_at(item.conversation_id) or since)

    def _deadline_passed(self, item: OutboxItem) -> bool:
        return self._clock.now() >= self._since(item) + self._backoff(item).give_up_after

    def _backoff(self, item: OutboxItem) -> Backoff:
        return retry_policy(item.effect, self._backoff_of(item))

    async def _fail(self, item: OutboxItem, error: CallError) -> None:
        outcome: Outcome = "gave_up" if error.retryable else "refused"
        getattr(_log, level(item.effect, error))(
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
        given = Input(item.conversation_id, event, completes=(item.id,))
        if await self._submitter.submit(given) is None and event is not None:
            await self._submitter.submit(Input(item.conversation_id, None, completes=(item.id,)))
        self._metrics.effect_done(kind_of(item.effect), outcome)
        self._settled(item, outcome)


def _perhaps_shown(effect: OutboundEffect, error: CallError) -> bool:
    shown = isinstance(effect, _SHOWN_TO_USER) or (
        isinstance(effect, CallWithHook | CallUser) and effect.call == SHOWS_USER
    )
    return shown and isinstance(error, Unreachable) and error.possible_duplicate


def kind_of(effect: OutboundEffect) -> str:
    """The effect's name in metrics and logs."""
    return type(effect).__name__
