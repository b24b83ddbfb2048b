"""The hook events of the XO platform: one declaration each, and the conversion of payloads to events of the hand-off.

To add a hook event, declare it in `HOOK_EVENTS`, at the end of this module. Parser, middleware, handlers and metrics read that
table; none of them lists events itself. Source: docs/protocols/kore-xo-botkit.md, 2.6 and 3.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import msgspec

from botkit.handoff.attributes import as_text
from botkit.handoff.conversation import Instant
from botkit.handoff.end_words import MAX_LENGTH
from botkit.handoff.events import (
    AgentTransfer,
    Alert,
    Attachment,
    BotMessage,
    MetaInfo,
    OtherHook,
    PlatformHookEvent,
    PlatformSessionClosed,
    UserCustomEvent,
    UserMessage,
    UserTyping,
)
from botkit.handoff.record import Record
from botkit.hooks import message, user
from botkit.hooks.identity import MAX_NAME
from botkit.hooks.paths import HookPath
from botkit.hooks.payload import DialogMetaInfo, File, HistoryEntry, Payload
from botkit.http.lenient_json import whole
from botkit.http.links import openable

MAX_ATTACHMENTS = 20
MAX_CUSTOM_EVENT = 20_000
MAX_CUSTOM_EVENT_NAME = 100
MAX_ATTRIBUTES = 500
"""Further attributes of a dialog are left out, and so are those with a name longer than `identity.MAX_NAME`."""
_MAX_INT64 = 2**63 - 1
"""Processes exchange numbers in 64 bits. The platform's have 13 digits."""
SESSION_CLOSURE: Final = "sessionClosure"
_CLOSURES: Final = frozenset(
    {
        "sessionclosure",
        "sessionclosuresuccess",
        "sessionclosed",
        "onsessionclosure",
        "onsessionclosed",
        "conversationsessionclosure",
        "conversationsessionclosed",
        "closeconversationsession",
    }
)
"""The closure of a session in any spelling, without signs and capitals (2.6). SESSION_CLOSURE_IGNORED is none."""
_TYPING = {"TYPING_STARTED": True, "TYPING_STOPPED": False}


class Arrival(Record, frozen=True):
    """One hook as it arrives.

    Attributes:
        path: the bot, the component and the event's name.
        body: the payload's bytes.
        payload: the same, parsed.
        user_id: the canonical name of the user; empty if the payload names none.
        sessions: every id of the platform's session.
        at: when it arrived.
        new_id: draws a UUID 4, for the session of a transfer.
    """

    path: HookPath
    body: bytes
    payload: Payload
    user_id: str
    sessions: tuple[str, ...]
    at: Instant
    new_id: Callable[[], str]

    _hidden = frozenset({"body", "payload"})

    @property
    def key(self) -> str:
        """The deduplication key, where a repeated delivery has the same body.

        One requestId comes with several hooks (a user's message and the bot's answers to it), so the body is a part of the key.
        Without a requestId there is no deduplication: two equal hooks may both be meant.
        """
        return self._key(self.payload.request_id, self.body)

    def message_key(self, content: bytes, client_id: str) -> str:
        """The deduplication key of a user's message with this content. These identify a message:

        1. The client's own id. A client's retry repeats it under a new requestId, and one requestId may last for a whole call.
        2. Without one, the requestId and the times of the user's input: on channels that have neither a client id nor a
           requestId for each message, the same words said again differ in them.
        3. A requestId that is no number is not the platform's number of a message but, for example, that of a call. Then only
           a hook that is the same in every byte is a repetition.

        Otherwise the platform may repeat a message in a changed body (a newer context), so only its content is in the key.
        """
        if client_id:
            return self._key(client_id, content)
        request_id = self.payload.request_id
        if isinstance(request_id, str) and request_id and not request_id.isdecimal():
            return self._key(request_id, self.body)
        if marks := message.marks(self.payload):
            content += b"\x1f" + marks.encode()
        return self._key(request_id, content)

    def _key(self, id: str | int | None, content: bytes) -> str:
        """The id first, as it grows with time, then a digest."""
        if id is None or id == "":
            return ""
        path = self.path
        component = "" if path.event == "on_user_message" else path.component_id
        of_user = f"{path.bot_id}\x1f{path.event}\x1f{component}\x1f{self.user_id}\x1f".encode()
        digest = hashlib.blake2b(of_user + content, digest_size=16)
        return f"{str(id)[:64]}.{digest.hexdigest()}"

    @property
    def request_number(self) -> int | None:
        """The requestId as a number, if it is one."""
        request_id = self.payload.request_id
        if isinstance(request_id, str):
            plain = len(request_id) <= 32 and request_id.isdecimal() and request_id.isascii()
            request_id = int(request_id) if plain else None
        return request_id if request_id is not None and abs(request_id) <= _MAX_INT64 else None


