"""A user's message in a payload: the words the user saw or wrote, whether anybody wrote them, and what identifies it.

Source: docs/protocols/kore-xo-botkit.md, 2.3, 2.4 and 2.6. Every message of the bot is read here, so the usual one, without
clicks and marks, takes the shortest way.
"""

from __future__ import annotations

from typing import Final

from botkit.handoff.masking import readable
from botkit.handoff.record import Record
from botkit.hooks.choices import MAX_LABEL, labels_in
from botkit.hooks.identity import canonical_channel, channel_name
from botkit.hooks.payload import Body, Channel, HookMetaInfo, Native, Payload, RequestContext

CLIENT_TEXTS: Final = frozenset(
    {"refreshcs", "sending a ctrl message to cs", "on_connect", "on_connect_event"}
)
"""Messages that client software sends as if a user had written them, in lower case."""

_LONGEST_CLIENT_TEXT: Final = max(map(len, CLIENT_TEXTS))
_CONNECT: Final = "ON_CONNECT_EVENT"
_MAX_ID: Final = 128
_YEAR_2001_MS: Final = 10**12
"""Client message ids are milliseconds. A smaller number is the constant of a sample, which would make all messages the same."""

_NO_CHANNEL: Final = Channel()
_NOTHING: Final = (None,) * 5


class Message(Record, frozen=True):
    """A user's message.

    Attributes:
        text: what the user saw or wrote, with masked values made readable; None for no text.
        connect: whether the user opened the chat without writing anything.
        of_client: whether the client's software sent it and nobody wrote it: a page reload, a refresh, a control message.
        client_id: the client's own id of it, which a retry of the client repeats in a new hook; empty if there is none.
    """

    text: str | None
    connect: bool
    of_client: bool
    client_id: str

    _hidden = frozenset({"text"})


def read(payload: Payload) -> Message:
    """Read the message of an on_user_message."""
    words, sent, last = payload.message, payload.message_object, payload.last_message
    channel = payload.channel or _NO_CHANNEL
    infos = channel.infos
    handle = channel.handle or infos.handle
    sent_last = last.message if last.message is not None and _is_of_channel(payload) else None
    # `BotUserSession.lastMessage` may still be the message before this one, so it counts only with the words of this one.
    said = sent_last if sent_last is not None and sent_last.body == words else None
    connect = channel.bot_event == _CONNECT or infos.bot_event == _CONNECT
    of_client = (
        connect
        or (words is not None and is_text_of_client(words))
        or (handle is not None and handle.type == "welcome")
        or (payload.meta_info is not None and _is_refresh(payload.meta_info))
        or (said is not None and _is_refresh(said))
        or (
            channel.request_context is not None
            and _is_control(channel, channel.request_context)
            and _came_by_itself(words, sent_last)
        )
    )
    client_id = "" if sent is None else _id(sent.client_message_id)
    if not client_id and said is not None:
        client_id = _id(last.client_message_id)
    if connect or not words or not words.strip():
        return Message(None, connect, of_client, client_id)
    body = sent.message if sent is not None and isinstance(sent.message, Body) else None
    label = _label(words, (body, said), (sent, last, handle))
    return Message(readable(label or words), connect, of_client, client_id)


def is_text_of_client(text: str) -> bool:
    """Whether this text is one that client software sends by itself."""
    return len(text) <= 2 * _LONGEST_CLIENT_TEXT and text.strip().casefold() in CLIENT_TEXTS


def marks(payload: Payload) -> str:
    """The times that tell a message from the same words said again under the same requestId; empty if it has none."""
    channel = payload.channel or _NO_CHANNEL
    times = (channel.user_input_time, payload.bot_user_session.last_user_message_time)
    return "\x1e".join([str(time)[:_MAX_ID] for time in times if time]) if any(times) else ""


def _label(message: str, bodies: tuple[Body | None, ...], natives: tuple[Native | None, ...]) -> str:
    """The label of the choice that was clicked, where `message` is the payload behind it; empty if the user wrote it."""
    for body in bodies:
        if body is not None and body.render_msg is not None and body.body == message:
            label = body.render_msg
            if isinstance(label, str) and 0 < len(label.strip()) <= MAX_LABEL:
                return label
    for native in natives:
        if native is not None and (parts := _parts(native)) and (found := labels_in(parts).get(message)):
            return found
    return ""


def _parts(native: Native) -> list[object]:
    """The members of a click as the channel reports it, as JSON values."""
    parts = (native.interactive, native.button, native.postback, native.quick_reply, native.actions)
    if parts == _NOTHING and native.button_payload is None and native.list_id is None:
        return []
    found: list[object] = [part for part in parts if part is not None]
    if native.button_payload is not None or native.list_id is not None:
        label = native.button_text or native.list_title
        found.append({"ButtonText": label, "ButtonPayload": native.button_payload or native.list_id})
    return found


def _is_refresh(part: Body | HookMetaInfo) -> bool:
    return part.nl_meta is not None and bool(part.nl_meta.is_refresh)


def _is_of_channel(payload: Payload) -> bool:
    """Whether `BotUserSession.lastMessage` may be this message: one session may span channels, on which a user says the same."""
    last = payload.bot_user_session.last_message
    named = last.channel if last is not None else None
    return not named or not payload.channel_type or canonical_channel(named) == channel_name(payload)


def _came_by_itself(words: str | None, sent_last: Body | None) -> bool:
    """Whether the client sent other words than these last. Masked words differ from what it sent, but are the user's."""
    if not words:
        return True
    other = sent_last is not None and bool(sent_last.body) and sent_last.body != words
    return other and readable(words) == words


def _is_control(channel: Channel, context: RequestContext) -> bool:
    """Whether the platform made this message for its client: then it has a context and the id of a message."""
    return bool(context.is_runtime) and str(channel.request_id or "").startswith("ms-")


def _id(value: str | int | None) -> str:
    if not value:
        return ""
    text = str(value)
    if len(text) > _MAX_ID or (text.removeprefix("-").isdecimal() and int(text) < _YEAR_2001_MS):
        return ""
    return text
