"""Texts and scripts of an export, decoded: most are percent-encoded, and some stand beside them as they are.

docs/protocols/kore-xo-botkit.md, 7.3: the builder writes its own texts with encodeURIComponent. The default error texts of the
platform were never encoded, and may hold a percent sign.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

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
    encoded = escapes[0]
    text = bytes.fromhex(encoded.replace("%", "")).decode(errors="surrogateescape")
    return "".join(_with_escapes(text, encoded)) if _SURROGATE.search(text) else text


def _with_escapes(text: str, encoded: str) -> Iterator[str]:
    """The characters of `text`; a byte that is not UTF-8 as the escape that it was."""
    position = 0
    for character in text:
        if _SURROGATE.match(character):
            yield encoded[3 * position : 3 * position + 3]
            position += 1
        else:
            yield character
            position += len(character.encode())
