"""The limits of templates: those that Kore documents, and generous ones of BotKit's where Kore has none."""

from __future__ import annotations

from collections.abc import Sequence

from botkit.errors import TemplateInvalid
from botkit.handoff.text import length

TEXT_LIMIT = 640
"""Max characters of the text above buttons and quick replies (documented)."""

MAX_CHOICES = 50
MAX_CARDS = 50
MAX_COLUMNS = 20
MAX_ROWS = 200
MAX_URL = 4_000

_WEB = ("https://", "http://")


def check_text(text: str, *, what: str, limit: int | None = None) -> str:
    """Return the text if it is valid.

    Raises:
        TemplateInvalid: the text is blank or too long.
    """
    if not text.strip():
        raise TemplateInvalid(f"{what} has no text: give one")
    if limit is not None and (characters := length(text)) > limit:
        raise TemplateInvalid(
            f"{what} has {characters} characters, of which {limit} are shown: send the rest in a message before it"
        )
    return text


def check_number(items: Sequence[object], *, what: str, most: int, least: int = 1) -> None:
    """Return if there are neither too few nor too many items.

    Raises:
        TemplateInvalid: there are too few or too many.
    """
    if len(items) < least:
        raise TemplateInvalid(f"{what}: give at least {least}")
    if len(items) > most:
        raise TemplateInvalid(
            f"{what}: {len(items)} given, but at most {most} are possible; send several messages"
        )


def check_url(url: str, *, what: str) -> str:
    """Return the URL if it is a web address. A `javascript:` URL must never become clickable.

    Raises:
        TemplateInvalid: it is no web address.
    """
    if not url.lower().startswith(_WEB) or len(url) > MAX_URL or any(c.isspace() for c in url):
        raise TemplateInvalid(f"{what} needs a URL that begins with https:// and has no blanks")
    return url
