"""A receiver on an event stream: latency from the stream, certainty from the list.

The list is read after every connect, at least every minute, and before an end is believed (protocols/salesforce-miaw.md,
4.5: streams drop at any time, and a connection may look healthy and have missed an event).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence

import structlog

from botkit.agents import AgentSystem, Batch
from botkit.errors import AccessExpired, CallError, ConversationClosed, Unreachable
from botkit.handoff.events import AgentsLost, FromAgents, LossReason
from botkit.ledger.interface import Input
from botkit.relay.backoff import Backoff
from botkit.relay.clock import Clock
from botkit.relay.inbound.event_writer import AgentEventWriter, any_end, reconcile_quietly
from botkit.relay.ledger_client import LedgerClient
from botkit.relay.metrics import RelayMetrics
from botkit.relay.outbound.circuit_breaker import CircuitBreaker

_log = structlog.get_logger("botkit.relay")

RECONCILE_SECONDS = 60.0
"""How old the last list may become, give or take a third, while the stream is up."""
STABLE_SECONDS = 10.0
"""A connection that lasted this long makes the backoff start anew."""
_LAST_LISTS = 3


class StreamReceiver:
    """Listens to one session's stream, and goes back for another whenever it breaks."""

    __slots__ = (
        "_answers",
        "_backoff", "_chance", "_clock", "_connected_once", "_connecting", "_failures", "_heard", "_intake",
        "_metrics", "_name", "_next_list", "_peer", "_submitter", "_system",
    )  # fmt: skip

    def __init__(
        self,
        intake: AgentEventWriter,
        system: AgentSystem,
        name: str,
        *,
        submitter: LedgerClient,
        clock: Clock,
        chance: Callable[[], float],
        backoff: Backoff,
        peer: CircuitBreaker,
        metrics: RelayMetrics,
        connecting: asyncio.Semaphore,
    ) -> None:
        self._intake = intake
        self._system = system
        self._name = name
        self._submitter = submitter
        self._clock = clock
        self._chance = chance
        self._backoff = backoff
        self._peer = peer
        self._metrics = metrics
        self._connecting = connecting
        self._failures = 0
        self._heard = clock.now()
        self._connected_once = False
        self._answers = False
        self._next_list = 0.0

    async def run(self) -> None:
        """Receive until the session is lost; the session's other ends cancel this task.

        Raises:
            LedgerClosed: the service is stopping.
        """
        while True:
            why = await self._until_broken()
            if self._intake.over:
                return
            if why is None and self._clock.now() - self._heard > self._backoff.give_up_after:
                why = LossReason.UNREACHABLE
            if why is not None:
                await self._lose(why)
                return
            self._failures += 1
            self._metrics.reconnected(self._name)
            await self._clock.sleep(self._wait())

    def _wait(self) -> float:
        """Before the next connection.

        Where the agents' side does answer, nobody waits longer for an agent's words than a poll would take: some proxies cut
        every stream after seconds, or let none through (protocols/salesforce-miaw.md, 9.6).
        """
        wait = self._backoff.delay(self._failures, chance=self._chance())
        return min(wait, self._system.capabilities.poll_interval.total_seconds()) if self._answers else wait

    async def _until_broken(self) -> str | None:
        """Listen to one connection; why the session is lost, or None when another connection may do."""
        since = self._clock.now()
        if not self._peer.may_try(since):
            return None
        self._connected_once = self._answers = False
        try:
            await self._listen()
        except AccessExpired:
            return LossReason.EXPIRED
        except ConversationClosed:
            await reconcile_quietly(self._intake, self._system)
            return LossReason.CLOSED
        except CallError as error:
            _log.info(
                "stream_broken",
                session=self._intake.session_id,
                code=error.code,
                status=error.status,
                detail=error.detail,
            )
            if isinstance(error, Unreachable) and not self._connected_once:
                self._peer.unreachable(self._clock.now())
        if not self._connected_once:
            return await self._list_instead()
        if self._clock.now() - since >= STABLE_SECONDS:
            self._failures = 0
        return None

    async def _listen(self) -> None:
        batches = self._system.listen(self._intake.session_id, self._intake.access)
        try:
            await self._connect(batches)
            while not self._intake.over and (batch := await anext(batches, None)) is not None:
                now = self._heard = self._clock.now()
                events = batch.events
                if now >= self._next_list or any_end(events):
                    await self._reconcile(events)
                elif events:
                    await self._intake.take(events)
                del batch, events  # Else they are kept for as long as the stream is silent.
        finally:
            if isinstance(batches, AsyncGenerator):
                await batches.aclose()

    async def _connect(self, batches: AsyncIterator[Batch]) -> None:
        """Wait for the first batch of a new stream and reconcile it; few streams are opened at once."""
        async with self._connecting:
            first = await anext(batches, None)
            if first is not None:
                self._connected_once = self._answers = True
                self._heard = self._clock.now()
                self._peer.reached()
                await self._reconcile(first.events)

    async def _reconcile(self, streamed: Sequence[FromAgents]) -> None:
        ending = any_end(streamed)
        for attempt in range(1, _LAST_LISTS + 1):
            try:
                await self._intake.reconcile(self._system, streamed)
            except CallError as error:
                if not error.retryable or not ending or attempt == _LAST_LISTS:
                    if isinstance(error, AccessExpired | ConversationClosed):
                        raise
                    # What the stream brought is taken; the list is asked again with the next sign of life.
                    _log.info(
                        "list_missing", session=self._intake.session_id, code=error.code, status=error.status
                    )
                    await self._intake.take(streamed)
                    return
                await self._clock.sleep(self._backoff.delay(attempt, chance=self._chance()))
            else:
                self._next_list = self._clock.now() + RECONCILE_SECONDS * (2 + 2 * self._chance()) / 3
                return

    async def _list_instead(self) -> str | None:
        """There is no stream to be had (some proxies never let one through): the list keeps the conversation going."""
        if not self._peer.may_try(self._clock.now()):
            return None
        try:
            await self._intake.reconcile(self._system)
        except AccessExpired:
            return LossReason.EXPIRED
        except ConversationClosed:
            return LossReason.CLOSED
        except CallError as error:
            _log.info("list_missing", session=self._intake.session_id, code=error.code, status=error.status)
            if isinstance(error, Unreachable):
                self._peer.unreachable(self._clock.now())
            return None
        self._heard = self._clock.now()
        self._answers = True
        self._peer.reached()
        return None

    async def _lose(self, why: str) -> None:
        await lose(self._intake, why, submitter=self._submitter, clock=self._clock)


async def lose(intake: AgentEventWriter, why: str, *, submitter: LedgerClient, clock: Clock) -> None:
    """Tell the rules that this session cannot be received any more."""
    _log.warning("agents_lost", session=intake.session_id, why=why)
    session_id = intake.session_id
    lost = AgentsLost(key=f"lost/{session_id}", at=clock.now(), session_id=session_id, why=why)
    await submitter.submit(Input(intake.conversation_id, lost))
