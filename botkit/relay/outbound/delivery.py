"""The delivery of one outbox item: attempts, waits between them, giving up, and the result for the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast, get_args

from botkit.errors import CallError, LedgerClosed, RateLimited, Unreachable, UnreachableCause
from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.effects import (
    ADDRESSED_BY_PAYLOAD,
    CARRIES_HOOK,
    AgentEffect,
    HintEffect,
    OutboundEffect,
    SendFile,
)
from botkit.handoff.events import Event
from botkit.handoff.steps import Step
from botkit.http.retry import Backoff
from botkit.ledger.interface import Input, OutboxItem
from botkit.observability.failures import failure_of
from botkit.relay.clock import Clock
from botkit.relay.journal import Journal
from botkit.relay.ledger_client import LedgerClient
from botkit.relay.metrics import Outcome, RelayMetrics
from botkit.relay.outbound.circuit_breaker import CircuitBreaker
from botkit.relay.outbound.lanes import ParkItem, is_seen_through
from botkit.relay.outbound.payloads import Payloads
from botkit.relay.outbound.perform import Performer
from botkit.relay.outbound.retry_policy import (
    is_job_message,
    log_level,
    may_be_shown_twice,
    payload_may_be_stale,
    retry_policy,
    tried_once,
)

_NEEDS_PAYLOAD = (*ADDRESSED_BY_PAYLOAD, *get_args(HintEffect))
_PAYLOAD_SECONDS = 3600.0
"""Max wait of an effect for the user's next message, where nothing can be shown before."""
MAX_PARKED = 1_000
"""Max parked job messages across all users; more are refused at once. Parked messages count as undelivered, and must not keep
the store from accepting hooks or from being swept."""
_MAX_READING = 16
"""Max attempts in progress whose hook is read from the store, because it was not kept in memory."""


