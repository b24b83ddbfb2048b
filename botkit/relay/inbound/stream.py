"""A receiver on an event stream: the stream gives latency, the list gives certainty.

The list is read after every connect, at least every minute, and before an end is accepted: streams drop at any time, and a
connection that looks healthy may have missed an event (docs/protocols/salesforce-miaw.md, 4.5).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field

import structlog

from botkit.agents import Batch
from botkit.errors import AccessExpired, CallError, ConversationClosed, Unreachable
from botkit.handoff.events import FromAgents, LossReason
from botkit.relay.inbound.event_writer import any_end
from botkit.relay.inbound.receivers import Receiver
from botkit.relay.metrics import RelayMetrics

_log = structlog.get_logger("botkit.relay")

RECONCILE_SECONDS = 60.0
"""Max age of the last list while the stream is up, plus or minus a third."""
STABLE_SECONDS = 10.0
"""A connection that lasted this long resets the backoff."""
_LAST_LIST_ATTEMPTS = 3


@dataclass(slots=True, kw_only=True, eq=False)
class StreamReceiver(Receiver):
    """Listens to one session's stream, and reconnects when it breaks. `name` is the agent system's, for metrics."""

    name: str
    metrics: RelayMetrics
    connecting: asyncio.Semaphore
    _is_connected: bool = field(init=False, default=False)
    _has_answered: bool = field(init=False, default=False)
    """The agents' side answered since the last connect: the stream, or the list in its place."""
    _next_list: float = field(init=False, default=0.0)

    async def run(self) -> None:
        """See `Receiver.run`."""
        while True:
            why = await self._until_broken()
            if self.writer.is_over:
                return
            if why is None and self._is_past_deadline():
                why = LossReason.UNREACHABLE
            if why is not None:
                await self.writer.report_lost(why)
                return
            self._failures += 1
            self.metrics.reconnected(self.name)
            await self.clock.sleep(self._wait())

    def _wait(self) -> float:
        """The wait before the next connection.

        If the agents' side answers, an agent's message never waits longer than a poll would take: some proxies cut every stream
        after seconds, or let none through (docs/protocols/salesforce-miaw.md, 9.6).
        """
        wait = self.backoff.delay(self._failures, chance=self.chance())
        poll_seconds = self.system.capabilities.poll_interval.total_seconds()
        return min(wait, poll_seconds) if self._has_answered else wait

    async def _until_broken(self) -> str | None:
        """Listen to one connection. Returns why the session is lost, or None if another connection may work."""
        since = self.clock.now()
        if not self.breaker.may_try(since):
            return None
        self._is_connected = self._has_answered = False
        try:
            await self._listen()
        except AccessExpired:
            return LossReason.EXPIRED
        except ConversationClosed:
            await self.writer.reconcile_if_possible(self.system)
            return LossReason.CLOSED
        except CallError as error:
            _log.info(
                "stream_broken",
                session=self.writer.session_id,
                code=error.code,
                status=error.status,
                detail=error.detail,
            )
            if isinstance(error, Unreachable) and not self._is_connected:
                self.breaker.unreachable(self.clock.now())
        if not self._is_connected:
            return await self._list_instead()
        if self.clock.now() - since >= STABLE_SECONDS:
            self._failures = 0
        return None

    async def _listen(self) -> None:
        batches = self.system.listen(self.writer.session_id, self.writer.access)
        try:
            await self._connect(batches)
            while not self.writer.is_over and (batch := await anext(batches, None)) is not None:
                now = self._last_success = self.clock.now()
                events = batch.events
                if now >= self._next_list or any_end(events):
                    await self._reconcile(events)
                elif events:
                    await self.writer.write(events)
                del batch, events  # Otherwise they stay in memory while the stream is silent.
        finally:
            if isinstance(batches, AsyncGenerator):
                await batches.aclose()

    async def _connect(self, batches: AsyncIterator[Batch]) -> None:
        """Wait for the first batch of a new stream and reconcile it; few streams are opened at once."""
        async with self.connecting:
            first = await anext(batches, None)
            if first is not None:
                self._is_connected = self._has_answered = True
                self._last_success = self.clock.now()
                self.breaker.reached()
                await self._reconcile(first.events)

    async def _reconcile(self, streamed: Sequence[FromAgents]) -> None:
        is_ending = any_end(streamed)
        for attempt in range(1, _LAST_LIST_ATTEMPTS + 1):
            try:
                await self.writer.reconcile(self.system, streamed)
            except CallError as error:
                if not error.retryable or not is_ending or attempt == _LAST_LIST_ATTEMPTS:
                    if isinstance(error, AccessExpired | ConversationClosed):
                        raise
                    # The stream's events are written; the next event or keep-alive reads the list again.
                    self._log_missing_list(error)
                    await self.writer.write(streamed)
                    return
                await self.clock.sleep(self.backoff.delay(attempt, chance=self.chance()))
            else:
                self._next_list = self.clock.now() + RECONCILE_SECONDS * (2 + 2 * self.chance()) / 3
                return

    async def _list_instead(self) -> str | None:
        """Read the list because no stream could be opened (some proxies let none through). Returns like `_until_broken`."""
        if not self.breaker.may_try(self.clock.now()):
            return None
        try:
            await self.writer.reconcile(self.system)
        except AccessExpired:
            return LossReason.EXPIRED
        except ConversationClosed:
            return LossReason.CLOSED
        except CallError as error:
            self._log_missing_list(error)
            if isinstance(error, Unreachable):
                self.breaker.unreachable(self.clock.now())
            return None
        self._last_success = self.clock.now()
        self._has_answered = True
        self.breaker.reached()
        return None

    def _log_missing_list(self, error: CallError) -> None:
        _log.info("list_missing", session=self.writer.session_id, code=error.code, status=error.status)
