"""The payload of a hook: one family of structs, parsed once, when the hook arrives.

Sources: docs/protocols/kore-xo-botkit.md, 2.3 to 2.5 and 6. `parse` decodes straight into these structs and skips every other
member, because a context may be a megabyte. Where a member has an unexpected type, the same structs are filled from plain
JSON (`botkit.hooks.coercion`). Only these members are read; the raw body is passed on, so no other member is lost.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any, TypeVar

import msgspec

from botkit.errors import HookNotJson
from botkit.hooks.coercion import coerce
from botkit.http import lenient_json

S = TypeVar("S", bound=msgspec.Struct)

Anything = Any
"""A JSON value that is checked where it is used."""
ABSENT = msgspec.Raw()
"""The default of a raw member, which tells an absent member from null."""


class Struct(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Fields are the platform's own, in camel case; every one may be missing or null."""


class Native(Struct, frozen=True):
    """A click as the channel itself reports it: WhatsApp, Messenger, Slack, Twilio (2.3). `botkit.hooks.choices` reads it."""

    interactive: Anything = None
    button: Anything = None
    postback: Anything = None
    quick_reply: Anything = msgspec.field(default=None, name="quick_reply")
    actions: Anything = None
    button_text: Anything = msgspec.field(default=None, name="ButtonText")
    button_payload: Anything = msgspec.field(default=None, name="ButtonPayload")
    list_title: Anything = msgspec.field(default=None, name="ListTitle")
    list_id: Anything = msgspec.field(default=None, name="ListId")


class Handle(Native, frozen=True):
    user_id: str | int | None = None
    type: str | None = None
    request_id: str | int | None = None


class RequestContext(Struct, frozen=True):
    is_runtime: bool | None = None


class File(Struct, frozen=True):
    file_name: str | None = None
    file_url: str | None = None
    url: Anything = None
    file_id: str | None = None
    size: Anything = None


class BotInfo(Struct, frozen=True):
    custom_data: Anything = None


class Infos(Struct, frozen=True):
    """`channel.channelInfos`, the nested shape."""

    from_: str | int | None = msgspec.field(default=None, name="from")
    type: str | None = None
    user_id: str | int | None = None
    handle: Handle | None = None
    session_id: str | int | None = None
    bot_event: str | None = None
    bot_language: str | None = None
    attachments: list[File] | None = None
    bot_info: BotInfo | None = None


class Channel(Infos, frozen=True):
    """`channel`: flat on messages, nested under `channelInfos` on transfers (2.4)."""

    channel_infos: Infos | None = None
    request_id: str | int | None = None
    request_context: RequestContext | None = None
    user_input_time: str | int | None = msgspec.field(default=None, name="__userInputTime")

    @property
    def infos(self) -> Infos:
        """`channelInfos`, empty if it is missing."""
        return self.channel_infos or _INFOS

    @property
    def type_name(self) -> str:
        """Kore's name of the channel: ``rtm``, ``facebook`` …; empty if it is missing."""
        return self.infos.type or self.type or ""

    @property
    def language(self) -> str:
        """The language that the channel names; empty if it is missing."""
        return self.infos.bot_language or self.bot_language or ""


class Meta(Struct, frozen=True):
    locale: str | None = None


class UserInfo(Struct, frozen=True):
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None


class Sender(Struct, frozen=True):
    user_info: UserInfo | None = None


class NlMeta(Struct, frozen=True):
    is_refresh: bool | None = None


class Body(Struct, frozen=True):
    """`message` of what the client sent: `lastMessage.messagePayload.message` and `messageObject.message`."""

    body: Anything = None
    render_msg: Anything = None
    """The label of a clicked choice; `body` is the payload behind it."""
    nl_meta: NlMeta | None = None
    attachments: list[File] | None = None
    custom_data: Anything = None


class MessagePayload(Native, frozen=True):
    """What the client sent, as it sent it."""

    client_message_id: str | int | None = None
    meta: Meta | None = None
    from_: Sender | str | None = msgspec.field(default=None, name="from")
    message: Body | None = None
    bot_info: BotInfo | None = None


