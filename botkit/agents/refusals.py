"""The reason that an organisation states when it refuses the set-up, for the log: one short line without personal data.

Only for calls before a conversation exists, whose bodies hold no message of a user. Attributes may be quoted, so their values are
removed. A known reason has advice that fits it; an unknown one is logged without a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from botkit.http.lenient_json import Members, items, members, text, try_decoded
from botkit.observability.cleaning import MAX_WORDS, cleaned

MAX_REASON = MAX_WORDS
_READ = 20_000
_SHORTEST_HIDDEN = 3
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Advice:
    """How to fix a refusal whose code and text match `pattern`."""

    pattern: re.Pattern[str]
    fix: str


def advice(pattern: str, fix: str) -> Advice:
    """Advice for texts that contain this pattern, in any case."""
    return Advice(re.compile(pattern, re.IGNORECASE), fix)


def reason(body: bytes, *, hide: Iterable[str] = ()) -> str:
    """The code and the text of a refusal, on one line: ``SETUP_ERROR: The deployment isn't published``.

    Args:
        body: of the answer: JSON in one of Salesforce's forms, or plain text. A page (HTML) has no reason.
        hide: values that the request has sent, and that the text may quote.
    """
    code, words = _stated(body[:_READ])
    for value in sorted({value for value in hide if len(value) >= _SHORTEST_HIDDEN}, key=len, reverse=True):
        words = words.replace(value, "…")
    return ": ".join(part for part in (code, cleaned(words)) if part)


def explained(stated: str, known: Sequence[Advice], *, unstated: str = "") -> str:
    """The reason with the advice that fits it; `unstated` if there is none."""
    if not stated:
        return unstated
    fix = fix_for(stated, known)
    return f"{stated}; {fix}" if fix else stated


def fix_for(stated: str, known: Sequence[Advice], *, unstated: str = "") -> str:
    """The advice alone; of an unstated reason, or one that nobody knows, that of `unstated`, after its semicolon."""
    usual = unstated.partition("; ")[2] or unstated
    return next((one.fix for one in known if stated and one.pattern.search(stated)), usual)


def _stated(body: bytes) -> tuple[str, str]:
    found = try_decoded(body)
    if isinstance(found, list):
        found = next(iter(items(found)), {})
    if isinstance(found, dict):
        error = members(found.get("error"))
        code = _first({**found, **error}, "errorCode", "code", "error")
        words = _first({**found, **error}, "message", "errorMessage", "error_description", "detail", "text")
        return (code if _CODE.fullmatch(code) else ""), words
    words = found if isinstance(found, str) else body.decode(errors="replace").strip()
    return "", "" if words.startswith(("<", "{", "[")) else words


def _first(found: Members, *names: str) -> str:
    return next((value for name in names if (value := text(found.get(name)))), "")
