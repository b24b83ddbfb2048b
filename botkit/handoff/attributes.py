"""Routing attributes: facts about the user for the agent, from the platform and the dialog's `preChatInfo`.

Agent systems compare names letter by letter and may drop unknown ones silently, and they refuse a value that is too long
(docs/protocols/salesforce-miaw.md, 2.1 and 6). So names stay untouched, and long values are cut.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from botkit.handoff.events import UserProfile
from botkit.handoff.masking import readable
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
    "reference",
)
"""The facts a mapping can name: the fields of `UserProfile`, `name`, which is first and last name together, and `reference`, the
hand-off's."""


def routing_attributes(
    profile: UserProfile,
    pre_chat: Sequence[tuple[str, str]],
    mapping: Mapping[str, str],
    *,
    reference: str = "",
    max_value: int = 255,
) -> tuple[tuple[str, str], ...]:
    """The attributes of a new conversation: those of the mapping first, then the dialog's other ones.

    Args:
        profile: the facts; empty ones are left out.
        pre_chat: the dialog's own attributes. They win over facts of the same name, even with an empty value: that is how
            a dialog withholds a fact from the agent.
        mapping: attribute → one of `FACTS`.
        reference: the hand-off's reference.
        max_value: the longest value the agent system takes, in UTF-16 code units; longer ones are cut.
    """
    attributes = {
        name: reference if fact == "reference" else _fact(profile, fact) for name, fact in mapping.items()
    }
    attributes = {name: value for name, value in attributes.items() if value}
    attributes.update(pre_chat)
    return tuple((name, cut(readable(value), max_value)) for name, value in attributes.items())


def _fact(profile: UserProfile, fact: str) -> str:
    if fact == "name":
        return f"{profile.first_name.strip()} {profile.last_name.strip()}".strip()
    value: str = getattr(profile, fact)
    return value.strip()


def as_text(value: object) -> str:
    """A JSON value as an attribute's text, the way JavaScript would print it in the dialog that set it.

    Text stays as it is; `true` and `false` are spelled out; null, NaN and infinities are empty; 12.0 is ``"12"``, 1e-7 is
    ``"1e-7"``, and an integer of any size is exact; objects and arrays are compact JSON.
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
    """A number as JavaScript prints it: without Python's ``12.0``, ``-0.0`` and ``1e-07``."""
    if not math.isfinite(value):
        return ""
    if value == 0:
        return "0"
    if 1e-6 <= abs(value) < 1e21:
        plain = format(Decimal(repr(value)), "f")
        return plain.removesuffix(".0")
    return re.sub(r"e([+-])0+", r"e\1", repr(value))