class MessageObject(Native, frozen=True):
    """`messageObject`: not documented; where seen, what the client sent (2.3)."""

    client_message_id: str | int | None = None
    message: Body | str | None = None


class HookMetaInfo(Struct, frozen=True):
    """`metaInfo` of a hook."""

    nl_meta: NlMeta | None = None


class LastMessage(Struct, frozen=True):
    channel: str | None = None
    message_payload: MessagePayload | None = None


class DialogMetaInfo(Struct, frozen=True):
    """`miawMetaInfo` or `liveChatMetaInfo`, as a dialog's Script node set it (6.2). Values may be of any type."""

    pre_chat_info: Anything = None
    end_chat_short_hand_command: Anything = None
    agent_system: Anything = None
    case_id: Anything = None


class SessionChannel(Struct, frozen=True):
    """An entry of `BotUserSession.channels`."""

    type: str | None = None


class BotUserSession(Struct, frozen=True):
    conversation_session_id: str | int | None = None
    channels: list[SessionChannel] | None = None
    last_user_message_time: str | int | None = None
    last_message: LastMessage | None = None
    miaw_meta_info: DialogMetaInfo | None = None
    live_chat_meta_info: DialogMetaInfo | None = None


class ProfileInfo(Struct, frozen=True):
    name: str | None = None
    email: str | None = None


class Identity(Struct, frozen=True):
    val: str | None = None
    profile_info: ProfileInfo | None = None


class UserContext(Struct, frozen=True):
    id: str | int | None = msgspec.field(default=None, name="_id")
    first_name: str | None = None
    last_name: str | None = None
    email_id: str | None = None
    identities: list[Identity] | None = None
    custom_data: Anything = None


class Opts(Struct, frozen=True):
    user_id: str | int | None = None


class Session(Struct, frozen=True):
    user_context: UserContext | None = msgspec.field(default=None, name="UserContext")
    bot_user_session: BotUserSession | None = msgspec.field(default=None, name="BotUserSession")
    opts: Opts | None = None


class HistoryEntry(Struct, frozen=True):
    """One entry of `context.history` (2.3): a node that was reached. Entries of other kinds lack these fields."""

    type: str | None = None
    component_name: str | None = None


class Context(Struct, frozen=True):
    bot: str | None = None
    intent: str | None = None
    current_language: str | None = None
    session: Session | None = None
    history: msgspec.Raw = msgspec.Raw(b"[]")
    """Decoded at a transfer only, because it may have fifty entries."""


class PlatformEvent(Struct, frozen=True):
    """`event` of on_event. Its type stands under several names; Kore's own page has ``event Type`` in one place (2.6)."""

    event_type: str | None = None
    spaced_type: str | None = msgspec.field(default=None, name="event Type")
    event_name: str | None = None
    name: str | None = None
    type: str | None = None
    val: str | None = None
    session_id: str | int | None = None
    conversation_session_id: str | int | None = None

    @property
    def named(self) -> str:
        """The type of the event under any spelling of the field; empty if it has none."""
        for name in (self.event_type, self.spaced_type, self.event_name, self.name, self.val, self.type):
            if name:
                return name
        return ""


class PreDefinedEvent(Struct, frozen=True):
    type: str | None = None


class CallUrls(Struct, frozen=True):
    """The URLs that passing a message on may need (4.2)."""

    base_url: str | None = None
    send_user_message_url: str | None = None
    send_bot_message_url: str | None = None
    skip_user_message_url: str | None = None
    callback_url: str | None = None


class AllCallUrls(CallUrls, frozen=True):
    """The URLs of less frequent calls too."""

    skip_bot_message_url: str | None = None
    send_alert_message_url: str | None = None
    clear_conversation_session_url: str | None = None
    reset_bot_url: str | None = None
    send_bot_event_url: str | None = None

    @property
    def call_urls(self) -> tuple[str | None, ...]:
        """All of them but `base_url`."""
        return (
            self.send_user_message_url,
            self.send_bot_message_url,
            self.skip_user_message_url,
            self.skip_bot_message_url,
            self.send_alert_message_url,
            self.clear_conversation_session_url,
            self.reset_bot_url,
            self.send_bot_event_url,
            self.callback_url,
        )


