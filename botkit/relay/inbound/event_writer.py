"""Writes one agent session's events into the ledger: in order, each once, without gaps.

Streams are hints, lists are truth. Events of every source (stream, poll, the last list before the end) pass through one
`AgentEventWriter`. It remembers how far the list has been read. Only lists move that mark: otherwise an event that arrived early
on the stream could hide an older one that the stream missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from msgspec.structs import replace

from botkit.agents import AgentSystem
from botkit.errors import AccessExpired, CallError, ConversationClosed, LedgerClosed, Unreachable
from botkit.handoff.conversation import Access, ConversationId, Phase
from botkit.handoff.events import (
    AgentSaid,
    AgentsLost,
    Event,
    FromAgents,
    PositionAdvanced,
    StatusReported,
)
from botkit.ledger.interface import Committed, Input
from botkit.observability.events import get_logger
from botkit.observability.failures import Failure, failure_of
from botkit.observability.tracebacks import where
from botkit.relay.bounds import within_bounds
from botkit.relay.cancelling import is_cancelled
from botkit.relay.clock import Clock
from botkit.relay.inbound.merging import any_end, ends_last, joined, merged, without_overtaken
from botkit.relay.journal import Journal
from botkit.relay.ledger_client import LedgerClient, Outcome

_log = get_logger("botkit.relay")

_LOOK_BACK_MS = 300_000
"""The overlap of the first list after a start with the events already committed: a stream may have missed some just before the
process died."""
LAST_MESSAGES_SECONDS = 0.3
"""The wait for the organisation's last messages at an end: an automated goodbye is recorded just after the end
(docs/protocols/salesforce-miaw.md, 5)."""
LAST_LIST_SECONDS = 3.0
_LAG_SECONDS = (0.2, 0.5, 1.0)
"""The waits before a list is read again that does not yet have a message of the stream."""
_MAX_UNLISTED = 3
"""After so many messages that the list never had, it is not waited for any more in this session."""
_REMEMBERED_KEYS = 32
_MANY_MESSAGES = 3
"""From so many messages on, those that are written already are looked up together."""
_MAX_HELD_POSITIONS = 25


@dataclass(frozen=True, slots=True)
class ListRead:
    """What reading the list has shown of the stream.

    Attributes:
        has_news: the list had an event that is newer than all before it, and not among those of the stream.
        missed_ms: the time of the oldest message that only the list had brought (epoch ms); 0: there was none.
        skipped: it is no newer than an event that the stream has brought.
        overtaken: a message was written that is older than one written before.
    """

    has_news: bool
    missed_ms: int
    skipped: bool
    overtaken: bool


_NOTHING_NEW = ListRead(has_news=False, missed_ms=0, skipped=False, overtaken=False)


@dataclass(slots=True, kw_only=True, eq=False)
class AgentEventWriter:
    """Writes the events of one agent session.

    Attributes:
        access: the session's access, with the position of the last event.
        is_over: an event has ended the session, or replaced it. Its receiver may be cancelled later.

    All methods raise:
        LedgerClosed: the service is stopping.
    """

    conversation_id: ConversationId
    session_id: str
    system_name: str
    access: Access
    ledger: LedgerClient
    journal: Journal
    clock: Clock
    on_committed: Callable[[FromAgents, Committed], None]
    is_over: bool = field(init=False, default=False)
    _listed_ms: int = field(init=False)
    _recent: tuple[str, ...] = field(init=False, default=())
    _said_ms: int = field(init=False, default=0)
    """The time of the newest message written."""
    _unlisted: int = field(init=False, default=0)
    """How often the list did not get a message of the stream in time."""
    _held: int = field(init=False, default=0)
    _is_settled: bool = field(init=False, default=False)
    """The last commit showed a session without doubt that no agent had left."""
    _lock: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self._listed_ms = max(0, self.access.high_water_ms - _LOOK_BACK_MS)

    async def write(self, events: Sequence[FromAgents]) -> None:
        """Submit events in order; returns when all are durable."""
        async with self._lock:
            await self._write(events)

    async def begin(self, events: Sequence[FromAgents]) -> None:
        """`write`, but a single event may not be durable yet: what is written next waits for it."""
        if len(events) != 1:
            await self.write(events)
            return
        await self._lock.acquire()
        (event,) = events
        if self._is_passed_over(event):
            self._lock.release()
        else:
            self.ledger.submit_then(self._input(event), partial(self._ended, event))

    def within_bounds(self, events: Sequence[FromAgents]) -> Sequence[FromAgents]:
        """Events as the agent system has brought them, with impossible values replaced."""
        now = self.clock.now()
        checked = [within_bounds(event, now) for event in events]
        if not any(wrong for _, wrong in checked):
            return events
        for event, (sound, wrong) in zip(events, checked, strict=True):
            if wrong:
                self.journal.mended(self.system_name, event, wrong, dropped=sound is None)
        return [sound for sound, _ in checked if sound is not None]

    def has_written(self, event: FromAgents) -> bool:
        """Whether this is one of the last events that were written."""
        return bool(event.key) and event.key in self._recent

    async def reconcile(
        self, system: AgentSystem, streamed: Sequence[FromAgents] = (), *, within: float | None = None
    ) -> ListRead:
        """Read the list from its last mark, and write it together with events of the stream.

        Args:
            system: has the list.
            streamed: events that the stream has brought, in its order.
            within: the events of the stream are in doubt. A list without one of their messages is read again, since an older
                one may be missing too. After so many seconds the list counts as unreadable.

        Raises:
            CallError: the list could not be read. `streamed` has still been written if the session is over.
        """
        async with self._lock:
            try:
                async with asyncio.timeout(within):
                    listed = await self._list(system, streamed, is_in_doubt=within is not None)
            except TimeoutError:
                detail = f"no answer within {within:g} s"
                raise Unreachable("list entries", detail=detail, cause="timeout") from None
            except (AccessExpired, ConversationClosed):
                await self._write(streamed)
                raise
            if not listed and not streamed:
                return _NOTHING_NEW
            has_news, said_ms = self._has_news(listed, streamed), self._said_ms
            new = [
                event
                for event in await self._write(ends_last(merged(listed, streamed)))
                if isinstance(event, AgentSaid) and event.high_water_ms
            ]
            for event in listed:
                self._listed_ms = max(self._listed_ms, event.high_water_ms)
            brought = {event.key for event in streamed}
            missed_ms = min((event.high_water_ms for event in new if event.key not in brought), default=0)
            brought_ms = max((event.high_water_ms for event in streamed), default=0)
            return ListRead(
                has_news,
                missed_ms,
                skipped=bool(missed_ms) and bool(streamed) and (not brought_ms or missed_ms <= brought_ms),
                overtaken=any(event.high_water_ms < said_ms for event in new),
            )

    async def reconcile_if_possible(self, system: AgentSystem) -> None:
        """The last `reconcile` before an end; a list that cannot be read does not delay the end."""
        try:
            await self.reconcile(system)
        except CallError as error:
            self._last_list_missing(error)
        except LedgerClosed:
            raise
        except (Exception, asyncio.CancelledError) as defect:
            if is_cancelled():
                raise
            self._last_messages_broken(defect)

    async def write_last_list(self, system: AgentSystem) -> None:
        """Read the list once, within `LAST_LIST_SECONDS`, and write the agents' messages."""
        try:
            async with asyncio.timeout(LAST_LIST_SECONDS):
                listed = await self._fetch(system)
        except ConversationClosed:
            return  # It was never created, or is deleted: there is no list.
        except CallError as error:
            self._last_list_missing(error)
            return
        except TimeoutError:
            detail = f"no answer within {LAST_LIST_SECONDS:g} s"
            self._last_list_missing(Unreachable("list entries", detail=detail, cause="timeout"))
            return
        except (Exception, asyncio.CancelledError) as defect:
            if is_cancelled():
                raise
            self._last_messages_broken(defect)
            return
        await self.write_messages(listed)

    async def write_messages(self, events: Sequence[FromAgents]) -> None:
        """Write the agents' messages among these events; after the end of a session, other events are irrelevant.

        A defect in one of them does not keep the session from its end.
        """
        try:
            sound = self.within_bounds(events)
            await self.write([event for event in sound if isinstance(event, AgentSaid)])
        except LedgerClosed:
            raise
        except Exception as defect:  # noqa: BLE001 - a plug-in may bring anything
            self._last_messages_broken(defect)

    async def report_lost(self, why: str, failure: Failure | None) -> None:
        """Tell the rules that this session cannot be received any more; `failure`: the latest failed call."""
        self.journal.lost(
            self.conversation_id, self.session_id, system=self.system_name, why=why, failure=failure
        )
        lost = AgentsLost(
            key=f"lost/{self.session_id}", at=self.clock.now(), session_id=self.session_id, why=why
        )
        async with self._lock:
            await self.ledger.submit(Input(self.conversation_id, lost))

    def names(self) -> dict[str, Any]:
        """The members of a log line about this session; see `Journal.names`."""
        return self.journal.names(self.conversation_id, self.session_id)

    def trouble(self, event: str, failure: Failure, *, noted: bool, level: str = "info") -> None:
        """Log a failure of this session's stream or list; see `Journal.trouble`."""
        self.journal.trouble(
            event,
            failure,
            conversation_id=self.conversation_id,
            session_id=self.session_id,
            system=self.system_name,
            noted=noted,
            level=level,
        )

    def _last_messages_broken(self, defect: BaseException) -> None:
        _log.error("last_messages_broken", session=self.session_id, error=where(defect), **self.names())

    def _last_list_missing(self, error: CallError) -> None:
        self.trouble("last_list_missing", failure_of(error), noted=True)

    async def _list(
        self, system: AgentSystem, streamed: Sequence[FromAgents], *, is_in_doubt: bool
    ) -> Sequence[FromAgents]:
        is_ending = any_end(streamed)
        if is_ending:
            await self.clock.sleep(LAST_MESSAGES_SECONDS)
        listed = await self._fetch(system)
        if is_in_doubt and not is_ending and self._unlisted < _MAX_UNLISTED:
            listed = await self._caught_up(system, listed, streamed)
        if not is_ending and any_end(listed):
            await self.clock.sleep(LAST_MESSAGES_SECONDS)
            listed = joined(listed, await self._fetch(system))
        return listed

    async def _caught_up(
        self, system: AgentSystem, listed: Sequence[FromAgents], streamed: Sequence[FromAgents]
    ) -> Sequence[FromAgents]:
        """The list once it has the messages of the stream, or the last one that was read."""
        for wait in _LAG_SECONDS:
            if not self._lags(listed, streamed):
                return listed
            await self.clock.sleep(wait)
            listed = joined(listed, await self._fetch(system))
        self._unlisted += self._lags(listed, streamed)
        return listed

    def _lags(self, listed: Sequence[FromAgents], streamed: Sequence[FromAgents]) -> bool:
        """Whether the list does not have a message that the stream has brought."""
        known = {event.key for event in listed}
        return any(
            isinstance(event, AgentSaid) and event.key not in known and not self.has_written(event)
            for event in streamed
        )

    async def _fetch(self, system: AgentSystem) -> Sequence[FromAgents]:
        since = replace(self.access, high_water_ms=self._listed_ms)
        return self.within_bounds((await system.fetch(self.session_id, since)).events)

    def _has_news(self, listed: Sequence[FromAgents], streamed: Sequence[FromAgents]) -> bool:
        known = {*self._recent, *(event.key for event in streamed)}
        return any(
            event.high_water_ms > self.access.high_water_ms
            and event.key not in known
            and not isinstance(event, PositionAdvanced)
            for event in listed
        )

    async def _write(self, events: Iterable[FromAgents]) -> list[FromAgents]:
        """Returns those that had not been written before."""
        new, wanted = [], list(without_overtaken(events))
        known = await self._known(wanted)
        for event in wanted:
            if event.key in known:
                self._note_written(event)
            # One by one: if one commit failed and the next succeeded, two events would swap places.
            elif not self._is_passed_over(event):
                committed = await self.ledger.submit(self._input(event))
                self._written(event, committed)
                if committed is not None and not committed.duplicate:
                    new.append(event)
        return new

    async def _known(self, events: Sequence[FromAgents]) -> Set[str]:
        """The keys of messages that were written before, if they may be many: a former process has written what the first list of
        this one has, and each would cost a commit that the next one waits for."""
        said = [event for event in events if isinstance(event, AgentSaid) and not self.has_written(event)]
        if len(said) < _MANY_MESSAGES:
            return frozenset()
        known = await self.ledger.are_known([self._input(event) for event in said])
        return {event.key for event, is_known in zip(said, known, strict=True) if is_known}

    def _input(self, event: FromAgents) -> Input:
        # The cast: an agent system yields subclasses of FromAgents, and those are all events.
        return Input(self.conversation_id, cast(Event, event))

    def _is_passed_over(self, event: FromAgents) -> bool:
        """Whether the event needs no commit; then only the position advances."""
        if not event.key or event.key not in self._recent:
            if not self._is_no_news(event) or self._held >= _MAX_HELD_POSITIONS:
                return False
            # It changes only the position, and the next durable event carries a later one. After a crash in between, these
            # events are read again.
            self._held += 1
        self._advance(event)
        return True

    def _ended(self, event: FromAgents, outcome: Outcome) -> None:
        """The commit of `begin` has ended."""
        self._lock.release()
        # If the ledger is closed, the receiver is stopped, and the next process reads the event again.
        if not isinstance(outcome, LedgerClosed):
            self._written(event, outcome)

    def _written(self, event: FromAgents, committed: Committed | None) -> None:
        """The event is durable, or the rules have failed on it."""
        self._held = 0
        self._note_written(event)
        if isinstance(event, AgentSaid) and event.automated:
            characters = len(event.content.text)
            _log.info("organization_wrote", session=self.session_id, characters=characters, **self.names())
        if committed is not None:
            session = committed.conversation.session
            self.is_over = session is None or session.id != self.session_id
            self._is_settled = session is not None and session.phase is not Phase.ABSENT and not session.doubt
            self.on_committed(event, committed)

    def _note_written(self, event: FromAgents) -> None:
        if event.key:
            self._recent = (*self._recent[1 - _REMEMBERED_KEYS :], event.key)
        self._advance(event)
        if isinstance(event, AgentSaid):
            self._said_ms = max(self._said_ms, event.high_water_ms)

    def _is_no_news(self, event: FromAgents) -> bool:
        """Whether an event changes only the position. A search for an agent is news only after one has left, or in doubt."""
        if isinstance(event, StatusReported):
            return self._is_settled and event.status == "searching"
        return isinstance(event, PositionAdvanced) and not event.durable

    def _advance(self, event: FromAgents) -> None:
        position = event.position or self.access.position
        high_water = max(event.high_water_ms, self.access.high_water_ms)
        if position != self.access.position or high_water != self.access.high_water_ms:
            self.access = replace(self.access, position=position, high_water_ms=high_water)
