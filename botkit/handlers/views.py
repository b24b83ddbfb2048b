"""The typed, read-only views of a payload that a handler's context offers: user, channel, session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from botkit.handoff.events import Attachment
from botkit.hooks.parser import Hook
from botkit.hooks.payload import Channel as ChannelMember
from botkit.hooks.user import profile

_EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class User:
    """The user (docs/protocols/kore-xo-botkit.md, 2.5). Fields that the payload lacks are empty.

    Attributes:
        id: the canonical name, which `BotKit.conversation` takes.
        names: every name that the payload has for the user; the first is `id`.
        custom_data: the web SDK's custom data.
    """

    id: str
    names: tuple[str, ...] = field(repr=False)
    first_name: str = field(repr=False)
    last_name: str = field(repr=False)
    email: str = field(repr=False)
    custom_data: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Channel:
    """The user's channel (2.4). Both shapes of the platform, flat and nested, look alike here.

    Attributes:
        type: Kore's name of the channel: ``rtm``, ``facebook``, …
        sender: the member `from`.
        user_id: the member `userId`.
        bot_event: ``ON_CONNECT_EVENT`` where the user has just opened the chat.
        attachments: the files of the message.
        raw: the member `channel`, unchanged.
    """

    type: str
    sender: str = field(repr=False)
    user_id: str = field(repr=False)
    bot_event: str
    attachments: tuple[Attachment, ...] = field(repr=False)
    raw: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Session:
    """`context.session`: the variables of the user, the bot, the enterprise, and of this user of this bot."""

    bot_user_session: Mapping[str, Any] = field(repr=False)
    user_session: Mapping[str, Any] = field(repr=False)
    user_context: Mapping[str, Any] = field(repr=False)
    bot_context: Mapping[str, Any] = field(repr=False)
    enterprise_context: Mapping[str, Any] = field(repr=False)


def user_of(hook: Hook, raw: Mapping[str, Any]) -> User:
    """The user of a hook."""
    found = profile(hook.payload, hook.users[0] if hook.users else "")
    return User(
        id=found.user_id,
        names=hook.users,
        first_name=found.first_name,
        last_name=found.last_name,
        email=found.email,
        custom_data=mapping(raw, "context", "session", "UserContext", "customData"),
    )


def channel_of(hook: Hook, raw: Mapping[str, Any]) -> Channel:
    """The channel of a hook."""
    channel = hook.payload.channel or ChannelMember()
    infos = channel.infos
    return Channel(
        type=channel.type_name,
        sender=str(infos.from_ or channel.from_ or ""),
        user_id=str(infos.user_id or channel.user_id or ""),
        bot_event=infos.bot_event or channel.bot_event or "",
        attachments=hook.attachments,
        raw=mapping(raw, "channel"),
    )


def session_of(raw: Mapping[str, Any]) -> Session:
    """The variables of a payload."""
    session = mapping(raw, "context", "session")
    return Session(
        bot_user_session=mapping(session, "BotUserSession"),
        user_session=mapping(session, "UserSession"),
        user_context=mapping(session, "UserContext"),
        bot_context=mapping(session, "BotContext"),
        enterprise_context=mapping(session, "EnterpriseContext"),
    )


def mapping(value: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """The object at a path, empty where there is none."""
    for name in path:
        found = value.get(name)
        if not isinstance(found, Mapping):
            return _EMPTY
        value = found
    return value


def read_only(value: Any) -> Any:
    """The same JSON value with read-only mappings and tuples."""
    if isinstance(value, dict):
        return MappingProxyType({name: read_only(one) for name, one in value.items()})
    if isinstance(value, list):
        return tuple(read_only(one) for one in value)
    return value
