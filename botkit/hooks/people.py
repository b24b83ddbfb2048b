"""Who a payload is about: every name of the user, and what is known of them.

The samples of Kore resolve the user in several ways (protocols/kore-xo-botkit.md, 2.4 and 2.5), and the two channel shapes do not
always agree; so all names are kept, the most dependable one first.
"""

from __future__ import annotations

from typing import Any

from botkit.handoff.events import UserProfile
from botkit.hooks.payload import (
    BotUserSession,
    Channel,
    Context,
    Infos,
    MessagePayload,
    Payload,
    Session,
    UserContext,
)

MAX_NAME = 256

_CONTEXT, _SESSION, _USER, _TALK = Context(), Session(), UserContext(), BotUserSession()
_CHANNEL, _INFOS, _MESSAGE = Channel(), Infos(), MessagePayload()


def names(payload: Payload) -> tuple[str, ...]:
    """Every name of the user, canonical first, without repetition; empty if the payload names nobody."""
    channel = payload.channel or _CHANNEL
    infos = channel.channel_infos or _INFOS
    session = session_of(payload)
    found: list[str] = []
    for value in (
        (session.user_context or _USER).id,
        session.opts.user_id if session.opts is not None else None,
        infos.from_,
        channel.from_,
        infos.user_id,
        channel.user_id,
        infos.handle.user_id if infos.handle is not None else None,
        channel.handle.user_id if channel.handle is not None else None,
    ):
        if value is None or value == "":
            continue
        name = value if isinstance(value, str) else str(value)
        if name not in found and len(name) <= MAX_NAME:
            found.append(name)
    return tuple(found)


def profile(payload: Payload, user_id: str) -> UserProfile:
    """What the agent can be told of the user."""
    context = payload.context or _CONTEXT
    talk = talk_of(payload)
    user = session_of(payload).user_context or _USER
    message = last_message(payload)
    teams = user.identities[0].profile_info if user.identities else None
    caller = (
        message.from_.user_info if message.from_ is not None and not isinstance(message.from_, str) else None
    )
    custom = (
        user.custom_data,
        message.bot_info.custom_data if message.bot_info is not None else None,
        message.message.custom_data if message.message is not None else None,
    )
    first, last = user.first_name or "", user.last_name or ""
    if not first and not last:
        first = _first(caller.first_name if caller else None, *_of(custom, "firstName"))
        last = _first(caller.last_name if caller else None, *_of(custom, "lastName"))
    if not first and not last and teams is not None:
        first, _, last = (teams.name or "").strip().partition(" ")
    return UserProfile(
        user_id=user_id,
        first_name=first,
        last_name=last,
        email=_first(
            user.email_id,
            teams.email if teams is not None else None,
            caller.email if caller is not None else None,
            *_of(custom, "email"),
            *_of(custom, "emailId"),
        ),
        bot_name=context.bot or "",
        channel=channel_type(payload),
        language=language(payload),
        last_intent=context.intent or "",
        session_id=str(talk.conversation_session_id or ""),
        case_id=_case_id(talk),
    )


def language(payload: Payload) -> str:
    """The user's language as the platform spells it, the most dependable source first; empty if it says none."""
    channel = payload.channel or _CHANNEL
    infos = channel.channel_infos or _INFOS
    meta = last_message(payload).meta
    return _first(
        (payload.context or _CONTEXT).current_language,
        infos.bot_language,
        channel.bot_language,
        meta.locale if meta is not None else None,
    )


def channel_type(payload: Payload) -> str:
    """Kore's name of the channel: ``rtm``, ``facebook`` …"""
    channel = payload.channel or _CHANNEL
    return _first((channel.channel_infos or _INFOS).type, channel.type)


def session_of(payload: Payload) -> Session:
    """`context.session`, empty if it is missing."""
    return (payload.context or _CONTEXT).session or _SESSION


def talk_of(payload: Payload) -> BotUserSession:
    """`context.session.BotUserSession`, empty if it is missing."""
    return session_of(payload).bot_user_session or _TALK


def last_message(payload: Payload) -> MessagePayload:
    """`…BotUserSession.lastMessage.messagePayload`, empty if it is missing."""
    last = talk_of(payload).last_message
    return (last.message_payload if last is not None else None) or _MESSAGE


def _case_id(talk: BotUserSession) -> str:
    value = talk.miaw_meta_info.case_id if talk.miaw_meta_info is not None else None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _of(custom: tuple[Any, ...], key: str) -> list[str | None]:
    """A text under `key` in each of the web SDK's custom data objects."""
    values = [data.get(key) for data in custom if isinstance(data, dict)]
    return [value for value in values if isinstance(value, str)]


def _first(*values: str | None) -> str:
    return next((value for value in values if value), "")
