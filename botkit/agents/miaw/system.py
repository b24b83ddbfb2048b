"""MIAW as an agent system of BotKit: implements `botkit.agents.AgentSystem` with the calls of this package.

One guest token per conversation, because tokens and streams belong to a subject (docs/protocols/salesforce-miaw.md, 1.6). The
agent session's id is the conversation's id, so creating it twice gives the same conversation.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import msgspec
from msgspec.structs import replace

from botkit.agents.api import AgentSystem, Batch, File, Granted
from botkit.agents.miaw.calls import (
    SEND_FILE,
    Deployment,
    MiawCalls,
    guest_token_request,
    read_deployment,
    read_token,
)
from botkit.agents.miaw.contents import with_openable_links
from botkit.agents.miaw.continuity import Continuity
from botkit.agents.miaw.doctor import miaw_checks
from botkit.agents.miaw.entries import read_entry, read_envelope
from botkit.agents.miaw.event_stream import EventStream, ServerEvent
from botkit.agents.miaw.history import Settled, read_history
from botkit.agents.miaw.pace import Pace
from botkit.agents.miaw.prechat import PrechatForm
from botkit.agents.miaw.replies import check, check_setup, check_stream, says_expired
from botkit.agents.miaw.settings import SCHEMA, MiawSettings, normalize_base_url
from botkit.agents.salesforce import parse_organization_id
from botkit.boottime import boottime
from botkit.checks import Check, Surroundings
from botkit.errors import (
    AccessExpired,
    CallError,
    CallRefused,
    ConversationClosed,
    NewSessionRequired,
    RateLimited,
)
from botkit.handoff.conversation import Access, Instant
from botkit.handoff.events import AgentSaid, FromAgents
from botkit.handoff.rules import Capabilities
from botkit.http import Request, Response, Transport
from botkit.http.hosts import named_host
from botkit.http.lenient_json import encoded, members, text, try_decoded

SILENCE_SECONDS = 90.0
"""The ping interval is undocumented; Salesforce's own sample closes a silent stream after 90 s (4.2)."""

MAX_TEXT = 10_000
"""Undocumented; the protocol page assumes this value (6)."""

MAX_FILE_BYTES = 5 * 1024 * 1024
"""The largest limit of a channel (3.3, 6)."""

_REMEMBERED_SESSIONS = 20_000

_MAY_BE_REPEATED = (400, 409)
"""Likely statuses for a repeated message id: a related API sends them (3.1)."""

_RETRIED_FOR_MS = 600_000
"""The maximum age of a message's first attempt: well over the time after which sending is given up."""

_ROUTING: Mapping[str, Literal["searching", "present", "over"]] = {
    # 2.3: after an agent has left, NEEDS_ROUTING means that there is no search for another one.
    "INITIAL": "searching",
    "TRANSFER": "searching",
    "ROUTED": "present",
    "NEEDS_ROUTING": "over",
}


class _Credentials(msgspec.Struct, frozen=True, rename="camel"):
    """The JSON in `Access.credentials`."""

    access_token: str


