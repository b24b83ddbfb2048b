"""A receiver on an event stream: the stream gives latency, the list gives certainty.

The list decides the order: it is read after every connect, before an end is accepted, and before events that the stream may have
brought out of order or after others that it left out (docs/protocols/salesforce-miaw.md, 4.5). It is also read now and then,
at least every minute, because the last event may be missing. It is polled beside a stream that a proxy may hold back, and
instead of one that a proxy does hold back (4.6).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from botkit.agents import Batch
from botkit.boottime import BootTime
from botkit.errors import AccessExpired, CallError, ConversationClosed, LedgerClosed, Unreachable
from botkit.handoff.events import FromAgents
from botkit.observability.events import get_logger
from botkit.observability.failures import failure_of
from botkit.observability.tracebacks import where
from botkit.relay.inbound.event_writer import ListRead
from botkit.relay.inbound.merging import any_end
from botkit.relay.inbound.openings import Openings
from botkit.relay.inbound.receivers import Receiver
from botkit.relay.inbound.stream_health import PINGS_NEEDED, Proof, StreamHealth
from botkit.relay.inbound.stream_order import StreamOrder
from botkit.relay.inbound.stream_path import StreamPath
from botkit.relay.metrics import RelayMetrics

_log = get_logger("botkit.relay")

RECONCILE_SECONDS = 60.0
"""Max age of the last list while the stream is up, plus or minus a third."""
STABLE_SECONDS = 10.0
"""A connection that lasted this long resets the backoff."""
HEADERS_SECONDS = 10.0
"""Max wait for a stream's headers. The server sends them at once; some proxies never do."""
SLOWEST_POLL_SECONDS = 6.0
"""Beside a stream that is only quiet, polls that find nothing slow down to this interval: a message is found within 10 s."""
DOUBT_SECONDS = 2.0
"""Max wait of events in doubt for the list; then they are written as they came."""
STALE_SECONDS = 2.0
"""A stream has missed a message that the list has had for this time, while this process was ready to read."""
_LAST_LIST_ATTEMPTS = 3


