"""A user's message in a payload: the words the user saw or wrote, whether anybody wrote them, and what identifies it.

Source: docs/protocols/kore-xo-botkit.md, 2.3, 2.4 and 2.6.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from botkit.handoff.masking import readable
from botkit.hooks.choices import MAX_LABEL, labels_in
from botkit.hooks.payload import Body, Channel, HookMetaInfo, Native, Payload

CLIENT_TEXTS: Final = frozenset(
    {"refreshcs", "sending a ctrl message to cs", "on_connect", "on_connect_event"}
)
"""Messages that client software sends as if a user had written them, in lower case."""

_CONNECT: Final = "ON_CONNECT_EVENT"
_MAX_ID: Final = 128
_YEAR_2001_MS: Final = 10**12
"""Client message ids are milliseconds. A smaller number is the constant of a sample, which would make all messages the same."""

_NO_CHANNEL: Final = Channel()


def label(payload: Payload) -> str:
    """The label of the choice that was clicked, where `message` is the payload behind it; empty if the user wrote it."""
    message = payload.message
    if not message:
        return ""
    for sent, body in _said(payload):
        if body is not None and body.body == message and _is_label(body.render_msg):
            return "" if body.render_msg == message else str(body.render_msg)
        if (native := _native(sent)) and (found := labels_in(native).get(message)):
            return found
    return ""


def text(payload: Payload) -> str | None:
    """What the user saw or wrote, with masked values made readable; None for no text."""
    words = label(payload) or payload.message
    return readable(words) if words and words.strip() else None


def is_connect(payload: Payload) -> bool:
    """Whether the user opened the chat without writing anything."""
    channel = payload.channel
    return channel is not None and _CONNECT in (channel.bot_event, channel.infos.bot_event)


def is_of_client(payload: Payload) -> bool:
    """Whether the client's software sent this, and nobody wrote it: a page reload, a refresh, a control message."""
    channel = payload.channel or _NO_CHANNEL
    if is_connect(payload) or is_text_of_client(payload.message or ""):
        return True
    handle = channel.handle or channel.infos.handle
    if handle is not None and handle.type == "welcome":
        return True
    if _is_refresh(payload.meta_info):
        return True
    bodies = (body for _, body in _said(payload) if body is not None and body.body == payload.message)
    return any(map(_is_refresh, bodies)) or _is_control(payload, channel)


def is_text_of_client(text: str) -> bool:
    """Whether this text is one that client software sends by itself."""
    return text.strip().casefold() in CLIENT_TEXTS


def client_id(payload: Payload) -> str:
    """The client's own id of this message, which a retry of the client repeats in a new hook; empty if there is none.

    `BotUserSession.lastMessage` may still be the message before this one, so it counts only with the words of this one.
    """
    sent, last = payload.message_object, payload.last_message
    if sent is not None and (found := _id(sent.client_message_id)):
        return found
    is_this = last.message is not None and last.message.body == payload.message
    return _id(last.client_message_id) if is_this else ""


def marks(payload: Payload) -> str:
    """The times that tell a message from the same words said again under the same requestId; empty if it has none."""
    channel = payload.channel or _NO_CHANNEL
    times = (channel.user_input_time, payload.bot_user_session.last_user_message_time)
    return "\x1e".join(str(time)[:_MAX_ID] for time in times if time)


def _is_refresh(part: Body | HookMetaInfo | None) -> bool:
    return part is not None and part.nl_meta is not None and bool(part.nl_meta.is_refresh)


def _is_label(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= MAX_LABEL


def _id(value: str | int | None) -> str:
    text = str(value or "")
    if not text or len(text) > _MAX_ID:
        return ""
    return "" if text.lstrip("-").isdecimal() and int(text) < _YEAR_2001_MS else text


def _is_control(payload: Payload, channel: Channel) -> bool:
    """Whether this is a control message: the platform made it for its client, so it has the id of a message and a context.

    What the user's client itself has sent last is a message of the user all the same.
    """
    made = channel.request_context is not None and channel.request_context.is_runtime
    if not made or not str(channel.request_id or "").startswith("ms-"):
        return False
    last = payload.last_message.message
    return last is None or not payload.message or last.body != payload.message


def _said(payload: Payload) -> Iterator[tuple[Native, Body | None]]:
    """What the client sent, in each place where the payload may have it."""
    sent, last = payload.message_object, payload.last_message
    if sent is not None:
        yield sent, sent.message if isinstance(sent.message, Body) else None
    yield last, last.message
    channel = payload.channel or _NO_CHANNEL
    for handle in (channel.handle, channel.infos.handle):
        if handle is not None:
            yield handle, None


def _native(sent: Native) -> list[object]:
    """The members of a click as the channel reports it, as JSON values."""
    twilio = {
        "ButtonText": sent.button_text or sent.list_title,
        "ButtonPayload": sent.button_payload or sent.list_id,
    }
    parts = (sent.interactive, sent.button, sent.postback, sent.quick_reply, sent.actions)
    return [*(part for part in parts if part is not None), *([twilio] if any(twilio.values()) else [])]