# --- from payloads to events of the hand-off ------------------------------------------------------------------------


def _other(arrival: Arrival) -> PlatformHookEvent:
    return OtherHook(key=arrival.key, at=arrival.at, sessions=arrival.sessions, name=arrival.path.event)


def _user_message(arrival: Arrival) -> PlatformHookEvent:
    payload = arrival.payload
    said = message.read(payload)
    files = _files(payload)
    content = payload.message or ""
    if files:
        content = "\x1f".join([content, *(f"{file.name}\x1e{file.url}" for file in files)])
    return UserMessage(
        key=arrival.message_key(content.encode(), said.client_id),
        at=arrival.at,
        sessions=arrival.sessions,
        text=said.text,
        payload=(payload.message or "") if said.text and said.text != payload.message else "",
        of_client=said.of_client,
        request_id=str(payload.request_id or "")[:64] if said.client_id else "",
        agent_transfer=payload.agent_transfer,
        attachments=files,
        connect=said.connect,
        request_number=arrival.request_number,
        events_url=payload.send_bot_event_url or "",
    )


def _bot_message(arrival: Arrival) -> PlatformHookEvent:
    payload = arrival.payload
    return BotMessage(
        key=arrival.key,
        at=arrival.at,
        sessions=arrival.sessions,
        text=payload.message or None,
        agent_transfer=payload.agent_transfer,
        request_number=arrival.request_number,
    )


def agent_transfer(arrival: Arrival) -> AgentTransfer:
    """A hand-off of this user, with all its data in the payload. A handler may begin one with any other hook too."""
    payload, session = arrival.payload, arrival.payload.bot_user_session
    return AgentTransfer(
        key=arrival.key,
        at=arrival.at,
        sessions=arrival.sessions,
        session_id=arrival.new_id(),
        profile=user.profile(payload, arrival.user_id),
        agent_system=_word(session.miaw_meta_info.agent_system)
        if session.miaw_meta_info is not None
        else None,
        meta_infos=_meta_infos(
            miawMetaInfo=session.miaw_meta_info, liveChatMetaInfo=session.live_chat_meta_info
        ),
        node_name=_node_name(payload),
        request_number=arrival.request_number,
        events_url=payload.send_bot_event_url or "",
    )


def _platform_event(arrival: Arrival) -> PlatformHookEvent:
    kind = event_type(arrival.payload)
    if kind == SESSION_CLOSURE:
        return PlatformSessionClosed(key=arrival.key, at=arrival.at, sessions=arrival.sessions)
    name = arrival.path.event
    return OtherHook(
        key=arrival.key,
        at=arrival.at,
        sessions=arrival.sessions,
        name=f"{name}:{kind[:64]}" if kind else name,
    )


def _alert(arrival: Arrival) -> PlatformHookEvent:
    if not arrival.payload.send_alert_message_url:
        return _other(arrival)
    return Alert(key=arrival.key, at=arrival.at, sessions=arrival.sessions)


def _client_event(arrival: Arrival) -> PlatformHookEvent:
    payload = arrival.payload
    events_url = payload.send_bot_event_url or ""
    if payload.pre_defined_event is not None and payload.pre_defined_event.type in _TYPING:
        started = _TYPING[payload.pre_defined_event.type]
        return UserTyping(
            key=arrival.key, at=arrival.at, sessions=arrival.sessions, started=started, events_url=events_url
        )
    custom = _custom_event(payload)
    if custom is None:
        return _other(arrival)
    name, data = custom
    return UserCustomEvent(
        key=arrival.key, at=arrival.at, sessions=arrival.sessions, name=name, data=data, events_url=events_url
    )


def event_type(payload: Payload) -> str:
    """The type of on_event, empty if it has none. Every spelling of a closure is ``sessionClosure``."""
    named = payload.platform_event.named
    return SESSION_CLOSURE if _letters(named) in _CLOSURES else named


def _letters(name: str) -> str:
    return "".join(filter(str.isalpha, name[:64])).lower()


def _files(payload: Payload) -> tuple[Attachment, ...]:
    """The files that came with a message (4.4), with addresses that open. A file without a URL is left out."""
    channel = payload.channel
    found: Sequence[File] | None = None
    if channel is not None:
        found = channel.attachments or channel.infos.attachments
    if not found and not payload.message:
        last = payload.last_message.message
        found = last.attachments if last is not None else None
    if not found:
        return ()
    base = payload.base_url or payload.send_user_message_url or ""
    files = [
        Attachment(file.file_name or "file", openable(_url(file), base), whole(file.size))
        for file in found[:MAX_ATTACHMENTS]
    ]
    return tuple(file for file in files if file.url)


def _url(file: File) -> str:
    if file.file_url:
        return file.file_url
    url = file.url.get("fileUrl") if isinstance(file.url, dict) else file.url
    return url if isinstance(url, str) else ""