@dataclass(slots=True, kw_only=True, eq=False)
class StreamReceiver(Receiver):
    """Listens to one session's stream, and reconnects when it breaks. `name` is the agent system's, for metrics."""

    name: str
    metrics: RelayMetrics
    openings: Openings
    path: StreamPath
    _health: StreamHealth = field(init=False, default_factory=StreamHealth)
    _beside: asyncio.Task[None] | None = field(init=False, default=None)
    """Polls the list while the stream is suspect."""
    _listing: asyncio.Task[None] | None = field(init=False, default=None)
    """Reads the first list when its turn has come."""
    _leave: asyncio.Timeout | None = field(init=False, default=None)
    """Ends the current connection when it is rescheduled."""
    _connecting_at: float = field(init=False, default=0.0)
    """Since when the headers of a stream are awaited; 0 if they are not."""
    _lost: str | None = field(init=False, default=None)
    """Why the session is lost, as the polls beside the stream found out."""
    _is_connected: bool = field(init=False, default=False)
    _has_answered: bool = field(init=False, default=False)
    """The agents' side answered since the last connect: the stream, or the list in its place."""
    _next_list: float = field(init=False, default=0.0)
    _has_first_list: bool = field(init=False, default=True)
    """Not between a connect and the first list after it."""
    _order: StreamOrder = field(init=False)
    _has_list: bool = field(init=False)

    def __post_init__(self) -> None:
        self._has_list = self.system.capabilities.lists_events
        self._order = StreamOrder(self.path.trust, self.writer.has_written, self.chance)

    async def run(self) -> None:
        """See `Receiver.run`."""
        while True:
            why = None
            if not self.path.may_open(self.clock.boottime()):
                why = await self._poll_instead()
            if why is None and not self.writer.is_over:
                why = await self._until_broken()
            if self.writer.is_over:
                return
            if why is not None:
                await self._report_lost(why)
                return
            if self.path.is_held:
                continue  # Polling goes on without a pause.
            self._failures += 1
            self.metrics.reconnected(self.name)
            if self._has_answered:  # Only streams fail, so other calls tell nothing about the next one.
                await self.clock.sleep(self._wait())
            else:
                await self.breaker.rest(self._wait())

    def watch(self, now: BootTime) -> None:
        """See `Receiver.watch`: poll the list beside a stream that may be held back."""
        if self._leave is None:
            return
        if self._connecting_at and now - self._headers_since(now) >= HEADERS_SECONDS and self._has_list:
            self._leave_stream()
        elif self._beside is None and self._is_suspect(now):
            self._beside = self._begin(self._poll_beside())
        elif self._beside is None and self._has_list and self._order.may_check(now):
            self._beside = self._begin(self._check())
        elif not self.path.is_held:
            self.calm_until = self._calm_until()

    def _calm_until(self) -> float:
        return min(self._health.calm_until, self._order.check_at)

    def sent(self, at: BootTime) -> None:
        """See `Receiver.sent`."""
        self._health.sent(at)
        self.needs_look()

    def _wait(self) -> float:
        """The wait before the next connection.

        If the agents' side answers, an agent's message never waits longer than a poll would take: some proxies cut every stream
        after seconds, or let none through (docs/protocols/salesforce-miaw.md, 9.6).
        """
        wait = self.backoff.delay(self._failures, chance=self.chance())
        return min(wait, self._interval) if self._has_answered else wait

    # --- one connection ---

    async def _until_broken(self) -> str | None:
        """Listen to one connection. Returns why the session is lost, or None if another connection may work."""
        since = self.clock.boottime()
        if not self.breaker.may_try(since):
            return self._not_answered()
        self._is_connected = self._has_answered = False
        self._lost, self._connecting_at = None, 0.0
        self._health.opening(since)
        self.needs_look()
        self.path.listening.add(self)
        try:
            async with asyncio.timeout(None) as leave:
                self._leave = leave
                await self._listen()
        except AccessExpired as error:
            return self._lost_by(error)
        except ConversationClosed as error:
            await self.writer.reconcile_if_possible(self.system)
            return self._lost_by(error)
        except TimeoutError:
            if not leave.expired():
                raise
            if self._lost is not None or not self._connecting_at:
                return self._lost
            return await self._check_headers(since)
        except CallError as error:
            self._trouble("stream_broken", error)
            if isinstance(error, Unreachable) and not self._is_connected:
                self.breaker.unreachable(self.clock.boottime(), failure_of(error))
        finally:
            self.path.listening.discard(self)
            self._leave = None
            for task in (self._beside, self._listing):
                if task is not None:
                    task.cancel()
        if not self._is_connected:
            return await self._poll()
        if self.clock.boottime() - since >= STABLE_SECONDS:
            self._failures = 0
        return None

    async def _listen(self) -> None:
        batches = self.system.listen(self.writer.session_id, self.writer.access)
        try:
            if not await self._connect(batches):
                return
            while not self.writer.is_over:
                self._health.waiting_since = self.clock.boottime()
                if (batch := await anext(batches, None)) is None:
                    return
                self._unanswered_since, now = None, self.clock.boottime()
                if self._says_nothing(now, batch):
                    self._keep_alive(now)
                    continue
                events, ready_since = self.writer.within_bounds(batch.events), self._health.waiting_since
                if events is not batch.events:
                    batch = replace(batch, events=events)
                proof = self._proof_of_lateness(now, events)
                doubt = self._order.doubt(now, batch) if self._has_list else ""
                if not self._health.heard_at:
                    self.path.passed(now, opened_at=self._health.opened_at)
                self._health.heard(now, is_ping=not events)
                if events or self._health.pings <= PINGS_NEEDED:
                    self.needs_look()
                if events:
                    self._order.arrived(now, events)
                if not self._has_first_list and (events or doubt):
                    # As if they came after it: it may take its time, and they are in no doubt then.
                    async with self.openings.list(hurried=True):
                        await self._reconcile(events)
                elif doubt or now >= self._next_list or any_end(events):
                    await self._reconcile(events, doubt=doubt, ready_since=ready_since)
                elif events and self._has_list:
                    await self.writer.begin(events)
                elif events:
                    # The next read of such a system says that these have arrived: it forgets them.
                    await self.writer.write(events)
                del batch, events  # Otherwise they stay in memory while the stream is silent.
                if proof is not None:
                    self._held(now, opened_at=self._health.opened_at, proof=proof)
                    return
        finally:
            if isinstance(batches, AsyncGenerator):
                await batches.aclose()

    def _says_nothing(self, now: BootTime, batch: Batch) -> bool:
        """Whether there is nothing to do but to note that bytes came, as with most that ever arrive."""
        return not (batch.events or batch.doubt or now >= self._next_list) and self._health.heard_at > 0

    def _keep_alive(self, now: BootTime) -> None:
        self._health.heard(now, is_ping=True)
        if self._health.pings == PINGS_NEEDED:
            self.needs_look()  # From now on a shorter silence is too long.
        elif self.calm_until:
            self.calm_until = max(self.calm_until, self._calm_until())

    async def _connect(self, batches: AsyncIterator[Batch]) -> bool:
        """Wait for the first batch of a new stream and reconcile it, or let the list come later if other streams wait.

        Returns:
            False if there is no stream to listen to.
        """
        async with self.openings.stream():
            if self.path.held_since > self._health.opened_at:
                return False  # Another receiver found out while this one waited for its turn.
            self._connecting_at = self.clock.boottime()
            self._health.opening(self._connecting_at)
            first = await anext(batches, None)
            self._connecting_at = 0.0
            if first is None:
                return False
            self._health.waiting_since = float("inf")
            self._is_connected = self._has_answered = True
            self._unanswered_since, now = None, self.clock.boottime()
            self.path.reached(now)
            self.breaker.reached()
            self._order.opened()
            self._has_first_list = False
            events = self.writer.within_bounds(first.events)
            if self._has_list and self.openings.has_waiting_streams and not events and self._beside is None:
                self._next_list = float("inf")
                self._listing = self._begin(self._list_later())
            else:
                await self._reconcile(events)
                # A poll that was under way has perhaps been taken for the first list.
                self._health.missed_at = 0.0
            return True

    async def _list_later(self) -> None:
        """Read the first list when its turn has come, unless an event or a suspicion was earlier."""
        try:
            async with self.openings.list():
                if not self._has_first_list:
                    await self._reconcile(())
                    if self.writer.is_over:
                        self._leave_stream()
        except (AccessExpired, ConversationClosed) as error:
            # While events wait to be written, they are: the list that is read for them is refused too.
            if self._health.waiting_since < float("inf"):
                self._leave_stream(self._lost_by(error))
        finally:
            if not self._has_first_list:
                self._next_list = 0.0

    async def _check_headers(self, opened_at: float) -> str | None:
        """No headers came: a proxy holds them back if the list answers. Returns like `_until_broken`."""
        since = self._headers_since(self.clock.boottime())
        self._has_answered = False
        why = await self._poll()
        if self._has_answered:
            detail = f"no headers arrived within {HEADERS_SECONDS:g} s"
            self._held(self.clock.boottime(), opened_at=opened_at, proof=Proof(since, detail))
        return why

    def _headers_since(self, now: BootTime) -> float:
        return max(self._connecting_at, self.heartbeat.on_time_since(now))

    async def _reconcile(
        self, streamed: Sequence[FromAgents], *, doubt: str = "", ready_since: float = float("inf")
    ) -> None:
        is_ending = any_end(streamed)
        until = self.clock.boottime() + DOUBT_SECONDS
        for attempt in range(1, _LAST_LIST_ATTEMPTS + 1):
            within = until - self.clock.boottime() if doubt and not is_ending else None
            try:
                read = await self.writer.reconcile(self.system, streamed, within=within)
            except CallError as error:
                wait = self.backoff.delay(attempt, chance=self.chance())
                may_repeat = is_ending or (bool(doubt) and self.clock.boottime() + wait < until)
                if not error.retryable or not may_repeat or attempt == _LAST_LIST_ATTEMPTS:
                    if isinstance(error, AccessExpired | ConversationClosed):
                        raise
                    # The stream's events are written; the next event or keep-alive reads the list again.
                    self._next_list = 0.0
                    self._log_missing_list(error)
                    await self.writer.write(streamed)
                    return
                await self.clock.sleep(wait)
            else:
                self._has_read(read, doubt=doubt, ready_since=ready_since)
                return

    def _has_read(self, read: ListRead, *, doubt: str = "", ready_since: float) -> None:
        """Learn from a list what the stream has missed. `ready_since`: since when its next bytes were awaited.

        Before the first list, it has missed nothing: it need not repeat what happened before it was open.
        """
        now = self.clock.boottime()
        self._next_list = now + RECONCILE_SECONDS * (2 + 2 * self.chance()) / 3
        if not self._has_first_list:
            self._has_first_list, ready_since = True, float("inf")
        elif read.has_news:
            self._health.missed(now)
        self._order.list_read(now, read, doubt=doubt, is_stale=self._is_stale(now, read, ready_since))

    def _is_stale(self, now: BootTime, read: ListRead, ready_since: float) -> bool:
        """Whether only the list had a message that the stream should have brought by now."""
        if not read.missed_ms:
            return False
        ready = now - max(ready_since, self._health.opened_at, self.heartbeat.on_time_since(now))
        return min(ready, self.path.age(now, read.missed_ms)) >= STALE_SECONDS

    async def _check(self) -> None:
        """Read the list once."""
        async with self.path.turns:
            lost = await self._poll()
        if lost is not None or self.writer.is_over:
            self._leave_stream(lost)

    def _log_missing_list(self, error: CallError) -> None:
        self._trouble("list_missing", error)

    # --- polling beside a stream, and instead of one ---

    @property
    def _interval(self) -> float:
        return self.system.capabilities.poll_interval.total_seconds()

    def _is_suspect(self, now: float) -> bool:
        path = self.path
        return self._has_list and self._health.is_suspect(
            now, held_since=path.held_since, delivered_at=path.delivered_at
        )

    def _proof_of_silence(self, now: BootTime) -> Proof | None:
        """See `StreamHealth.verdict`. A stream that still waits for its turn to be opened is not held."""
        if not self._is_connected and not self._connecting_at:
            return None
        on_time_since = self.heartbeat.on_time_since(now)
        proof = self._health.verdict(now, held_since=self.path.held_since, on_time_since=on_time_since)
        return None if proof is None or self._is_refuted(proof) else proof

    def _proof_of_lateness(self, now: BootTime, arrived: Sequence[FromAgents]) -> Proof | None:
        if not arrived or not arrived[-1].high_water_ms or not self._has_list:
            return None
        on_time_since = self.heartbeat.on_time_since(now)
        lateness = self.path.lateness(now, arrived[-1].high_water_ms, on_time_since=on_time_since)
        return self._health.brought(now, lateness=lateness, on_time_since=on_time_since)

    def _is_refuted(self, proof: Proof) -> bool:
        """Whether this stream still waits for its headers, while those of another have come."""
        return not self._is_connected and self.path.reached_since(proof.since)

    def _held(self, now: BootTime, *, opened_at: float, proof: Proof) -> None:
        """Tell the path; this stream is left in any case."""
        if not self._is_refuted(proof):
            self.path.held(now, opened_at=opened_at, proof=proof)
        if not self.path.is_held:
            self._health.doubted_at = now

    async def _poll_instead(self) -> str | None:
        """Poll while streams are held back. Returns why the session is lost, or None if this one may open a stream now."""
        with self.path.polling(is_held=True):
            while True:
                await self._pause(self._interval)
                async with self.path.turns:
                    why = await self._poll()
                if why is not None or self.writer.is_over or self.path.may_open(self.clock.boottime()):
                    return why

    async def _poll_beside(self) -> None:
        """Poll until bytes arrive on the stream, or leave it because it is held or the session is over."""
        wait = self._interval
        with self.path.polling(is_held=self.path.is_held):
            await self._pause(wait * self.chance())
            while self._is_suspect(now := self.clock.boottime()):
                if (proof := self._proof_of_silence(now)) is not None:
                    self._held(now, opened_at=self._health.opened_at, proof=proof)
                    self._leave_stream()
                    return
                async with self.path.turns:
                    lost = await self._poll()
                if lost is not None or self.writer.is_over:
                    self._leave_stream(lost)
                    return
                await self._pause(wait)
                wait = self._interval if self._health.missed_at else min(2 * wait, SLOWEST_POLL_SECONDS)

    async def _pause(self, seconds: float) -> None:
        """Wait about so long, or longer if very many conversations are polled."""
        await self.clock.sleep(self.path.poll_seconds(seconds) * (0.75 + 0.5 * self.chance()))

    def _listed(self, read: ListRead) -> None:
        self._has_answered = True
        listening = self._leave is not None and self._is_connected
        self._has_read(read, ready_since=self._health.waiting_since if listening else float("inf"))

    def _leave_stream(self, lost: str | None = None) -> None:
        leave, self._leave = self._leave, None
        if leave is not None:
            self._lost = lost
            leave.reschedule(asyncio.get_running_loop().time())

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task beside the stream."""
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._beside is task:
            self._beside = None
        if self._listing is task:
            self._listing = None
        if task.cancelled() or (error := task.exception()) is None or isinstance(error, LedgerClosed):
            return
        names = self.writer.names()
        _log.error("receiver_broken", session=self.writer.session_id, error=where(error), **names)
