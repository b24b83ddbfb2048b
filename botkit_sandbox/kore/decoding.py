"""Texts and scripts of an export, decoded: most are percent-encoded, and some stand beside them as they are.

docs/protocols/kore-xo-botkit.md, 7.3: the builder writes its own texts with encodeURIComponent. The default error texts of the
platform were never encoded, and may hold a percent sign.
"""

from __future__ import annotations

import re

_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_ENCODED = re.compile(r"(?:[A-Za-z0-9\-_.!~*'()]|%[0-9A-Fa-f]{2})*")
_NEVER_LEFT = re.compile(r"[\s\"<>{}|\\^`]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
"""Half of a surrogate pair. JSON can spell it, UTF-8 cannot."""


def is_encoded(text: str) -> bool:
    """Whether `text` is what encodeURIComponent returns."""
    return _ENCODED.fullmatch(text) is not None


def decoded(text: str) -> str:
    """The text that `text` stands for.

    A text with a space or a bracket was not encoded, and is returned unchanged. A percent sign without two hexadecimal
    digits is itself, and so are escapes that are not UTF-8.
    """
    plain = text if _NEVER_LEFT.search(text) else _ESCAPES.sub(_characters, text)
    return _SURROGATE.sub("\ufffd", plain)


def _characters(escapes: re.Match[str]) -> str:
    try:
        return bytes.fromhex(escapes[0].replace("%", "")).decode()
    except UnicodeDecodeError:
        return escapes[0]
