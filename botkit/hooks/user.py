"""The user's profile and language, read from a payload (docs/protocols/kore-xo-botkit.md, 2.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from botkit.handoff.events import UserProfile
from botkit.hooks.identity import MAX_NAME, channel_name
from botkit.hooks.payload import Channel, Context, Payload, UserContext
from botkit.http.lenient_json import Members, items, members

MAX_FACT: Final = 1_000
"""Characters. Every fact but the ids is cut here: it is shown to agents, and stored with the hand-off."""
MAX_LANGUAGE: Final = 100
"""Characters. A longer tag is none."""
_MAX_PARAMETERS: Final = 50
"""Objects of parameters that are looked at in each place, and identities."""
_MAX_PARAMETER_TEXT: Final = 20_000
"""Characters. Longer JSON text is not looked at."""

_CONTEXT, _USER, _CHANNEL = Context(), UserContext(), Channel()
_LANGUAGE_PARAMETERS = ("language", "lang", "locale", "userLanguage", "preferredLanguage")
_ADDRESS = re.compile(r"[^\s/@]{1,64}@[^\s/@]{1,190}")


def profile(payload: Payload, user_id: str) -> UserProfile:
    """The user's profile, for the agent."""
    context = payload.context or _CONTEXT
    user = payload.session.user_context or _USER
    message = payload.last_message
    teams = user.identities[0].profile_info if user.identities else None
    caller = (
        message.from_.user_info if message.from_ is not None and not isinstance(message.from_, str) else None
    )
    custom = _parameters(payload)
    first, last = user.first_name or "", user.last_name or ""
    if not first and not last:
        first = _first(caller.first_name if caller else None, *_texts(custom, "firstName"))
        last = _first(caller.last_name if caller else None, *_texts(custom, "lastName"))
    if not first and not last and teams is not None:
        first, _, last = (teams.name or "").strip().partition(" ")
    address = _address(payload, user)
    if not first and not last and payload.channel_type == "email":
        first = address.partition("@")[0]
    return UserProfile(
        user_id=user_id,
        first_name=_first(first),
        last_name=_first(last),
        email=_first(
            user.email_id,
            teams.email if teams is not None else None,
            caller.email if caller is not None else None,
            *_texts(custom, "email"),
            *_texts(custom, "emailId"),
            address,
        ),
        bot_name=_first(context.bot),
        channel=_first(payload.channel_type, channel_name(payload)),
        language=_language(payload, custom),
        last_intent=_first(context.intent),
        session_id=_session_id(payload),
        case_id=_case_id(payload),
    )


def language(payload: Payload) -> str:
    """The user's language as the platform spells it, the most reliable source first; empty if there is none."""
    return _language(payload, _parameters(payload))


def _language(payload: Payload, parameters: Sequence[Members]) -> str:
    meta = payload.last_message.meta
    found = _first(
        (payload.context or _CONTEXT).current_language,
        (payload.channel or _CHANNEL).language,
        *(text for name in _LANGUAGE_PARAMETERS for text in _texts(parameters, name)),
        meta.locale if meta is not None else None,
    )
    return _at_most(MAX_LANGUAGE, found)


def _session_id(payload: Payload) -> str:
    return _at_most(MAX_NAME, str(payload.bot_user_session.conversation_session_id or ""))


def _case_id(payload: Payload) -> str:
    meta_info = payload.bot_user_session.miaw_meta_info
    value = meta_info.case_id if meta_info is not None else None
    return _at_most(
        MAX_NAME, str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    )


def _parameters(payload: Payload) -> list[Members]:
    """The parameters that the client's page passed on: objects, lists of objects, or JSON text, in several places (2.5)."""
    message, channel = payload.last_message, payload.channel or _CHANNEL
    places = (
        (payload.session.user_context or _USER).custom_data,
        message.bot_info.custom_data if message.bot_info is not None else None,
        message.message.custom_data if message.message is not None else None,
        *(place.bot_info.custom_data for place in (channel.infos, channel) if place.bot_info is not None),
    )
    return [one for place in places for one in _objects(place)]


def _objects(place: object) -> Iterator[Members]:
    if isinstance(place, list):
        place = place[:_MAX_PARAMETERS]
    elif isinstance(place, str) and len(place) > _MAX_PARAMETER_TEXT:
        return
    yield from (items(place) or [members(place)])[:_MAX_PARAMETERS]


def _address(payload: Payload, user: UserContext) -> str:
    """The e-mail address by which the platform knows the user; empty if there is none."""
    channel = payload.channel or _CHANNEL
    known: list[object] = [identity.val for identity in (user.identities or ())[:_MAX_PARAMETERS]]
    if payload.channel_type == "email":
        known += [channel.infos.from_, channel.from_]
    for value in known:
        # Such as cs-…/john@example.com: the client's app before the address.
        address = value.rpartition("/")[2] if isinstance(value, str) else ""
        if _ADDRESS.fullmatch(address):
            return address
    return ""


def _texts(custom: Sequence[Members], key: str) -> list[str | None]:
    """The texts under `key` in the client's parameters."""
    values = [parameters.get(key) for parameters in custom]
    return [value for value in values if isinstance(value, str)]


def _at_most(characters: int, text: str) -> str:
    """The text; empty if it is longer."""
    return text if len(text) <= characters else ""


def _first(*values: str | None) -> str:
    return next((value[:MAX_FACT] for value in values if value), "")
