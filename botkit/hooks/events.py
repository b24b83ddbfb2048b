"""From a hook to what happened: the payload as an event of the hand-off, with the key it is known by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from botkit.handoff.attributes import as_text
from botkit.handoff.conversation import Instant
from botkit.handoff.events import (
    AgentTransfer,
    Alert,
    Attachment,
    BotMessage,
    Event,
    MetaInfo,
    OtherHook,
    PlatformSessionClosed,
    UserCustomEvent,
    UserMessage,
    UserTyping,
)
from botkit.hooks import people
from botkit.hooks.paths import HookPath
from botkit.hooks.payload import DialogMetaInfo, File, Payload, Step

EVENTS = frozenset(
    {
        "on_user_message",
        "on_bot_message",
        "on_agent_transfer",
        "on_webhook",
        "on_event",
        "on_alert",
        "on_variable_update",
        "on_client_event",
    }
)
"""The names of protocols/kore-xo-botkit.md, 2.6. Any other is acknowledged too."""

MAX_ATTACHMENTS = 20
MAX_CUSTOM_EVENT = 20_000
MAX_CUSTOM_EVENT_NAME = 100
_MAX_INT64 = 2**63 - 1
"""Between processes numbers travel in 64 bits. The platform's have 13 digits."""
_CONNECT = "ON_CONNECT_EVENT"
_TYPING = {"TYPING_STARTED": True, "TYPING_STOPPED": False}


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a hook comes with besides its payload.

    `new_id` draws a UUID 4: only a transfer needs one.
    """

    path: HookPath
    body: bytes
    at: Instant
    new_id: Callable[[], str]


def to_event(arrival: Arrival, payload: Payload, names: Sequence[str]) -> Event:
    """What happened, as the rules see it."""
    user = names[0] if names else ""
    match arrival.path.event:
        case "on_user_message":
            return _user_message(arrival, payload, user)
        case "on_bot_message":
            return BotMessage(
                key=_key_of_body(arrival, payload, user),
                at=arrival.at,
                text=payload.message or None,
                agent_transfer=payload.agent_transfer,
            )
        case "on_agent_transfer":
            return transfer_event(arrival, payload, user)
        case "on_event" if payload.event is not None and payload.event.event_type == "sessionClosure":
            return PlatformSessionClosed(key=_key_of_body(arrival, payload, user), at=arrival.at)
        case "on_client_event" if (
            payload.pre_defined_event is not None and payload.pre_defined_event.type in _TYPING
        ):
            started = _TYPING[payload.pre_defined_event.type]
            return UserTyping(
                key=_key_of_body(arrival, payload, user),
                at=arrival.at,
                started=started,
                events_url=payload.send_bot_event_url or "",
            )
        case "on_client_event" if (custom := _custom_event(payload)) is not None:
            kind, data = custom
            return UserCustomEvent(
                key=_key_of_body(arrival, payload, user),
                at=arrival.at,
                name=kind,
                data=data,
                events_url=payload.send_bot_event_url or "",
            )
        case "on_alert" if payload.send_alert_message_url:
            return Alert(key=_key_of_body(arrival, payload, user), at=arrival.at)
        case name:
            detail = payload.event.event_type if name == "on_event" and payload.event is not None else None
            return OtherHook(
                key=_key_of_body(arrival, payload, user),
                at=arrival.at,
                name=f"{name}:{detail[:64]}" if detail else name,
            )


def transfer_event(arrival: Arrival, payload: Payload, user: str) -> AgentTransfer:
    """A hand-off of this user, with everything the payload says for it."""
    talk = people.talk_of(payload)
    return AgentTransfer(
        key=_key_of_body(arrival, payload, user),
        at=arrival.at,
        session_id=arrival.new_id(),
        profile=people.profile(payload, user),
        meta=_meta(talk.miaw_meta_info) or MetaInfo(),
        live_chat_meta=_meta(talk.live_chat_meta_info),
        node_name=_node_name(payload),
        request_number=_number(payload.request_id),
        events_url=payload.send_bot_event_url or "",
    )


def _user_message(arrival: Arrival, payload: Payload, user: str) -> UserMessage:
    connect = _is_connect(payload)
    files = _files(payload)
    text = None if connect or not (payload.message or "").strip() else payload.message
    # The platform repeats a message with another body around it (a context that went on): the message is what counts.
    said = "\x1f".join([payload.message or "", *(f"{name}\x1e{url}" for name, url in files)])
    return UserMessage(
        key=_key(arrival, payload, user, said.encode()),
        at=arrival.at,
        text=text,
        agent_transfer=payload.agent_transfer,
        attachments=tuple(Attachment(name, url) for name, url in files),
        connect=connect,
        request_number=_number(payload.request_id),
        events_url=payload.send_bot_event_url or "",
    )


def _key_of_body(arrival: Arrival, payload: Payload, user: str) -> str:
    return _key(arrival, payload, user, arrival.body)


def _key(arrival: Arrival, payload: Payload, user: str, content: bytes) -> str:
    """By what a repeated delivery is known: the requestId first (it grows with time), then what came with it.

    One requestId comes with several hooks (a user's message and the bot's answers to it), hence the rest. Without a
    requestId nothing is known again: two equal messages may both be meant.
    """
    request_id = payload.request_id
    if request_id is None or request_id == "":
        return ""
    path = arrival.path
    component = "" if path.event == "on_user_message" else path.component_id
    digest = hashlib.blake2b(
        "\x1f".join((path.bot_id, path.event, component, user)).encode() + b"\x1f" + content, digest_size=16
    )
    return f"{str(request_id)[:64]}.{digest.hexdigest()}"


def _number(request_id: str | int | None) -> int | None:
    if isinstance(request_id, str):
        plain = len(request_id) <= 32 and request_id.isdecimal() and request_id.isascii()
        request_id = int(request_id) if plain else None
    return request_id if request_id is not None and abs(request_id) <= _MAX_INT64 else None


def _is_connect(payload: Payload) -> bool:
    channel = payload.channel
    if channel is None:
        return False
    infos = channel.channel_infos
    return channel.bot_event == _CONNECT or (infos is not None and infos.bot_event == _CONNECT)


def _files(payload: Payload) -> list[tuple[str, str]]:
    """The files that came along (4.4): (name, URL). Of one without a URL there is nothing to show."""
    channel = payload.channel
    found: Sequence[File] | None = None
    if channel is not None:
        found = channel.attachments or (
            channel.channel_infos.attachments if channel.channel_infos is not None else None
        )
    if not found and not payload.message:
        message = people.last_message(payload).message
        found = message.attachments if message is not None else None
    files = [(file.file_name or "file", _url(file)) for file in (found or ())[:MAX_ATTACHMENTS]]
    return [(name, url) for name, url in files if url]


def _url(file: File) -> str:
    if file.file_url:
        return file.file_url
    url = file.url.get("fileUrl") if isinstance(file.url, dict) else file.url
    return url if isinstance(url, str) else ""


def _custom_event(payload: Payload) -> tuple[str, str] | None:
    """An event of the client's own making (2.6): its name, and all of it as JSON text. One without content is none."""
    found = payload.custom_event
    if not isinstance(found, dict) or not found:
        return None
    data = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    if len(data) > MAX_CUSTOM_EVENT:
        return None
    kind = next((found[key] for key in ("type", "name", "eventName") if isinstance(found.get(key), str)), "")
    return kind[:MAX_CUSTOM_EVENT_NAME] or "customEvent", data


