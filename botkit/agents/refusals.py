"""The reason that an organisation states when it refuses the set-up, for the log: one short line without personal data.

Only for calls before a conversation exists, whose bodies hold no message of a user. Attributes may be quoted, so their values are
removed. A known reason has advice that fits it; an unknown one is logged without a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from botkit.http.lenient_json import Members, items, members, text, try_decoded

MAX_REASON = 200
_READ = 20_000
_SEARCHED = 1_000
"""Max characters in which personal data are looked for: the time grows with their square."""
_SHORTEST_HIDDEN = 3
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_UNPRINTABLE = re.compile(r"[^ -~\u00a1-\u024f\u2010-\u2027]+")
"""All but ASCII and Latin letters and punctuation: such texts are English, or in the language of the organisation."""
_PERSONAL = re.compile(r"[^\s@]+@[^\s@]+|\beyJ[\w.-]+|\b[\w-]{33,}\b|(?<!\w)\+?\d[\d ()/-]{6,}\d(?!\w)")
"""E-mail addresses, tokens, long random words and long numbers. An organisation's id (15 or 18 characters) is none."""


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
    words = words[:_SEARCHED]
    words = " ".join(_UNPRINTABLE.sub(" ", _PERSONAL.sub("…", words)).split())
    if len(words) > MAX_REASON:
        words = words[: MAX_REASON - 1] + "…"
    return ": ".join(part for part in (code, words) if part)


def explained(stated: str, known: Sequence[Advice], *, unstated: str = "") -> str:
    """The reason with the advice that fits it; `unstated` if there is none."""
    if not stated:
        return unstated
    fix = next((one.fix for one in known if one.pattern.search(stated)), "")
    return f"{stated}; {fix}" if fix else stated


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
