"""The platform's masking of personal data: a value becomes a token between ``#*#`` (docs/protocols/kore-xo-botkit.md, 1)."""

from __future__ import annotations

import re

_PERSONAL = re.compile(r"(?P<email>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)|(?P<number>\d(?:[ -]?\d){5,})")
"""What counts as personal here: e-mail addresses, and numbers of six digits or more."""


def masked(text: str) -> str:
    """The text with a token in place of each personal value."""
    return _PERSONAL.sub(lambda found: f"#*#{found.lastgroup}#*#", text)
