"""A hook's payload, read once: only what the door and the rules need, whatever shape it came in.

protocols/kore-xo-botkit.md, 2.3 to 2.5 and 6. The fast way decodes straight into the types below and skips everything else
(a context may be a megabyte); where a field has another type than usual, the slow way reads the same fields out of plain
JSON and leaves out what makes no sense. The raw body is what is passed on, so nothing is lost by reading little.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from botkit.errors import HookNotJson
from botkit.hooks.coercion import fit

Anything = Any
"""A JSON value that is looked at later, where it is used."""


class Struct(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Fields are the platform's own, in camel case; every one may be missing or null."""


class Handle(Struct, frozen=True):
    user_id: str | int | None = None


class File(Struct, frozen=True):
    file_name: str | None = None
    file_url: str | None = None
    url: Anything = None
    file_id: str | None = None


class Infos(Struct, frozen=True):
    """`channel.channelInfos`, the nested shape."""

    from_: str | int | None = msgspec.field(default=None, name="from")
    type: str | None = None
    user_id: str | int | None = None
    handle: Handle | None = None
    bot_event: str | None = None
    bot_language: str | None = None
    attachments: list[File] | None = None


class Channel(Struct, frozen=True):
    """`channel`: flat on messages, nested under `channelInfos` on transfers (2.4)."""

    from_: str | int | None = msgspec.field(default=None, name="from")
    type: str | None = None
    user_id: str | int | None = None
    handle: Handle | None = None
    bot_event: str | None = None
    bot_language: str | None = None
    attachments: list[File] | None = None
    channel_infos: Infos | None = None


class Meta(Struct, frozen=True):
    locale: str | None = None


class UserInfo(Struct, frozen=True):
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None


class Sender(Struct, frozen=True):
    user_info: UserInfo | None = None


class Body(Struct, frozen=True):
    """`lastMessage.messagePayload.message`."""

    attachments: list[File] | None = None
    custom_data: Anything = None


class BotInfo(Struct, frozen=True):
    custom_data: Anything = None


class MessagePayload(Struct, frozen=True):
    meta: Meta | None = None
    from_: Sender | str | None = msgspec.field(default=None, name="from")
    message: Body | None = None
    bot_info: BotInfo | None = None


class LastMessage(Struct, frozen=True):
    message_payload: MessagePayload | None = None


class DialogMetaInfo(Struct, frozen=True):
    """`miawMetaInfo` or `liveChatMetaInfo`, as a dialog's Script node set it (6.2). Values may be of any type."""

    pre_chat_info: Anything = None
    end_chat_short_hand_command: Anything = None
    agent_system: Anything = None
    case_id: Anything = None


class BotUserSession(Struct, frozen=True):
    conversation_session_id: str | int | None = None
    last_message: LastMessage | None = None
    miaw_meta_info: DialogMetaInfo | None = None
    live_chat_meta_info: DialogMetaInfo | None = None


class ProfileInfo(Struct, frozen=True):
    name: str | None = None
    email: str | None = None


class Identity(Struct, frozen=True):
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


class Step(Struct, frozen=True):
    """One entry of `context.history` (2.3): a node that was reached, or an entry of another kind without these fields."""

    type: str | None = None
    component_name: str | None = None


class Context(Struct, frozen=True):
    bot: str | None = None
    intent: str | None = None
    current_language: str | None = None
    session: Session | None = None
    history: msgspec.Raw = msgspec.Raw(b"[]")
    """Looked into at a transfer only: a message should not pay for fifty entries."""


class PlatformEvent(Struct, frozen=True):
    """`event` of on_event. Kore's own page spells the field ``event Type`` in one place (2.6)."""

    event_type: str | None = None


class PreDefinedEvent(Struct, frozen=True):
    type: str | None = None


class Payload(Struct, frozen=True):
    request_id: str | int | None = None
    bot_id: str | None = None
    message: str | None = None
    agent_transfer: bool | None = msgspec.field(default=None, name="agent_transfer")
    channel: Channel | None = None
    context: Context | None = None
    event: PlatformEvent | None = None
    pre_defined_event: PreDefinedEvent | None = None
    custom_event: Anything = None
    base_url: str | None = None
    send_user_message_url: str | None = None
    send_bot_message_url: str | None = None
    skip_user_message_url: str | None = None
    skip_bot_message_url: str | None = None
    send_alert_message_url: str | None = None
    clear_conversation_session_url: str | None = None
    reset_bot_url: str | None = None
    send_bot_event_url: str | None = None
    callback_url: str | None = None
    dialog_component_name: str | None = None


_decode = msgspec.json.Decoder(Payload).decode


def parse(body: bytes) -> Payload:
    """Read a hook's body.

    Raises:
        HookNotJson: not UTF-8, not JSON, not an object, or nested too deeply.
    """
    try:
        # msgspec does not look into texts that it skips; the platform must not be handed back what is not UTF-8.
        text = body.decode()
        return _decode(body)
    except UnicodeDecodeError as error:
        raise HookNotJson from error
    except RecursionError as error:
        raise HookNotJson("JSON nested too deeply") from error
    except msgspec.DecodeError:
        return _parse_slowly(text)


def _parse_slowly(text: str) -> Payload:
    try:
        plain = json.loads(text, parse_constant=_no_constant)
        if "\\ud" in text.lower():
            plain = json.loads(_without_lone_surrogates(json.dumps(plain, ensure_ascii=False)))
    except RecursionError as error:
        raise HookNotJson("JSON nested too deeply") from error
    except ValueError as error:
        raise HookNotJson from error
    if not isinstance(plain, dict):
        raise HookNotJson
    return fit(Payload, plain)


def _no_constant(name: str) -> None:
    """NaN and Infinity are Python's, not JSON's."""
    raise ValueError(name)


def _without_lone_surrogates(text: str) -> str:
    """JavaScript may cut an emoji in two; half of one is no character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
