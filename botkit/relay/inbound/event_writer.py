"""Taking the agents' events of one session into the ledger: in order, each once, nothing skipped.

Streams are hints, lists are truth. Events of every source (stream, poll, final list before the end) pass through one
`AgentEventWriter`. It remembers how far the list has been read; only lists move that mark, because an event the stream
brought early must not hide an older one it missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import cast

import structlog

from botkit.agents import AgentSystem
from botkit.errors import AccessExpired, CallError, ConversationClosed
from botkit.handoff.conversation import Access, ConversationId
from botkit.handoff.events import AgentSaid, AgentSessionEnded, Event, FromAgents, PositionAdvanced
from botkit.ledger.interface import Committed, Input
from botkit.relay.clock import Clock
from botkit.relay.ledger_client import LedgerClient

_log = structlog.get_logger("botkit.relay")

_LOOK_BACK_MS = 300_000
"""How far before the last committed position the first list after a start is read: what a stream missed just before the
process died is found in it."""
LAST_WORDS_SECONDS = 0.3
"""What an organisation says at the end (an automated goodbye) is recorded just after the end itself
(protocols/salesforce-miaw.md, 5). So much time it gets before the end is believed."""
LAST_LIST_SECONDS = 3.0
_REMEMBERED_KEYS = 32
_MAX_HELD_NOTICES = 25


class AgentEventWriter:
    """One agent session's way into the ledger.

    Attributes:
        access: where it got to.
        over: what was taken has ended the session, here or by a way of its own; whoever cancels its receiver may be late.
    """

    __slots__ = (
        "_clock",
        "_committed",
        "_held",
        "_listed_ms",
        "_lock",
        "_recent",
        "_submitter",
        "access",
        "conversation_id",
        "over",
        "session_id",
    )

    def __init__(
        self,
        conversation_id: ConversationId,
        session_id: str,
        access: Access,
        submitter: LedgerClient,
        clock: Clock,
        committed: Callable[[FromAgents, Committed], None],
    ) -> None:
        self.conversation_id = conversation_id
        self.session_id = session_id
        self.access = access
        self.over = False
        self._submitter = submitter
        self._clock = clock
        self._committed = committed
        self._listed_ms = max(0, access.high_water_ms - _LOOK_BACK_MS)
        self._recent: tuple[str, ...] = ()
        self._held = 0
        self._lock = asyncio.Lock()

    async def take(self, events: Sequence[FromAgents]) -> None:
        """Submit events in order; returns when all are durable.

        Raises:
            LedgerClosed: the service is stopping.
        """
        async with self._lock:
            await self._take(events)

    async def reconcile(self, system: AgentSystem, streamed: Sequence[FromAgents] = ()) -> None:
        """Read the list from where it was read last, and take it together with what the stream brought.

        Raises:
            CallError: the list could not be read; `streamed` has been taken all the same if the session is over.
            LedgerClosed: the service is stopping.
        """
        async with self._lock:
            try:
                listed = await self._listed(system, wait=any_end(streamed))
            except (AccessExpired, ConversationClosed):
                await self._take(streamed)
                raise
            await self._take(ends_last(merged(listed, streamed)))
            for event in listed:
                self._listed_ms = max(self._listed_ms, event.high_water_ms)

    async def last_list(self, system: AgentSystem) -> None:
        """Read the list once, if that takes no more than seconds, and take what agents said.

        Raises:
            LedgerClosed: the service is stopping.
        """
        since = replace(self.access, high_water_ms=self._listed_ms)
        try:
            async with asyncio.timeout(LAST_LIST_SECONDS):
                listed = (await system.fetch(self.session_id, since)).events
        except (CallError, TimeoutError) as error:
            code = error.code if isinstance(error, CallError) else "timeout"
            _log.info("last_list_missing", session=self.session_id, code=code)
            return
        await self.last_words(listed)

    async def last_words(self, events: Sequence[FromAgents]) -> None:
        """Take what agents said: nothing else counts once a session has ended.

        Raises:
            LedgerClosed: the service is stopping.
        """
        await self.take([event for event in events if isinstance(event, AgentSaid)])

    async def _listed(self, system: AgentSystem, *, wait: bool) -> Sequence[FromAgents]:
        if wait:
            await self._clock.sleep(LAST_WORDS_SECONDS)
        since = replace(self.access, high_water_ms=self._listed_ms)
        listed = (await system.fetch(self.session_id, since)).events
        if wait or not any_end(listed):
            return listed
        return await self._listed(system, wait=True)

    async def _take(self, events: Iterable[FromAgents]) -> None:
        for event in events:
            if event.key and event.key in self._recent:
                self._advance(event)
                continue
            if isinstance(event, PositionAdvanced) and not event.durable and self._held < _MAX_HELD_NOTICES:
                # It changes nothing but the position, and the next event that matters carries a later one. The price of a
                # crash in between is that this much is read again.
                self._held += 1
                self._advance(event)
                continue
            # One by one: if a commit failed and the next succeeded, two events would change places.
            # The cast: an agent system yields subclasses of FromAgents, and those are all events.
            given = Input(self.conversation_id, cast(Event, event))
            committed = await self._submitter.submit(given)
            self._held = 0
            if event.key:
                self._recent = (*self._recent[1 - _REMEMBERED_KEYS :], event.key)
            self._advance(event)
            if committed is not None:
                session = committed.conversation.session
                self.over = session is None or session.id != self.session_id
                self._committed(event, committed)

    def _advance(self, event: FromAgents) -> None:
        position = event.position or self.access.position
        high_water = max(event.high_water_ms, self.access.high_water_ms)
        if position != self.access.position or high_water != self.access.high_water_ms:
            self.access = replace(self.access, position=position, high_water_ms=high_water)


def merged(listed: Sequence[FromAgents], streamed: Sequence[FromAgents]) -> list[FromAgents]:
    """Both, in the list's order; what only the stream has (typing, entries newer than the list) comes after."""
    if not streamed:
        return list(listed)
    known = {event.key for event in listed}
    positions = {event.key: event.position for event in streamed if event.position}
    ordered = [
        replace(event, position=positions[event.key])
        if not event.position and event.key in positions
        else event
        for event in listed
    ]
    ordered.extend(event for event in streamed if not event.key or event.key not in known)
    return ordered


def any_end(events: Sequence[FromAgents]) -> bool:
    """Whether one of the events says that the session is over."""
    return any(isinstance(event, AgentSessionEnded) for event in events)


def ends_last(events: list[FromAgents]) -> list[FromAgents]:
    """What was said after the end is told before it: once the session has ended, nobody listens any more."""
    first = next((n for n, event in enumerate(events) if isinstance(event, AgentSessionEnded)), None)
    if first is None:
        return events
    after = events[first:]
    said = [event for event in after if isinstance(event, AgentSaid)]
    return [*events[:first], *said, *(event for event in after if not isinstance(event, AgentSaid))]


async def reconcile_quietly(intake: AgentEventWriter, system: AgentSystem) -> None:
    """Read the list if it can be read: the last chance before an end, not a reason to hold it up."""
    try:
        await intake.reconcile(system)
    except CallError as error:
        _log.info("last_list_missing", session=intake.session_id, code=error.code, status=error.status)
