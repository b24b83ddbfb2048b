"""What a payload says, typed and read-only: the views a handler looks through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from botkit.handoff.events import Attachment
from botkit.hooks import people
from botkit.hooks.payload import Payload

_EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class User:
    """Who is talking (protocols/kore-xo-botkit.md, 2.5). Anything the platform does not say is empty.

    `id` is the name `BotKit.conversation` takes; `names` is every name the payload has for the user, the same one first.
    """

    id: str
    names: tuple[str, ...] = field(repr=False)
    first_name: str = field(repr=False)
    last_name: str = field(repr=False)
    email: str = field(repr=False)
    custom_data: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Channel:
    """Where the user is talking (2.4): both shapes of the platform, flat and nested, look alike here.

    `type` is Kore's name of the channel (``rtm``, ``facebook``, …); `bot_event` is ``ON_CONNECT_EVENT`` where somebody
    opened the chat. `raw` is the member as it came.
    """

    type: str
    sender: str = field(repr=False)
    user_id: str = field(repr=False)
    bot_event: str
    attachments: tuple[Attachment, ...] = field(repr=False)
    raw: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Session:
    """`context.session`: the variables of the user, the bot, the enterprise and of this user of this bot."""

    bot_user_session: Mapping[str, Any] = field(repr=False)
    user_session: Mapping[str, Any] = field(repr=False)
    user_context: Mapping[str, Any] = field(repr=False)
    bot_context: Mapping[str, Any] = field(repr=False)
    enterprise_context: Mapping[str, Any] = field(repr=False)


def user_of(payload: Payload, names: tuple[str, ...], raw: Mapping[str, Any]) -> User:
    """The user of a payload."""
    found = people.profile(payload, names[0] if names else "")
    return User(
        id=found.user_id,
        names=names,
        first_name=found.first_name,
        last_name=found.last_name,
        email=found.email,
        custom_data=mapping(raw, "context", "session", "UserContext", "customData"),
    )


def channel_of(payload: Payload, attachments: tuple[Attachment, ...], raw: Mapping[str, Any]) -> Channel:
    """The channel of a payload."""
    channel = mapping(raw, "channel")
    infos = mapping(channel, "channelInfos")
    return Channel(
        type=people.channel_type(payload),
        sender=_text(infos.get("from")) or _text(channel.get("from")),
        user_id=_text(infos.get("userId")) or _text(channel.get("userId")),
        bot_event=_text(infos.get("botEvent")) or _text(channel.get("botEvent")),
        attachments=attachments,
        raw=channel,
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
    """The same JSON value, of mappings and tuples that cannot be changed."""
    if isinstance(value, dict):
        return MappingProxyType({name: read_only(one) for name, one in value.items()})
    if isinstance(value, list):
        return tuple(read_only(one) for one in value)
    return value


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else ""
