"""The user's profile and language, read from a payload (docs/protocols/kore-xo-botkit.md, 2.5)."""

from __future__ import annotations

from typing import Any

from botkit.handoff.events import UserProfile
from botkit.hooks.identity import channel_name
from botkit.hooks.payload import Channel, Context, Payload, UserContext

_CONTEXT, _USER, _CHANNEL = Context(), UserContext(), Channel()


def profile(payload: Payload, user_id: str) -> UserProfile:
    """The user's profile, for the agent."""
    context = payload.context or _CONTEXT
    user = payload.session.user_context or _USER
    message = payload.last_message
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
        first = _first(caller.first_name if caller else None, *_texts(custom, "firstName"))
        last = _first(caller.last_name if caller else None, *_texts(custom, "lastName"))
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
            *_texts(custom, "email"),
            *_texts(custom, "emailId"),
        ),
        bot_name=context.bot or "",
        channel=payload.channel_type or channel_name(payload),
        language=language(payload),
        last_intent=context.intent or "",
        session_id=str(payload.bot_user_session.conversation_session_id or ""),
        case_id=_case_id(payload),
    )


def language(payload: Payload) -> str:
    """The user's language as the platform spells it, the most reliable source first; empty if there is none."""
    meta = payload.last_message.meta
    return _first(
        (payload.context or _CONTEXT).current_language,
        (payload.channel or _CHANNEL).language,
        meta.locale if meta is not None else None,
    )


def _case_id(payload: Payload) -> str:
    meta_info = payload.bot_user_session.miaw_meta_info
    value = meta_info.case_id if meta_info is not None else None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _texts(custom: tuple[Any, ...], key: str) -> list[str | None]:
    """The texts under `key` in the web SDK's custom data objects."""
    values = [data.get(key) for data in custom if isinstance(data, dict)]
    return [value for value in values if isinstance(value, str)]


def _first(*values: str | None) -> str:
    return next((value for value in values if value), "")