@dataclass(slots=True)
class _Memory:
    """One session's state in this process; a new process does not need it."""

    pace: Pace
    new_session: tuple[bytes, str] | None = field(default=None, repr=False)
    """Routing attributes, as JSON (a third of the memory), and the language."""
    settled: Settled | None = None


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
        self._monotonic = monotonic
        self._new_id = new_id
        self._form = PrechatForm(name)
        self._deployment = Deployment()
        self._memories: OrderedDict[str, _Memory] = OrderedDict()

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
        credentials = msgspec.json.encode(_Credentials(token.access_token)).decode()
        lifetime = token.lifetime_seconds
        expires_at = None if lifetime is None else Instant(now + lifetime)
        return Granted(
            Access(credentials, position=token.last_event_id),
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
        self._memory(session_id).new_session = (encoded(wanted), language)
        token = _token(access)
        request = self._calls.create(token, session_id, attributes=wanted, language=language)
        response = await self._transport.send(request)
        if response.status == 409:
            # The conversation exists. If our token may read it, an earlier attempt created it, and its answer was lost.
            await self._in_conversation(self._calls.status(token, session_id))
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
        token, memory = _token(access), self._memory(session_id)
        try:
            await self._deliver(
                session_id,
                access,
                message_id,
                self._calls.send(token, session_id, message_id=message_id, text=text),
            )
        except NewSessionRequired:
            if memory.new_session is None:
                raise
            attributes, language = memory.new_session
            new_session = (_decode_attributes(attributes), language)
            request = self._calls.send(
                token, session_id, message_id=message_id, text=text, new_session=new_session
            )
            await self._paced(memory.pace, request)

    async def send_file(
        self, session_id: str, access: Access, *, message_id: str, file: File, request: str
    ) -> None:
        """Give the agent a file (3.3).

        Raises:
            CallRefused: the channel accepts no files, or not this type (415) or size (413).
            RateLimited: without a status if our own rate limit holds the file back; nothing was sent.
        """
        file_id = _derived_id("file", session_id, message_id)
        call = self._calls.send_file(
            _token(access), session_id, message_id=message_id, file_id=file_id, file=file
        )
        await self._deliver(session_id, access, message_id, call)

    async def typing(self, session_id: str, access: Access, *, started: bool) -> None:
        """Show the agent that the user is typing, or stopped."""
        await self._in_conversation(
            self._calls.typing(_token(access), session_id, entry_id=self._new_id(), started=started)
        )

    async def acknowledge(self, session_id: str, access: Access, *, entry_ids: Sequence[str]) -> None:
        """Send delivery receipts. An entry's receipt has the same id on every attempt."""
        acks = [(_derived_id("receipt", session_id, entry_id), entry_id) for entry_id in entry_ids]
        if acks:
            await self._in_conversation(self._calls.acknowledge(_token(access), session_id, acks=acks))

    async def routing(self, session_id: str, access: Access) -> Literal["searching", "present", "over"]:
        """Ask for the routing status. An unknown status counts as searching, so it ends no conversation."""
        try:
            response = await self._in_conversation(self._calls.status(_token(access), session_id))
        except ConversationClosed:
            return "over"
        return _ROUTING.get(
            text(members(try_decoded(response.body)).get("routingStatus")).upper(), "searching"
        )

    async def end(self, session_id: str, access: Access) -> None:
        """End the messaging session, then close the conversation, so that a late message cannot open a new session."""
        token = _token(access)
        for request in (self._calls.end_session(token, session_id), self._calls.close(token, session_id)):
            try:
                await self._in_conversation(request)
            except (ConversationClosed, CallRefused):
                # It has ended already, or is no longer ours. After a refused end of the session the conversation can still
                # be closed; a refused close would be refused again.
                continue
        self._memories.pop(session_id, None)

    async def listen(self, session_id: str, access: Access) -> AsyncGenerator[Batch, None]:
        """Yield the stream's events from `access.position` on, one batch per chunk; an empty one for a keep-alive."""
        request = self._calls.stream(_token(access), last_event_id=access.position)
        what, url = request.what, request.url
        opening = self._transport.stream(request, silence_seconds=SILENCE_SECONDS)
        # The headers hold a long token, and most streams are open for hours.
        del request
        async with opening as stream:
            kind = stream.headers.get("Content-Type", "text/event-stream")
            if stream.status != 200 or not kind.lower().startswith("text/event-stream"):
                refusal = Response(stream.status, stream.headers, await stream.read(), url)
                check_stream(what, refusal, now=self._clock())
            yield Batch(())
            parser, continuity = EventStream(access.position), Continuity(access.position)
            async for chunk in stream.chunks():
                if parser.between_lines and chunk[:1] in (b"{", b"J") and says_expired(chunk):
                    # A message of the gateway within the stream (1.6); no line of an event begins like this.
                    raise AccessExpired(what, detail="the token expired while the stream was open")
                arrived = parser.feed(chunk)
                # Most streams are silent for hours and must not hold their last chunk in memory.
                del chunk
                if arrived or parser.between_lines:
                    doubt = continuity.doubt(event.id for event in arrived)
                    batch = Batch(self._from_stream(session_id, arrived), doubt)
                    del arrived
                    yield batch
                    del batch

    async def fetch(self, session_id: str, access: Access) -> Batch:
        """Every event since `access.high_water_ms`, with a small overlap, in the server's order."""
        memory = self._memory(session_id)
        events, memory.settled = await read_history(
            self._page(session_id, access),
            session_id=session_id,
            since_ms=access.high_water_ms,
            at=Instant(self._clock()),
            settled=memory.settled,
        )
        return Batch(self._with_absolute_links(events))

    async def _deliver(self, session_id: str, access: Access, message_id: str, request: Request) -> None:
        """Send a message once.

        The answer to a repeated message id is undocumented (3.1): a refusal counts as success if the list has the entry.
        """
        pace = self._memory(session_id).pace
        if (wait := pace.wait()) > 0:
            raise RateLimited(request.what, retry_after=wait, detail="22 messages went in the last minute")
        try:
            await self._paced(pace, request)
        except CallRefused as refused:
            if refused.status not in _MAY_BE_REPEATED or not await self._lists(
                session_id, access, message_id
            ):
                raise

    async def _lists(self, session_id: str, access: Access, message_id: str) -> bool:
        """Whether the list has an entry with the message's id, among those as recent as a retried message."""
        events, _ = await read_history(
            self._page(session_id, access),
            session_id=session_id,
            since_ms=max(access.high_water_ms - _RETRIED_FOR_MS, 0),
            at=Instant(self._clock()),
        )
        return f"{session_id}/{message_id}" in {event.key for event in events}

    def _page(self, session_id: str, access: Access) -> Callable[[int], Awaitable[Response]]:
        token = _token(access)

        async def page(since_ms: int) -> Response:
            return await self._in_conversation(self._calls.entries(token, session_id, since_ms=since_ms))

        return page

    def _from_stream(self, session_id: str, arrived: Sequence[ServerEvent]) -> tuple[FromAgents, ...]:
        at = Instant(self._clock())
        events: list[FromAgents] = []
        for event in arrived:
            if event.type == "ping":
                continue
            conversation_id, entry = read_envelope(event.data)
            # A stream has all conversations of the token's subject (4.5). Ours has only one; filter anyway.
            # An envelope without the id can only be about it.
            if entry and conversation_id.lower() in (session_id, ""):
                events.extend(read_entry(entry, session_id=session_id, at=at, position=event.id))
        return self._with_absolute_links(events)

    def _with_absolute_links(self, events: Sequence[FromAgents]) -> tuple[FromAgents, ...]:
        """Some organisations state the addresses of attachments without their host."""
        base = self.settings.organization_base_url
        return tuple(
            replace(event, content=with_openable_links(event.content, base))
            if isinstance(event, AgentSaid) and event.content.links
            else event
            for event in events
        )

    async def _paced(self, pace: Pace, request: Request) -> None:
        """Send a message, and count it unless it failed with a retryable error or is sent again with pre-chat."""
        try:
            await self._in_conversation(request)
        except CallError as error:
            if not error.retryable and not isinstance(error, NewSessionRequired):
                pace.count()
            raise
        pace.count()

    async def _in_conversation(self, request: Request) -> Response:
        response = await self._transport.send(request)
        return check(request.what, response, now=self._clock(), with_file=request.what == SEND_FILE)

    def _memory(self, session_id: str) -> _Memory:
        memory = self._memories.get(session_id)
        if memory is None:
            memory = self._memories[session_id] = _Memory(Pace(clock=self._monotonic))
            if len(self._memories) > _REMEMBERED_SESSIONS:
                self._memories.popitem(last=False)
        return memory


_decode_attributes = msgspec.json.Decoder(dict[str, str]).decode
_decode_credentials = msgspec.json.Decoder(_Credentials).decode


def _token(access: Access) -> str:
    try:
        return _decode_credentials(access.credentials).access_token
    except msgspec.DecodeError:
        raise AccessExpired("use the stored access", detail="it is not one of salesforce-miaw's") from None


def _derived_id(kind: str, session_id: str, name: str) -> str:
    # As `uuid.uuid5` does it, in half the time.
    named = uuid.NAMESPACE_URL.bytes + f"botkit:{kind}:{session_id}/{name}".encode()
    digest = hashlib.sha1(named, usedforsecurity=False).digest()
    return str(uuid.UUID(bytes=digest[:16], version=5))
