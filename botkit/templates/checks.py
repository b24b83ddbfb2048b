"""What a template may hold: the limits that Kore documents, and wide ones of our own where it names none."""

from __future__ import annotations

from collections.abc import Sequence

from botkit.errors import TemplateInvalid
from botkit.handoff.text import length

TEXT_LIMIT = 640
"""Characters of the text above buttons and quick replies (documented)."""

MAX_CHOICES = 50
MAX_CARDS = 50
MAX_COLUMNS = 20
MAX_ROWS = 200
MAX_URL = 4_000

_WEB = ("https://", "http://")


def check_text(text: str, *, what: str, limit: int | None = None) -> str:
    """The text, if there is one.

    Raises:
        TemplateInvalid: it is blank or too long.
    """
    if not text.strip():
        raise TemplateInvalid(f"{what} has no text: give one")
    if limit is not None and (given := length(text)) > limit:
        raise TemplateInvalid(
            f"{what} has {given} characters, of which {limit} are shown: send the rest before it"
        )
    return text


def check_number(items: Sequence[object], *, what: str, most: int, least: int = 1) -> None:
    """Return if there are neither too few nor too many.

    Raises:
        TemplateInvalid: there are.
    """
    if len(items) < least:
        raise TemplateInvalid(f"{what}: give at least {least}")
    if len(items) > most:
        raise TemplateInvalid(f"{what}: {len(items)} given, {most} are possible; send several messages")


def check_url(url: str, *, what: str) -> str:
    """The address, if it is one of the web: a `javascript:` address is never offered to be clicked.

    Raises:
        TemplateInvalid: it is not.
    """
    if not url.lower().startswith(_WEB) or len(url) > MAX_URL or any(c.isspace() for c in url):
        raise TemplateInvalid(f"{what} needs an address that begins with https:// and holds no blanks")
    return url