def _node_name(payload: Payload) -> str:
    """The Agent Transfer node that was reached: the last of its kind in the dialog's history (2.3)."""
    if payload.context is None:
        return ""
    try:
        steps = _history(payload.context.history)
    except (msgspec.DecodeError, RecursionError):
        return ""  # Not what 2.3 shows: then the node's name is not known.
    reached = (step for step in reversed(steps or ()) if step.type == "agentTransfer")
    return next((step.component_name or "" for step in reached), "")


_history = msgspec.json.Decoder(list[Step] | None).decode


def _meta(found: DialogMetaInfo | None) -> MetaInfo | None:
    if found is None:
        return None
    return MetaInfo(
        pre_chat=_pre_chat(found.pre_chat_info),
        end_word=_word(found.end_chat_short_hand_command),
        agent_system=_word(found.agent_system),
    )


def _pre_chat(given: Any) -> tuple[tuple[str, str], ...]:
    """`preChatInfo`, also where a script stringified it. Names stay exactly as they are."""
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            return ()
    return tuple((name, as_text(value)) for name, value in given.items()) if isinstance(given, dict) else ()


def _word(value: Any) -> str | None:
    return (
        (as_text(value).strip() or None)
        if isinstance(value, str | int | float) and not isinstance(value, bool)
        else None
    )
