"""Masked values: the platform replaces personal data with tokens between ``#*#`` (docs/protocols/kore-xo-botkit.md, 1)."""

from __future__ import annotations

import re

HIDDEN = "[hidden]"
"""What agents read instead of a token."""

_MARK = "#*#"
_TOKEN = re.compile(r"#\*#[^\r\n]{1,200}?#\*#")


def readable(text: str) -> str:
    """The text with every token of a masked value replaced."""
    return _TOKEN.sub(HIDDEN, text) if _MARK in text else text
