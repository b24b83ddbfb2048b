"""Words of other systems, cleaned for a log line: one short line without control characters and personal data."""

from __future__ import annotations

import re

MAX_WORDS = 200
_SEARCHED = 1_000
"""Max characters in which personal data are looked for: the time grows with their square."""
_UNPRINTABLE = re.compile(r"[^ -~\u00a1-\u024f\u2010-\u2027]+")
"""All but ASCII and Latin letters and punctuation: such texts are English, or in the language of the organisation."""
_PERSONAL = re.compile(r"[^\s@]+@[^\s@]+|\beyJ[\w.-]+|\b[\w-]{33,}\b|(?<!\w)\+?\d[\d ()/-]{6,}\d(?!\w)")
"""E-mail addresses, tokens, long random words and long numbers. An organisation's id (15 or 18 characters) is none."""


def cleaned(words: str, *, longest: int = MAX_WORDS) -> str:
    """The words on one line of at most this length."""
    words = words[:_SEARCHED]
    words = " ".join(_UNPRINTABLE.sub(" ", _PERSONAL.sub("…", words)).split())
    return words if len(words) <= longest else words[: longest - 1] + "…"
