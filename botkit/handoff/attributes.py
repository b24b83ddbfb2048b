"""What the agent is told of the user: routing attributes from the platform's facts and the dialog's `preChatInfo`.

Salesforce takes names letter by letter and drops those it does not know without a word; a value that is too long is an
error (salesforce-miaw.md sections 2.1 and 6). So names are never touched, and values are cut.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType

from botkit.handoff.events import UserProfile
from botkit.handoff.text import cut

FACTS: tuple[str, ...] = (
    "user_id",
    "name",
    "first_name",
    "last_name",
    "email",
    "bot_name",
    "channel",
    "language",
    "last_intent",
    "session_id",
    "case_id",
)
"""What a mapping can refer to: the fields of `UserProfile`, and `name`, first and last name together."""

DEFAULT_ATTRIBUTES: Mapping[str, str] = MappingProxyType(
    {
        "_firstName": "first_name",
        "_lastName": "last_name",
        "_email": "email",
        "_subject": "last_intent",
        "Kore_User_Id": "user_id",
        "Kore_Bot_Name": "bot_name",
        "Kore_Channel": "channel",
        "Kore_Language": "language",
        "Kore_Session_Id": "session_id",
        "Kore_Last_Intent": "last_intent",
        "Case_Id": "case_id",
    }
)
"""Attribute → fact, where the bot's configuration has no mapping. The names with an underscore are Salesforce's own."""


def routing_attributes(
    profile: UserProfile,
    pre_chat: Sequence[tuple[str, str]],
    mapping: Mapping[str, str],
    *,
    max_value: int = 255,
) -> tuple[tuple[str, str], ...]:
    """The attributes of a new conversation: those of the mapping first, then what else the dialog set.

    Args:
        profile: the facts; an empty one is left out.
        pre_chat: what the dialog set. It wins over a fact under the same name, also with an empty value: the dialog may
            want to keep a fact from the agent.
        mapping: attribute → one of `FACTS`.
        max_value: the longest value Salesforce takes, in UTF-16 code units; longer ones are cut.
    """
    attributes = {name: _fact(profile, fact) for name, fact in mapping.items()}
    attributes = {name: value for name, value in attributes.items() if value}
    attributes.update(pre_chat)
    return tuple((name, cut(value, max_value)) for name, value in attributes.items())


def _fact(profile: UserProfile, fact: str) -> str:
    if fact == "name":
        return f"{profile.first_name.strip()} {profile.last_name.strip()}".strip()
    value: str = getattr(profile, fact)
    return value.strip()


def as_text(value: object) -> str:
    """A JSON value as an attribute's text, as the JavaScript of the dialog that set it would print it.

    Text stays as it is; `true` and `false` are spelled out; null, and numbers that are none, are empty; 12.0 is ``"12"``,
    1e-7 is ``"1e-7"``, and an integer of any size is exact; objects and arrays are compact JSON.
    """
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _number(value)
        case _:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _number(value: float) -> str:
    """A number as JavaScript prints it, which has none of Python's ``12.0``, ``-0.0`` and ``1e-07``."""
    if not math.isfinite(value):
        return ""
    if value == 0:
        return "0"
    if 1e-6 <= abs(value) < 1e21:
        plain = format(Decimal(repr(value)), "f")
        return plain.removesuffix(".0")
    return re.sub(r"e([+-])0+", r"e\1", repr(value))
