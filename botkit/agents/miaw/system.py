"""MIAW as an agent system of BotKit: implements `botkit.agents.AgentSystem` with the calls of this package.

One guest token per conversation, because tokens and streams belong to a subject (docs/protocols/salesforce-miaw.md, 1.6). The
agent session's id is the conversation's id, so creating it twice gives the same conversation.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from functools import partial
from typing import Literal

from msgspec.structs import replace

from botkit.agents.api import AgentSystem, Batch, File, Granted
from botkit.agents.miaw.calls import (
    Deployment,
    MiawCalls,
    guest_token_request,
    read_deployment,
    read_token,
)
from botkit.agents.miaw.connection import Connection, credentials_of, token_of
from botkit.agents.miaw.contents import with_openable_links
from botkit.agents.miaw.continuity import Continuity
from botkit.agents.miaw.entries import read_entry, read_envelope
from botkit.agents.miaw.event_stream import EventStream, ServerEvent
from botkit.agents.miaw.history import read_history
from botkit.agents.miaw.identifiers import derived_id
from botkit.agents.miaw.memory import Memories
from botkit.agents.miaw.plain_messages import EVENT, read_plain_message
from botkit.agents.miaw.posting import Poster
from botkit.agents.miaw.prechat import PrechatForm
from botkit.agents.miaw.replies import check_setup, check_stream, says_expired
from botkit.agents.miaw.settings import SCHEMA, MiawSettings, normalize_base_url
from botkit.agents.salesforce import parse_organization_id
from botkit.boottime import boottime
from botkit.checks import Check, Surroundings
from botkit.errors import AccessExpired, CallRefused, ConversationClosed
from botkit.handoff.conversation import Access, Instant
from botkit.handoff.events import AgentSaid, FromAgents
from botkit.handoff.rules import Capabilities
from botkit.http import Response, Transport
from botkit.http.hosts import named_host
from botkit.http.lenient_json import encoded, members, text, try_decoded

SILENCE_SECONDS = 90.0
"""The ping interval is undocumented; Salesforce's own sample closes a silent stream after 90 s (4.2)."""

MAX_TEXT = 10_000
"""Undocumented; the protocol page assumes this value (6)."""

MAX_FILE_BYTES = 5 * 1024 * 1024
"""The largest limit of a channel (3.3, 6)."""

_KEEP_ALIVE = Batch(())
"""Most batches that streams ever bring."""
_ROUTING: Mapping[str, Literal["searching", "present", "over"]] = {
    # 2.3: after an agent has left, NEEDS_ROUTING means that there is no search for another one.
    "INITIAL": "searching",
    "TRANSFER": "searching",
    "ROUTED": "present",
    "NEEDS_ROUTING": "over",
}


