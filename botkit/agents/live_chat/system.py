"""Live Chat as an agent system of BotKit: implements `botkit.agents.AgentSystem` with the parts of this package.

Messages arrive by long polls, and a session ends when it is not polled. `Access` holds everything that must outlive the process;
other state is in memory (`chat.Chat`). The API has no delivery receipts: the next poll's `ack` says which messages were read.
Sections are those of docs/protocols/salesforce-live-chat.md.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Literal

import msgspec

from botkit.agents.api import AgentSystem, Batch, File, Granted, Section
from botkit.agents.live_chat.calls import (
    MAX_FILE_BYTES,
    Credentials,
    FileRequest,
    LiveChatCalls,
    custom_event,
    idle_warning,
    rules_triggered,
    typing,
    upload_request,
)
from botkit.agents.live_chat.chat import Chat
from botkit.agents.live_chat.connection import Connection
from botkit.agents.live_chat.listening import Listener
from botkit.agents.live_chat.masking import IsolatedMasker, Masked, Masker, NotMaskable
from botkit.agents.live_chat.position import Position, digest
from botkit.agents.live_chat.posting import Poster
from botkit.agents.live_chat.prechat import chat_request
from botkit.agents.live_chat.replies import check_setup, message_of, read_availability, read_session
from botkit.agents.live_chat.settings import (
    SCHEMA,
    LiveChatSettings,
    check_records,
    normalize_live_agent_url,
    switched,
)
from botkit.agents.salesforce import parse_organization_id
from botkit.boottime import boottime
from botkit.checks import Check, Surroundings
from botkit.errors import (
    AccessExpired,
    AgentsUnavailable,
    BadReply,
    CallError,
    CallRefused,
    ConversationClosed,
    MessageWithheld,
)
from botkit.handoff.conversation import Access
from botkit.handoff.rules import Capabilities
from botkit.http import Request, Response, Transport
from botkit.http.lenient_json import text as text_of
from botkit.observability.events import get_logger

_log = get_logger("botkit.agents")

_MAX_SWITCHES = 3
_REMEMBERED_CHATS = 20_000


class LiveChatSystem(AgentSystem):
    """One Live Chat deployment (`type: salesforce-live-chat`).

    Args:
        clock: epoch seconds.
        monotonic: seconds that never go back, also those in which the machine sleeps.
        sleep: waits for some seconds.
        masker: applies sensitive-data rules.
    """

    schema = SCHEMA
    settings_type = LiveChatSettings
    settings: LiveChatSettings

    def __init__(
        self,
        name: str,
        settings: object,
        transport: Transport,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = boottime,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        masker: Masker | None = None,
    ) -> None:
        super().__init__(name, settings, transport)
        self._transport = transport
        self._clock = clock
        self._monotonic = monotonic
        self._masker = masker or IsolatedMasker()
        self._calls = LiveChatCalls(self.settings)
        connection = Connection(
            self._calls,
            transport,
            margin_seconds=self.settings.poll_margin.total_seconds(),
            clock=clock,
            monotonic=monotonic,
            sleep=sleep,
        )
        self._poster = Poster(connection)
        self._listener = Listener(connection, answer_within=self.settings.answer_within.total_seconds())
        self._chats: OrderedDict[str, Chat] = OrderedDict()

    @classmethod
    def parsers(cls, *, insecure_http: bool) -> Mapping[str, Callable[[str], object]]:
        """The endpoint, and ids without spaces around them."""
        return {
            "live_agent_url": partial(normalize_live_agent_url, insecure_http=insecure_http),
            "organization_id": parse_organization_id,
            **dict.fromkeys(("deployment_id", "button_id", "agent_id", "button_overrides"), str.strip),
        }

    @classmethod
    def check(cls, section: Section) -> None:
        """Report records that Salesforce would ignore silently."""
        check_records(section)

    @classmethod
    def summary(cls, settings: LiveChatSettings) -> str:
        """Where the deployment is."""
        return f"at {settings.live_agent_url}, retired by Salesforce"

    @classmethod
    def notice(cls, used_by: Sequence[str]) -> str:
        """Salesforce has retired Live Chat; the replacement."""
        return (
            "Salesforce retired Live Chat (salesforce-live-chat) on 14 February 2026; "
            f"it is used by {', '.join(used_by)}. "
            "Publish a Messaging for In-App and Web deployment of type Custom Client, and name it in a system of "
            "type salesforce-miaw"
        )

    @classmethod
    def capabilities_for(cls, settings: LiveChatSettings) -> Capabilities:
        """The deployment's limits. The service fails on text before an agent has accepted (5), so BotKit holds it back."""
        return Capabilities(
            max_text=settings.max_text,
            lists_events=False,
            takes_text_before_agent=False,
            files="on_request",
            max_file_bytes=MAX_FILE_BYTES,
            meta_infos=("liveChatMetaInfo", "miawMetaInfo"),
        )

    def checks(self, surroundings: Surroundings) -> Sequence[Check]:
        """The checks of `botkit doctor`, named ``live_chat.…``."""
        from botkit.agents.live_chat.doctor import live_chat_checks  # The service needs none of it.

        return live_chat_checks(
            self, self.settings, self._transport, surroundings, new_id=lambda: str(uuid.uuid4())
        )

    async def open(self, session_id: str) -> Granted:
        """Begin a session if an agent is available. It expires soon unless the chat is requested (2.1).

        Raises:
            AgentsUnavailable: no agent is available for this chat.
            CallError: a session could not be created.
        """
        base = self.settings.live_agent_url
        if self.settings.availability_check:
            available, base = await self._availability()
            if available is False:
                raise AgentsUnavailable("ask for availability", detail="no agent is online for this chat")
        response, base = await self._following(self._calls.session_id, base)
        credentials = read_session(response, base=base)
        position = Position(affinity=credentials.affinity)
        return Granted(
            Access(msgspec.json.encode(credentials).decode(), position=position.written()), expires_at=None
        )

    async def start(
        self, session_id: str, access: Access, *, attributes: Sequence[tuple[str, str]], language: str
    ) -> None:
        """Request the chat. The server recognises a repeated request by its number; it counts as done."""
        chat = self._chat(session_id, access)
        body = chat_request(
            self.settings, chat_id=chat.credentials.id, attributes=attributes, language=language
        )
        try:
            await self._poster.request_chat(chat, body)
        except ConversationClosed as closed:
            raise CallRefused(
                closed.what, status=closed.status, detail="the session expired before the chat was requested"
            ) from closed

    async def send(self, session_id: str, access: Access, *, message_id: str, text: str) -> None:
        """Deliver a message of the user, masked by the organisation's rules.

        Raises:
            MessageWithheld: the organisation's rules could not be applied to it.
            CallError: it was not accepted, or the outcome is unknown.
        """
        chat = self._chat(session_id, access)
        masked = await self._masked(chat, access, text, what="send a message")
        if masked.text.strip() or not masked.triggered:
            await self._poster.say(chat, message_id, masked.text)
        if masked.triggered:
            await self._report_masking(chat, message_id, masked)

    async def typing(self, session_id: str, access: Access, *, started: bool) -> None:
        """Show the user's typing to the agent, once an agent is present."""
        chat = self._chat(session_id, access)
        if chat.position.agents:
            await self._poster.post(chat, f"typing/{started}", typing(started=started))

    async def routing(self, session_id: str, access: Access) -> Literal["searching", "present", "over"]:
        """The state according to the polls so far; the API has no call for it. A chat without an agent is searching."""
        chat = self._chat(session_id, access)
        if chat.over:
            return "over"
        return "present" if chat.position.agents else "searching"

    async def end(self, session_id: str, access: Access) -> Batch:
        """End the chat, then the session. A chat that has ended, or never began, counts as done."""
        chat = self._chat(session_id, access)
        chat.over = chat.over or _position(access, chat.credentials).over
        last_words = await self._poster.end(chat)
        self._chats.pop(session_id, None)
        return last_words

    async def listen(self, session_id: str, access: Access) -> AsyncGenerator[Batch, None]:
        """Events from `access.position` on, by long polls; each poll acknowledges the stored events of the one before."""
        chat = self._chat(session_id, access)
        chat.attach(_position(access, chat.credentials))
        async with aclosing(self._listener.listen(chat)) as batches:
            async for batch in batches:
                yield batch

    async def fetch(self, session_id: str, access: Access) -> Batch:
        """An empty batch: the API has no list of events, and its polls miss none.

        Raises:
            CallError: the error of the last poll, because an empty batch would look like a success.
        """
        chat = self._chats.get(session_id)
        if chat is not None and chat.trouble is not None:
            raise chat.trouble
        return Batch(())

    # --- optional abilities ---

    async def custom_event(self, session_id: str, access: Access, *, name: str, data: str) -> None:
        """Send a custom event to the agent's console (2.8), masked like any text of the user."""
        chat = self._chat(session_id, access)
        key = f"custom/{name}/{digest(data)}"
        masked = await self._masked(chat, access, data, what="send a custom event")
        await self._poster.post(chat, key, custom_event(name, masked.text))
        if masked.triggered:
            await self._report_masking(chat, key, masked)

    async def idle_notice(self, session_id: str, access: Access, *, warned: bool) -> None:
        """Record in the chat that the user was warned of being idle, or is back (2.10)."""
        chat = self._chat(session_id, access)
        await self._poster.post(chat, f"idle/{warned}", idle_warning(triggered=warned))

    async def send_file(
        self, session_id: str, access: Access, *, message_id: str, file: File, request: str
    ) -> None:
        """Upload the file that an agent asked for (2.21).

        A request is valid for one file. If an attempt got no answer and the next one is refused, the first attempt counts as
        delivered. If it was not, Salesforce reports that (FileTransfer).

        Raises:
            HostNotAllowed: the address is not Salesforce's.
            CallRefused: the file is too large, or no agent waits for it.
            CallError: it did not arrive.
        """
        chat = self._chat(session_id, access)
        wanted = FileRequest.read(request)
        if wanted is None:
            raise CallRefused("upload a file", detail="no agent has asked for one")
        upload = upload_request(self.settings, chat.credentials, wanted, base=chat.session.base, file=file)
        try:
            check_setup(upload.what, await self._transport.send(upload), now=self._clock())
        except CallRefused:
            if chat.upload_in_doubt != request:
                raise
            _log.info("upload_taken_for_done", session=session_id)
        except CallError:
            chat.upload_in_doubt = request
            raise

    # --- inside ---

    async def _availability(self) -> tuple[bool | None, str]:
        """Whether an agent is available (None: unknown, which does not stop the chat (8)), and the base URL from now on."""
        base = self.settings.live_agent_url
        try:
            response, base = await self._following(self._calls.availability, base)
        except CallError as error:
            _log.info("availability_unknown", system=self.name, code=error.code, status=error.status)
            return None, base
        return read_availability(response, self.settings.targets), base

    async def _following(self, build: Callable[[str], Request], base: str) -> tuple[Response, str]:
        """Send a request, and follow SwitchServer to another server (2.19)."""
        for _ in range(_MAX_SWITCHES + 1):
            request = build(base)
            response = check_setup(request.what, await self._transport.send(request), now=self._clock())
            new_url = text_of(message_of(response, "SwitchServer").get("newUrl"))
            if not new_url:
                return response, base
            new_base = switched(base, new_url)
            if new_base is None:
                raise BadReply(request.what, detail="SwitchServer names a host that is not Salesforce's")
            base = new_base
        raise BadReply(request.what, detail="too many redirections by SwitchServer")

    async def _masked(self, chat: Chat, access: Access, text: str, *, what: str) -> Masked:
        # An event's rules are in the ledger, and so in `access`, before the listener asks for the next batch.
        known = (*chat.position.rules, *_position(access, chat.credentials).rules)
        if not known:
            return Masked(text)
        try:
            return await self._masker(text, tuple(dict.fromkeys(known)))
        except NotMaskable as error:
            _log.error("sensitive_data_rules_unusable", session=chat.session_id, reason=str(error))
            raise MessageWithheld(
                what, detail="the organisation's sensitive-data rules cannot be applied"
            ) from error

    async def _report_masking(self, chat: Chat, message_id: str, masked: Masked) -> None:
        """Report which rules were applied (2.20). The text is masked either way."""
        try:
            await self._poster.post(chat, f"{message_id}/rules", rules_triggered(masked.triggered))
        except CallError as error:
            _log.info("masking_not_reported", session=chat.session_id, code=error.code, status=error.status)

    def _chat(self, session_id: str, access: Access) -> Chat:
        chat = self._chats.get(session_id)
        if chat is None:
            credentials = _credentials(access)
            chat = Chat(session_id, credentials, _position(access, credentials), now=self._monotonic())
            self._chats[session_id] = chat
            if len(self._chats) > _REMEMBERED_CHATS:
                self._chats.popitem(last=False)
        return chat


_decode_credentials = msgspec.json.Decoder(Credentials).decode


def _credentials(access: Access) -> Credentials:
    try:
        return _decode_credentials(access.credentials)
    except msgspec.DecodeError:
        raise AccessExpired(
            "use the stored access", detail="it is not one of salesforce-live-chat's"
        ) from None


def _position(access: Access, credentials: Credentials) -> Position:
    return Position.read(access.position) or Position(affinity=credentials.affinity)