def _custom_event(payload: Payload) -> tuple[str, str] | None:
    """A custom event of the client (2.6): its name, and all of it as JSON text. None for an empty one."""
    found = payload.custom_event
    if not isinstance(found, dict) or not found:
        return None
    data = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    if len(data) > MAX_CUSTOM_EVENT:
        return None
    name = next((found[key] for key in ("type", "name", "eventName") if isinstance(found.get(key), str)), "")
    return name[:MAX_CUSTOM_EVENT_NAME] or "customEvent", data


def _node_name(payload: Payload) -> str:
    """The Agent Transfer node that was reached: the last of its kind in the dialog's history (2.3)."""
    if payload.context is None:
        return ""
    try:
        entries = _history(payload.context.history)
    except (msgspec.DecodeError, RecursionError):
        return ""  # Not the shape of 2.3, so the node's name is unknown.
    reached = (entry for entry in reversed(entries or ()) if entry.type == "agentTransfer")
    return next((entry.component_name or "" for entry in reached), "")


_history = msgspec.json.Decoder(list[HistoryEntry] | None).decode


def _meta_infos(**found: DialogMetaInfo | None) -> tuple[tuple[str, MetaInfo], ...]:
    """The dialog's objects for agent systems, by their names in the payload."""
    return tuple(
        (name, MetaInfo(_pre_chat(info.pre_chat_info), _word(info.end_chat_short_hand_command)))
        for name, info in found.items()
        if info is not None
    )


def _pre_chat(info: Any) -> tuple[tuple[str, str], ...]:
    """`preChatInfo`, as an object or as JSON text. Names are not changed."""
    if isinstance(info, str):
        try:
            info = json.loads(info)
        except (ValueError, RecursionError):
            return ()
    if not isinstance(info, dict):
        return ()
    named = ((name, as_text(value)) for name, value in info.items() if len(name) <= MAX_NAME)
    return tuple(islice(named, MAX_ATTRIBUTES))


def _word(value: Any) -> str | None:
    is_word = isinstance(value, str | int | float) and not isinstance(value, bool)
    word = as_text(value).strip() if is_word else ""
    return word if 0 < len(word) <= MAX_LENGTH else None  # No longer message is such a word.


# --- the declarations -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class HookEvent:
    """The declaration of one hook event.

    Attributes:
        name: the last segment of its path.
        to_event: converts its payload to an event of the hand-off.
        needed_call: the call that must be possible to answer it, otherwise it is refused; empty for none.
        keeps_payload: its payload is kept, so that the user can be written to later.
        answers: the calls that answer it; after one of them nothing happens by default (3: exactly one answer per message).
        skip: the call that answers it where a handler stops without another answer; empty for none.
        detail: reads the detail that a handler may be registered for, such as a component's name; None for no such detail.
        is_request: a dialog waits for the payload in the HTTP response. Such hooks keep no order with others of the user.
    """

    name: str
    to_event: Callable[[Arrival], PlatformHookEvent] = _other
    needed_call: str = ""
    keeps_payload: bool = False
    answers: frozenset[str] = frozenset()
    skip: str = ""
    detail: Callable[[Payload], str | None] | None = None
    is_request: bool = False


HOOK_EVENTS: Final[Mapping[str, HookEvent]] = {
    event.name: event
    for event in (
        HookEvent(
            name="on_user_message",
            to_event=_user_message,
            needed_call="send_bot_message",
            keeps_payload=True,
            answers=frozenset(
                {
                    "send_bot_message",
                    "send_user_message",
                    "skip_bot_message",
                    "start_agent_session",
                    "clear_agent_session",
                }
            ),
            skip="skip_bot_message",
        ),
        HookEvent(
            name="on_bot_message",
            to_event=_bot_message,
            needed_call="send_user_message",
            answers=frozenset({"send_user_message", "skip_user_message"}),
            skip="skip_user_message",
        ),
        HookEvent(
            name="on_agent_transfer",
            to_event=agent_transfer,
            needed_call="send_user_message",
            keeps_payload=True,
            answers=frozenset({"start_agent_session", "clear_agent_session"}),
        ),
        HookEvent(name="on_webhook", detail=lambda payload: payload.dialog_component_name, is_request=True),
        HookEvent(name="on_event", to_event=_platform_event, detail=event_type),
        HookEvent(name="on_alert", to_event=_alert, answers=frozenset({"send_alert_message"})),
        HookEvent(name="on_variable_update"),
        HookEvent(name="on_client_event", to_event=_client_event),
    )
}
"""By name. A hook of any other name is acknowledged and recorded."""


def hook_event(name: str) -> HookEvent:
    """The declaration of this name; a default one for an unknown name."""
    return HOOK_EVENTS.get(name) or HookEvent(name=name)