@dataclass(slots=True)
class _DeliveryState:
    """The progress of one item."""

    conversation_id: ConversationId
    failures: int = 0
    attempted: bool = False
    """At least one attempt reached a remote, or might have."""
    payload: int = 0
    """Hash of the payload that addressed the last attempt. Not the payload itself: thousands of items may wait for an hour."""
    rejected_payload: int | None = None
    """Hash of the payload that was refused together with the effect; either may be the reason."""
    next_delay: float | None = 0.0
    """Seconds until the next attempt; None: wait for a newer payload."""
    possible_duplicate: bool = False
    """An attempt may have succeeded although no response arrived; counted once per item."""
    done: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Delivery:
    """Delivers outbox items: each until it is delivered, refused or given up."""

    performer: Performer
    payloads: Payloads
    ledger: LedgerClient
    journal: Journal
    breaker_of: Callable[[OutboxItem], CircuitBreaker]
    backoff_of: Callable[[OutboxItem], Backoff]
    clock: Clock
    chance: Callable[[], float]
    metrics: RelayMetrics
    on_completed: Callable[[OutboxItem, Outcome], None]
    _started: Instant = field(init=False)
    _reading: asyncio.Semaphore = field(init=False, default_factory=lambda: asyncio.Semaphore(_MAX_READING))
    _waiting: set[asyncio.Task[object]] = field(init=False, default_factory=set)
    _parked: dict[int, _DeliveryState] = field(init=False, default_factory=dict)
    """The progress of parked items."""
    _closing: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._started = self.clock.now()

    async def deliver(self, item: OutboxItem) -> None:
        """Deliver one item; returns when its result is committed.

        Raises:
            ParkItem: the item has to wait for the user, and the lane must not wait for it. The next call continues.
            LedgerClosed: the service is stopping; the next start tries the item again.
        """
        state = self._parked.get(item.id)
        if state is None:
            await self._run(item, _DeliveryState(item.conversation_id), may_park=is_job_message(item.effect))
            return
        try:
            await self._wait(item, state)
            await self._run(item, state, may_park=False)
        finally:
            del self._parked[item.id]

    async def abandon(self, item: OutboxItem) -> None:
        """Complete an item whose delivery raised anything but a `CallError`: a defect, here or in a plug-in."""
        await self._complete(item, await self.performer.failure_event(item, None), "broken")

    def is_parked(self, item: OutboxItem) -> bool:
        """Whether the item is parked and its user has not written since."""
        state = self._parked.get(item.id)
        return state is not None and self._waits_for_user(state)

    def close(self) -> None:
        """Make no more attempts; the next start retries failed items."""
        self._closing = True
        for task in self._waiting:
            task.cancel()

    def _waits_for_user(self, state: _DeliveryState) -> bool:
        return state.next_delay is None and not self.payloads.has_newer_in_memory(
            state.conversation_id, than=state.rejected_payload
        )

    def _others_resumed(self, item: OutboxItem) -> bool:
        """Whether the user has written, so that parked items of this conversation are being delivered again."""
        return any(
            state.conversation_id == item.conversation_id and not self._waits_for_user(state)
            for state in self._parked.values()
        )

    async def _run(self, item: OutboxItem, state: _DeliveryState, *, may_park: bool) -> None:
        breaker = self.breaker_of(item)
        while not state.done:
            # An item that the open breaker has held back until its deadline is still tried once: the remote may be back.
            if breaker.may_try(self.clock.now()) or (not state.attempted and self._is_past_deadline(item)):
                await self._try(item, state, breaker)
            else:
                await self._after_failure(item, state, _held_back(item, breaker), held=True)
            if not state.done:
                # No frame refers to the error here: it would keep the request, and with it a hook's body, in memory.
                if state.next_delay is not None or not may_park:
                    await self._wait(item, state)
                if may_park and (state.next_delay is None or self._others_resumed(item)):
                    self._parked[item.id] = state
                    raise ParkItem

    async def _wait(self, item: OutboxItem, state: _DeliveryState) -> None:
        """Wait until the next attempt is due, or a newer payload has arrived."""
        with self._cancelled_by_close():
            if state.next_delay is not None:
                await self.clock.sleep(state.next_delay)
                state.next_delay = 0.0
                return
            until = Instant(self._since(item) + _PAYLOAD_SECONDS)
            if await self.payloads.newer(item.conversation_id, than=state.rejected_payload, until=until):
                state.attempted, state.next_delay = False, 0.0
                return
        error = Unreachable(
            kind_of(item.effect), detail="the user has not written for an hour", cause="waiting"
        )
        await self._give_up(item, state, error)

    @contextmanager
    def _cancelled_by_close(self) -> Iterator[None]:
        if self._closing:
            raise LedgerClosed("the service is stopping; the next start tries again")
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("deliver() runs in a task of its own")
        self._waiting.add(task)
        try:
            yield
        finally:
            self._waiting.discard(task)

    async def _try(self, item: OutboxItem, state: _DeliveryState, breaker: CircuitBreaker) -> None:
        try:
            event = await self._attempt(item, state)
        except CallError as error:
            # A rate limit without a status is the agent system's own pacing: no remote was called.
            if not isinstance(error, RateLimited) or error.status is not None:
                state.attempted = True
                if not isinstance(error, Unreachable):
                    breaker.reached()
                elif not isinstance(item.effect, SendFile):
                    # A file calls two remotes: which one failed is not known.
                    breaker.unreachable(self.clock.now(), failure_of(error))
            await self._after_failure(item, state, error)
            return
        breaker.reached()
        state.done = True
        steps = self.journal.delivered(item, failures=state.failures)
        await self._complete(item, event, "delivered", steps=steps)

    async def _attempt(self, item: OutboxItem, state: _DeliveryState) -> Event | None:
        hook = item.hook
        if hook is None:
            if isinstance(item.effect, CARRIES_HOOK):
                async with self._reading:
                    return await self.performer.perform(item, await self.payloads.own(item))
            if isinstance(item.effect, _NEEDS_PAYLOAD):
                hook = await self.payloads.newest(item.conversation_id)
                state.payload = hash(hook)
        if not is_seen_through(item.effect):
            return await self.performer.perform(item, hook)
        attempt = asyncio.ensure_future(self.performer.perform(item, hook))
        try:
            return await asyncio.shield(attempt)
        except asyncio.CancelledError:
            await asyncio.wait({attempt})
            if not attempt.cancelled():
                attempt.exception()  # Retrieved here; otherwise asyncio logs it.
            raise

    async def _after_failure(
        self, item: OutboxItem, state: _DeliveryState, error: CallError, *, held: bool = False
    ) -> None:
        """Decide between another attempt, the wait for a newer payload, and giving up."""
        state.failures += 1
        if state.rejected_payload is None and self._may_wait_for_user(item, error):
            state.rejected_payload, state.next_delay = state.payload, None
        else:
            state.next_delay = self._next_delay(item, state, error)
            if state.next_delay is None:
                await self._give_up(item, state, error)
                return
        if may_be_shown_twice(item.effect, error) and not state.possible_duplicate:
            state.possible_duplicate = True
            self.metrics.possible_duplicates(1)
        self.metrics.effect_retried(kind_of(item.effect))
        self.journal.retried(
            item, failure_of(error), failures=state.failures, wait=state.next_delay, held=held
        )

    def _may_wait_for_user(self, item: OutboxItem, error: CallError) -> bool:
        if not payload_may_be_stale(item.effect, error):
            return False
        if not is_job_message(item.effect):
            return True
        return len(self._parked) < MAX_PARKED and self.payloads.are_renewed(item.conversation_id)

    def _next_delay(self, item: OutboxItem, state: _DeliveryState, error: CallError) -> float | None:
        if not error.retryable or tried_once(item.effect):
            return None
        backoff, chance = self._backoff(item), self.chance()
        delay = backoff.next_attempt_in(
            state.failures,
            chance=chance,
            retry_after=error.retry_after,
            since=self._since(item),
            now=self.clock.now(),
        )
        if delay is None and not state.attempted:
            return max(backoff.delay(state.failures, chance=chance), error.retry_after or 0.0)
        return delay

    def _since(self, item: OutboxItem) -> Instant:
        """The start of the retry deadline. Time without a possible attempt does not count: before this process started, and
        while the effect waited for the user's next payload.
        """
        since = max(item.created_at, self._started)
        if isinstance(item.effect, AgentEffect):
            return since
        return max(since, self.payloads.renewed_at(item.conversation_id) or since)

    def _is_past_deadline(self, item: OutboxItem) -> bool:
        return self.clock.now() >= self._since(item) + self._backoff(item).give_up_after

    def _backoff(self, item: OutboxItem) -> Backoff:
        return retry_policy(item.effect, self.backoff_of(item))

    async def _give_up(self, item: OutboxItem, state: _DeliveryState, error: CallError) -> None:
        state.done = True
        outcome: Outcome = "gave_up" if error.retryable else "refused"
        level = log_level(item.effect, error)
        step = self.journal.gave_up(
            item, failure_of(error), outcome=outcome, level=level, failures=state.failures
        )
        event = await self.performer.failure_event(item, error)
        await self._complete(item, event, outcome, steps=() if step is None else (step,))

    async def _complete(
        self, item: OutboxItem, event: Event | None, outcome: Outcome, *, steps: tuple[Step, ...] = ()
    ) -> None:
        done = (item.id,)
        committed = await self.ledger.submit(Input(item.conversation_id, event, completes=done, steps=steps))
        if committed is None and event is not None:
            # The rules failed on the event: remove the row without it.
            await self.ledger.submit(Input(item.conversation_id, None, completes=done))
        self.metrics.effect_done(kind_of(item.effect), outcome)
        self.on_completed(item, outcome)


def _held_back(item: OutboxItem, breaker: CircuitBreaker) -> CallError:
    """The failure of an item that was not tried, because the remote did not answer several times in a row."""
    latest = breaker.latest
    if latest is None:
        detail = "held back: the remote did not answer several times in a row"
        return Unreachable(kind_of(item.effect), detail=detail, cause="held")
    cause = cast(UnreachableCause, latest.cause)
    detail = f"{latest.words} (held back until it answers)"
    error = Unreachable(latest.call, detail=detail, cause=cause, fix=latest.fix)
    error.host = latest.host
    return error


def kind_of(effect: OutboundEffect) -> str:
    """The effect's name in metrics and logs."""
    return type(effect).__name__
