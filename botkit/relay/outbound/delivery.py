"""The delivery of one outbox item: attempts, waits between them, giving up, and the result for the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import get_args

from botkit.boottime import BootTime
from botkit.errors import CallBroken, LedgerClosed, Unreachable
from botkit.handoff.conversation import ConversationId
from botkit.handoff.effects import (
    ADDRESSED_BY_PAYLOAD,
    CARRIES_HOOK,
    AgentEffect,
    EndSession,
    HintEffect,
)
from botkit.handoff.events import Event
from botkit.handoff.steps import Step
from botkit.http.permits import only_while
from botkit.http.retry import Backoff
from botkit.ledger.interface import HookBody, Input, OutboxItem
from botkit.observability.events import get_logger
from botkit.observability.failures import failure_of
from botkit.relay.cancelling import is_cancelled
from botkit.relay.clock import Clock
from botkit.relay.heartbeat import Heartbeat
from botkit.relay.journal import Journal
from botkit.relay.leaving import Leaves, Leaving
from botkit.relay.ledger_client import LedgerClient
from botkit.relay.metrics import Outcome, RelayMetrics
from botkit.relay.outbound.circuit_breaker import CircuitBreaker
from botkit.relay.outbound.doubts import Doubts, Verdict
from botkit.relay.outbound.failed_attempts import FailedAttempts, kind_of
from botkit.relay.outbound.parked import ParkedItems
from botkit.relay.outbound.payloads import Payloads
from botkit.relay.outbound.perform import Performer
from botkit.relay.outbound.progress import ParkItem, Progress
from botkit.relay.outbound.retry_policy import (
    is_job_message,
    is_message_to_agents,
    is_noticed_twice,
    is_seen_through,
    log_level,
)

_log = get_logger("botkit.relay")

_NEEDS_PAYLOAD = (*ADDRESSED_BY_PAYLOAD, *get_args(HintEffect))
_CARRIES_HOOK = frozenset(CARRIES_HOOK)
_PAYLOAD_SECONDS = 3600.0
"""Max wait of an effect for the user's next message, where nothing can be shown before."""
MAY_ACT_SECONDS = 0.2
"""The interval between two looks whether an attempt may start."""
_MAX_READING = 16
"""Max attempts in progress whose hook is read from the store, because it was not kept in memory."""


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
    heartbeat: Heartbeat
    chance: Callable[[], float]
    metrics: RelayMetrics
    on_shown: Callable[[OutboxItem], None]
    """Called when the user has a message whose result is committed a moment later."""
    on_completed: Callable[[OutboxItem, Outcome], None]
    may_act: Callable[[], bool]
    leaving: Leaving
    doubts: Doubts = field(init=False)
    failing: FailedAttempts = field(init=False)
    """What follows when an attempt fails."""
    parked: ParkedItems = field(init=False)
    _in_doubt: dict[int, ConversationId] = field(init=False, default_factory=dict)
    """Effects that may have been carried out and are not done: the next process has to know."""
    _reading: asyncio.Semaphore = field(init=False, default_factory=lambda: asyncio.Semaphore(_MAX_READING))
    _waiting: dict[asyncio.Task[object], ConversationId] = field(init=False, default_factory=dict)
    """The tasks that wait for their next attempt."""
    _completing: set[int] = field(init=False, default_factory=set)
    _maybe_attempted: dict[int, ConversationId] = field(init=False, default_factory=dict)
    """Messages to agents that an earlier process may have sent."""

    def __post_init__(self) -> None:
        self.parked = ParkedItems(self.payloads)
        self.doubts = Doubts(
            times_shown=self._times_shown, journal=self.journal, metrics=self.metrics, clock=self.clock
        )
        self.failing = FailedAttempts(
            payloads=self.payloads,
            journal=self.journal,
            doubts=self.doubts,
            backoff_of=self.backoff_of,
            platform_seconds=self.performer.platform_seconds,
            parked=lambda: len(self.parked),
            in_doubt=self.leave_in_doubt,
            clock=self.clock,
            heartbeat=self.heartbeat,
            chance=self.chance,
            metrics=self.metrics,
        )

    # --- by callback or in a task -----------------------------------------------------------------------------------

    def reads_hook(self, item: OutboxItem) -> bool:
        """Whether the effect is sent with the hook that caused it."""
        return type(item.effect) in _CARRIES_HOOK

    def payload_at_hand(self, item: OutboxItem) -> HookBody | None:
        """The payload that addresses the user of an effect without a hook of its own, if it is in memory."""
        return self.payloads.at_hand(item.conversation_id)

    def is_of_a_handoff(self, item: OutboxItem) -> bool:
        """Whether a story tells of the item."""
        return bool(self.journal.session_of(item))

    def steps_of_success(self, item: OutboxItem, progress: Progress | None) -> tuple[Step, ...]:
        """The steps to write with the result of a successful attempt."""
        return self.journal.delivered(item, failures=progress.failures if progress is not None else 0)

    def completed(self, item: OutboxItem, outcome: Outcome) -> None:
        """The item's result is committed."""
        self.metrics.effect_done(kind_of(item.effect), outcome)
        if self._in_doubt:
            self._in_doubt.pop(item.id, None)
        self.on_completed(item, outcome)

    def leave_in_doubt(self, item: OutboxItem) -> None:
        """It may have been carried out, or was by a former process, and is not done."""
        if is_noticed_twice(item.effect):
            self._in_doubt[item.id] = item.conversation_id

    def _settle_doubt(self, item: OutboxItem, progress: Progress) -> None:
        """The item was not carried out, unless an earlier attempt did it."""
        if progress.doubt is None:
            self._in_doubt.pop(item.id, None)

    def left_in_doubt(self, leaves: Leaves) -> Mapping[int, ConversationId]:
        """The effects of these conversations that may have been carried out and are not done. They have left."""
        left = {item_id: one for item_id, one in self._in_doubt.items() if leaves(one)}
        for item_id in left:
            del self._in_doubt[item_id]
        return left

    # --- in a task of a lane --------------------------------------------------------------------------------------

    async def deliver(self, item: OutboxItem, progress: Progress | None = None) -> None:
        """Deliver one item; returns when its result is committed.

        Args:
            item: the item.
            progress: of an item that has been tried by callback, and now needs more than another attempt.

        Raises:
            ParkItem: the item has to wait for the user, and the lane must not wait for it. The next call continues.
            LedgerClosed: the conversation is leaving this process, which may be stopping; the next one tries the item again.
        """
        only_while(self.may_act)
        if progress is not None:
            self.failing.remember_doubt(item, progress)
            await self._go_on(item, progress)
            return
        parked = self.parked.of(item)
        if parked is None:
            in_doubt = self._maybe_attempted.pop(item.id, None) is not None
            progress = Progress(item.conversation_id, in_doubt=in_doubt)
            self.failing.remember_doubt(item, progress)
            await self._run(item, progress, may_park=is_job_message(item.effect))
            return
        try:
            await self._go_on(item, parked)
        finally:
            self.parked.remove(item)

    async def abandon(self, item: OutboxItem) -> None:
        """Complete an item whose delivery broke, not only an attempt: a defect of this package.

        The end of a session is still made. What this raises leaves the item to the next start.
        """
        if isinstance(item.effect, EndSession):
            await self.performer.perform(item, None)
        event = await self.performer.failure_event(item, CallBroken(kind_of(item.effect)))
        await self._complete(item, event, "broken")

    def is_completing(self, item: OutboxItem) -> bool:
        """Whether the item's result is being committed, so that nothing is left to cancel."""
        return item.id in self._completing

    def resume(self, items: Sequence[OutboxItem]) -> None:
        """These effects come from an earlier process, which may have been attempting the first one of each agent session."""
        first: dict[str, OutboxItem] = {}
        for item in items:
            if isinstance(item.effect, AgentEffect):
                first.setdefault(item.lane, item)
        self._maybe_attempted |= {
            item.id: item.conversation_id for item in first.values() if is_message_to_agents(item.effect)
        }

    def lose(self, leaves: Leaves) -> None:
        """Make no more attempts for these conversations; their next process retries failed items."""
        for task, conversation_id in self._waiting.items():
            if leaves(conversation_id):
                task.cancel()
        self.parked.lose(leaves)
        for item_id in [one for one, whose in self._maybe_attempted.items() if leaves(whose)]:
            del self._maybe_attempted[item_id]
        self.failing.lose(leaves)

    async def _go_on(self, item: OutboxItem, progress: Progress) -> None:
        """Continue after a failed attempt."""
        if progress.fatal is not None:
            await self._give_up(item, progress)
            return
        await self._wait(item, progress)
        await self._run(item, progress, may_park=False)

    async def _run(self, item: OutboxItem, progress: Progress, *, may_park: bool) -> None:
        breaker, has_turn = self.breaker_of(item), False
        while not progress.done:
            # An item that the open breaker has held back until its deadline is still tried once: the remote may be back.
            tries = (
                has_turn
                or breaker.may_try(self.clock.boottime())
                or (not progress.attempted and self.failing.is_past_deadline(item))
            )
            has_turn = False
            if tries:
                await self._try(item, progress, breaker)
            else:
                self.failing.kept_from(item, progress, breaker)
            if progress.fatal is not None:
                await self._give_up(item, progress)
            if not progress.done:
                # No frame refers to the error here: it would keep the request, and with it a hook's body, in memory.
                if not tries:
                    with self._cancelled_by_loss(item):
                        has_turn = await breaker.turn(at_most=self.failing.left(item))
                elif progress.next_delay is not None or not may_park:
                    await self._wait(item, progress)
                if may_park and (
                    progress.next_delay is None or self.parked.are_resumed(item.conversation_id)
                ):
                    self._refuse_if_leaving(item)
                    self.parked.add(item, progress)
                    raise ParkItem

    async def _wait(self, item: OutboxItem, progress: Progress) -> None:
        """Wait until the next attempt is due, or a newer payload has arrived."""
        with self._cancelled_by_loss(item):
            if progress.next_delay is not None:
                if progress.paced:
                    await self.clock.sleep(progress.next_delay)
                else:
                    await self.breaker_of(item).rest(progress.next_delay)
                progress.next_delay, progress.paced = 0.0, False
                return
            until = BootTime(self.failing.since(item) + _PAYLOAD_SECONDS)
            if await self.payloads.newer(item.conversation_id, than=progress.rejected_payload, until=until):
                progress.attempted, progress.next_delay = False, 0.0
                return
        progress.fatal = Unreachable(
            kind_of(item.effect), detail="the user has not written for an hour", cause="waiting"
        )
        await self._give_up(item, progress)

    async def _until_it_may_begin(self, item: OutboxItem) -> None:
        """Wait until this process may make the attempt. From then on, the item may have been carried out."""
        self._refuse_if_leaving(item)
        while not self.may_act():
            with self._cancelled_by_loss(item):
                await self.clock.sleep(MAY_ACT_SECONDS)
        self.leave_in_doubt(item)

    def _refuse_if_leaving(self, item: OutboxItem) -> None:
        if item.conversation_id in self.leaving:
            raise LedgerClosed("the conversation is leaving this process; the next one tries again")

    @contextmanager
    def _cancelled_by_loss(self, item: OutboxItem) -> Iterator[None]:
        self._refuse_if_leaving(item)
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("deliver() runs in a task of its own")
        self._waiting[task] = item.conversation_id
        try:
            yield
        finally:
            del self._waiting[task]

    async def _try(self, item: OutboxItem, progress: Progress, breaker: CircuitBreaker) -> None:
        doubt = progress.doubt
        try:
            verdict = Verdict.REPEAT if doubt is None else await self.doubts.look(item, doubt, breaker)
            if verdict is Verdict.REPEAT:
                event = await self._attempt(item, progress)
        except LedgerClosed:
            raise
        except ParkItem:
            self._settle_doubt(item, progress)
            raise
        except (Exception, asyncio.CancelledError) as error:
            if is_cancelled():  # No other attempt follows, even if this one raised something else.
                raise asyncio.CancelledError from error
            self.failing.attempt_failed(item, progress, breaker, error)
            self._settle_doubt(item, progress)
            return
        if doubt is not None and verdict is Verdict.LATER:
            progress.next_delay = doubt.look_again_in
            return
        if verdict is Verdict.ARRIVED:
            event = None  # The rules need none of what only the platform's effects do.
        else:
            breaker.reached()
            self.failing.count_repetition(item, progress)
            if doubt is not None:
                await self.doubts.repeated(item, doubt, breaker)
        progress.done = True
        await self._complete(item, event, "delivered", steps=self.steps_of_success(item, progress))

    async def _attempt(self, item: OutboxItem, progress: Progress) -> Event | None:
        hook, patience = item.hook, progress.patience
        if hook is None:
            if isinstance(item.effect, CARRIES_HOOK):
                async with self._reading:
                    hook = await self.payloads.own(item)
                    await self._until_it_may_begin(item)
                    return await self.performer.perform(item, hook, patience=patience)
            if isinstance(item.effect, _NEEDS_PAYLOAD):
                hook = await self.payloads.newest(item.conversation_id)
                progress.payload = hash(hook)
                if is_job_message(item.effect) and self.parked.are_overtaken_by(item, progress.payload):
                    self.parked.add(item, progress)
                    raise ParkItem
        await self._until_it_may_begin(item)
        if not is_seen_through(item.effect):
            return await self.performer.perform(item, hook, patience=patience)
        attempt = asyncio.ensure_future(self.performer.perform(item, hook))
        try:
            return await asyncio.shield(attempt)
        except asyncio.CancelledError:
            if item.conversation_id in self.leaving:
                attempt.cancel()  # It was cut off: their next process makes it again.
            try:
                await asyncio.wait({attempt})
            finally:
                attempt.cancel()  # It may have been left behind.
            if not attempt.cancelled():
                attempt.exception()  # Retrieved here; otherwise asyncio logs it.
            raise

    async def _times_shown(self, item: OutboxItem) -> int | None:
        hook = item.hook
        if hook is None and self.reads_hook(item):
            async with self._reading:
                return await self.performer.times_shown(item, await self.payloads.own(item))
        return await self.performer.times_shown(
            item, hook or await self.payloads.newest(item.conversation_id)
        )

    async def _give_up(self, item: OutboxItem, progress: Progress) -> None:
        error, progress.fatal = progress.fatal, None
        if error is None:
            raise RuntimeError("an item is given up for an error")
        progress.done = True
        if progress.doubt is not None:
            self.doubts.given_up(item, progress.doubt)
        outcome: Outcome = "gave_up" if error.retryable else "refused"
        if isinstance(error, CallBroken):
            outcome = "broken"
        level = log_level(item.effect, error)
        step = self.journal.gave_up(
            item, failure_of(error), outcome=outcome, level=level, failures=progress.failures
        )
        event = await self.performer.failure_event(item, error)
        await self._complete(item, event, outcome, steps=() if step is None else (step,))

    async def _complete(
        self, item: OutboxItem, event: Event | None, outcome: Outcome, *, steps: tuple[Step, ...] = ()
    ) -> None:
        done = (item.id,)
        self._completing.add(item.id)
        try:
            committed = await self.ledger.submit(
                Input(item.conversation_id, event, completes=done, steps=steps)
            )
            if committed is None and event is not None:
                # The rules failed on the event: remove the row without it.
                await self.ledger.submit(Input(item.conversation_id, None, completes=done))
        finally:
            self._completing.discard(item.id)
        self.completed(item, outcome)