class MiawSystem(AgentSystem):
    """One MIAW deployment (`type: salesforce-miaw`).

    Args:
        clock: epoch seconds.
        monotonic: seconds that never go back, also those in which the machine sleeps.
        new_id: draws a UUID.
    """

    schema = SCHEMA
    settings_type = MiawSettings
    settings: MiawSettings

    def __init__(
        self,
        name: str,
        settings: object,
        transport: Transport,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = boottime,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        super().__init__(name, settings, transport)
        self._calls = MiawCalls(self.settings)
        self._transport = transport
        self._clock = clock
        self._new_id = new_id
        self._connection = Connection(self._calls, transport, clock=clock)
        self._memories = Memories(monotonic=monotonic)
        self._poster = Poster(self._connection, self._memories)
        self._form = PrechatForm(name)
        self._deployment = Deployment()

    @classmethod
    def parsers(cls, *, insecure_http: bool) -> Mapping[str, Callable[[str], object]]:
        """The organisation's id and base URL."""
        return {
            "organization_id": parse_organization_id,
            "organization_base_url": partial(normalize_base_url, insecure_http=insecure_http),
        }

    @classmethod
    def summary(cls, settings: MiawSettings) -> str:
        """The deployment's address, and how events are received."""
        return f"at {settings.organization_base_url}, {settings.receive}"

    @classmethod
    def capabilities_for(cls, settings: MiawSettings) -> Capabilities:
        """The channel's limits; files unless they are switched off."""
        return Capabilities(
            receive=settings.receive,
            poll_interval=settings.poll_interval,
            max_text=MAX_TEXT,
            files="always" if settings.attachments else "none",
            max_file_bytes=MAX_FILE_BYTES,
        )

    def checks(self, surroundings: Surroundings) -> Sequence[Check]:
        """The checks of `botkit doctor`, named ``salesforce.…``."""
        from botkit.agents.miaw.doctor import miaw_checks  # The service needs none of it.

        return miaw_checks(
            self.settings,
            self._transport,
            surroundings,
            clock=self._clock,
            new_id=self._new_id,
            meta_infos=self.capabilities_for(self.settings).meta_infos,
        )

    async def open(self, session_id: str) -> Granted:
        """Get a guest token. A second token for the same session is another guest; the first one then remains unused."""
        request = guest_token_request(self.settings)
        response = await self._transport.send(request)
        now = self._clock()
        token = read_token(check_setup(request.what, response, now=now), now=now)
        if token.configuration != self._deployment.configuration:
            # Parsed only when it has changed; all conversations share the result.
            self._deployment = read_deployment(token.configuration)
            self._form.learn(token.configuration)
        lifetime = token.lifetime_seconds
        expires_at = None if lifetime is None else Instant(now + lifetime)
        return Granted(
            Access(credentials_of(token.access_token), position=token.last_event_id),
            expires_at,
            self._deployment.file_limits,
            self._deployment.nobody_message,
        )

    async def start(
        self, session_id: str, access: Access, *, attributes: Sequence[tuple[str, str]], language: str
    ) -> None:
        """Create the conversation, which starts routing (2.1)."""
        wanted = dict(attributes)
        self._form.compare(wanted, session_id=session_id)
        self._memories.of(session_id).new_session = (encoded(wanted), language)
        token = token_of(access)
        request = self._calls.create(token, session_id, attributes=wanted, language=language)
        response = await self._transport.send(request)
        if response.status == 409:
            # The conversation exists. If our token may read it, an earlier attempt created it, and its answer was lost.
            await self._connection.call(self._calls.status(token, session_id))
            return
        if response.status == 401:
            raise named_host(AccessExpired(request.what, status=401), request.url)
        check_setup(request.what, response, now=self._clock(), hide=wanted.values())

    async def send(self, session_id: str, access: Access, *, message_id: str, text: str) -> None:
        """Deliver a message of the user, at most 22 a minute.

        A 417 means that the messaging session is over and the deployment requires pre-chat for a new one (3.1): the message is
        sent once more with it, if this process still has the attributes of the session's start.

        Raises:
            RateLimited: without a status if our own rate limit holds the message back; nothing was sent.
        """
        await self._poster.say(session_id, access, message_id=message_id, text=text)

    async def send_file(
        self, session_id: str, access: Access, *, message_id: str, file: File, request: str
    ) -> None:
        """Give the agent a file (3.3).

        Raises:
            CallRefused: the channel accepts no files, or not this type (415) or size (413).
            RateLimited: without a status if our own rate limit holds the file back; nothing was sent.
        """
        await self._poster.give_file(session_id, access, message_id=message_id, file=file)

    async def typing(self, session_id: str, access: Access, *, started: bool) -> None:
        """Show the agent that the user is typing, or stopped."""
        await self._connection.call(
            self._calls.typing(token_of(access), session_id, entry_id=self._new_id(), started=started)
        )

    async def acknowledge(self, session_id: str, access: Access, *, entry_ids: Sequence[str]) -> None:
        """Send delivery receipts. An entry's receipt has the same id on every attempt."""
        acks = [(derived_id("receipt", session_id, entry_id), entry_id) for entry_id in entry_ids]
        if acks:
            await self._connection.call(self._calls.acknowledge(token_of(access), session_id, acks=acks))

    async def routing(self, session_id: str, access: Access) -> Literal["searching", "present", "over"]:
        """Ask for the routing status. An unknown status counts as searching, so it ends no conversation."""
        try:
            response = await self._connection.call(self._calls.status(token_of(access), session_id))
        except ConversationClosed:
            return "over"
        return _ROUTING.get(
            text(members(try_decoded(response.body)).get("routingStatus")).upper(), "searching"
        )

    async def end(self, session_id: str, access: Access) -> None:
        """End the messaging session, then close the conversation, so that a late message cannot open a new session."""
        token = token_of(access)
        for request in (self._calls.end_session(token, session_id), self._calls.close(token, session_id)):
            try:
                await self._connection.call(request)
            except (ConversationClosed, CallRefused):
                # It has ended already, or is no longer ours. After a refused end of the session the conversation can still
                # be closed; a refused close would be refused again.
                continue
        self._memories.forget(session_id)

    async def listen(self, session_id: str, access: Access) -> AsyncGenerator[Batch, None]:
        """Yield the stream's events from `access.position` on, one batch per chunk; an empty one for a keep-alive."""
        request = self._calls.stream(token_of(access), last_event_id=access.position)
        what, url = request.what, request.url
        opening = self._transport.stream(request, silence_seconds=SILENCE_SECONDS)
        # The headers hold a long token, and most streams are open for hours.
        del request
        async with opening as stream:
            kind = stream.headers.get("Content-Type", "text/event-stream")
            if stream.status != 200 or not kind.lower().startswith("text/event-stream"):
                refusal = Response(stream.status, stream.headers, await stream.read(), url)
                check_stream(what, refusal, now=self._clock())
            yield _KEEP_ALIVE
            parser, continuity = EventStream(access.position), Continuity(access.position)
            async for chunk in stream.chunks():
                if parser.between_lines and chunk[:1] in (b"{", b"J") and says_expired(chunk):
                    # A message of the gateway within the stream (1.6); no line of an event begins like this.
                    raise AccessExpired(what, detail="the token expired while the stream was open")
                arrived = parser.feed(chunk)
                # Most streams are silent for hours and must not hold their last chunk in memory.
                del chunk
                if arrived or parser.between_lines:
                    doubt = continuity.doubt([event.id for event in arrived])
                    events = self._from_stream(session_id, arrived)
                    batch = Batch(events, doubt) if events or doubt else _KEEP_ALIVE
                    del arrived, events
                    yield batch
                    del batch

    async def fetch(self, session_id: str, access: Access) -> Batch:
        """Every event since `access.high_water_ms`, with a small overlap, in the server's order."""
        memory = self._memories.of(session_id)
        events, memory.settled = await read_history(
            self._connection.page(session_id, access),
            session_id=session_id,
            since_ms=access.high_water_ms,
            at=Instant(self._clock()),
            settled=memory.settled,
        )
        return Batch(self._with_absolute_links(events))

    def _from_stream(self, session_id: str, arrived: Sequence[ServerEvent]) -> tuple[FromAgents, ...]:
        at = Instant(self._clock())
        events: list[FromAgents] = []
        for event in arrived:
            if event.type == "ping":
                continue
            if event.type == EVENT:
                said = read_plain_message(event.data, session_id=session_id, at=at, position=event.id)
                if said is not None:
                    events.append(said)
                    continue
            conversation_id, entry = read_envelope(event.data)
            # A stream has all conversations of the token's subject (4.5). Ours has only one; filter anyway.
            # An envelope without the id can only be about it.
            if entry and conversation_id.lower() in (session_id, ""):
                read = read_entry(entry, session_id=session_id, at=at, position=event.id)
                events.extend(self._with_absolute_links(read))
        return tuple(events)

    def _with_absolute_links(self, events: Sequence[FromAgents]) -> tuple[FromAgents, ...]:
        """Some organisations state the addresses of attachments without their host."""
        base = self.settings.organization_base_url
        return tuple(
            replace(event, content=with_openable_links(event.content, base))
            if isinstance(event, AgentSaid) and event.content.links
            else event
            for event in events
        )