class Payload(AllCallUrls, frozen=True):
    """The payload of any hook event."""

    request_id: str | int | None = None
    bot_id: Anything = None
    """A list on some hooks of linked bots (2.9)."""
    message: str | None = None
    message_object: MessageObject | None = None
    meta_info: HookMetaInfo | None = None
    agent_transfer: bool | None = msgspec.field(default=None, name="agent_transfer")
    channel: Channel | None = None
    context: Context | None = None
    event: PlatformEvent | str | None = None
    pre_defined_event: PreDefinedEvent | None = None
    custom_event: Anything = None
    dialog_component_name: str | None = None
    payload_class: msgspec.Raw = msgspec.field(default=ABSENT, name="__payloadClass")
    component_id: msgspec.Raw = ABSENT
    ack_message: msgspec.Raw = ABSENT

    @property
    def session(self) -> Session:
        """`context.session`, empty if it is missing."""
        return (self.context and self.context.session) or _SESSION

    @property
    def bot_user_session(self) -> BotUserSession:
        """`context.session.BotUserSession`, empty if it is missing."""
        context = self.context
        if context is None or context.session is None:
            return _BOT_USER_SESSION
        return context.session.bot_user_session or _BOT_USER_SESSION

    @property
    def last_message(self) -> MessagePayload:
        """`…BotUserSession.lastMessage.messagePayload`, empty if it is missing."""
        context = self.context
        if context is None or context.session is None or context.session.bot_user_session is None:
            return _MESSAGE
        last = context.session.bot_user_session.last_message
        return (last and last.message_payload) or _MESSAGE

    @property
    def platform_event(self) -> PlatformEvent:
        """`event`, empty if it is missing."""
        if isinstance(self.event, str):
            return PlatformEvent(event_type=self.event)
        return self.event or _EVENT

    @property
    def bot_ids(self) -> tuple[str, ...]:
        """Every bot that `botId` names; empty if it is missing."""
        named = self.bot_id if isinstance(self.bot_id, list) else [self.bot_id]
        return tuple(one for one in named if isinstance(one, str) and one)

    @property
    def channel_type(self) -> str:
        """Kore's name of the channel: ``rtm``, ``facebook`` …; empty if it is missing."""
        return self.channel.type_name if self.channel is not None else ""


_SESSION, _BOT_USER_SESSION, _MESSAGE, _INFOS = Session(), BotUserSession(), MessagePayload(), Infos()
_EVENT = PlatformEvent()


def parse(body: bytes) -> Payload:
    """Read a hook's body. Raises: HookNotJson if not UTF-8, not JSON, not an object, or nested too deeply."""
    try:
        if not body.isascii():
            body.decode()  # msgspec does not check skipped strings, and invalid UTF-8 must not be sent back to the platform.
        return read(Payload, body)
    except lenient_json.NestedTooDeeply as error:
        raise HookNotJson("JSON nested too deeply") from error
    except ValueError as error:
        raise HookNotJson from error


def read(struct: type[S], json: bytes | msgspec.Raw) -> S:
    """Decode a JSON object into a struct; a field of an unexpected type is coerced or left out.

    Raises:
        ValueError: not JSON, not an object, or nested too deeply.
    """
    try:
        decoded: S = lenient_json.decoded_by(_decoder(struct).decode, json)
        return decoded
    except RecursionError:
        raise lenient_json.NestedTooDeeply from None
    except (msgspec.DecodeError, UnicodeError):
        plain = lenient_json.decoded(bytes(json))
    if not isinstance(plain, dict):
        raise ValueError("not a JSON object")
    return coerce(struct, plain)


_building = threading.Lock()


@cache
def _decoder(struct: type[msgspec.Struct]) -> msgspec.json.Decoder[Any]:
    # Threads that build decoders of the same structs at the same time crash the process (msgspec 0.22): one thread uses what
    # another one has half built.
    with _building:
        return msgspec.json.Decoder(struct)


_decoder(Payload)  # Now, so that the first hook need not wait for it.
