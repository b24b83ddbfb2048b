"""Converts an agent's message to text: removes the markup that the console adds, and decodes HTML entities.

Agents also write `a < b` and `<your name>`, so only the tags of a rich-text editor count as markup.
"""

from __future__ import annotations

import html
import re
from urllib.parse import urlsplit

from botkit.handoff.events import Content, Link
from botkit.http.links import openable

_BREAK = re.compile(r"<\s*(?:br\s*/?|/p|/div|/li|/h[1-6]|/tr)\s*>", re.IGNORECASE)
_LINK = re.compile(
    r"<a\s[^<>]*?href\s*=\s*(?P<quote>[\"'])(?P<url>[^<>\"']*)(?P=quote)[^<>]*>(?P<label>[^<]{0,2000}(?:<(?!/?a\b)[^<]{0,500}){0,20})</a\s*>",
    re.IGNORECASE | re.DOTALL,
)
_TAG = re.compile(
    r"</?(?:a|b|big|blockquote|code|div|em|font|h[1-6]|i|img|li|ol|p|pre|s|small|span|strike|strong|sub|sup|table|tbody|td|th|tr|u|ul)"
    r"(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_MAX_TEXT = 100_000


def read_words(text: str) -> Content:
    """The text and links of a ChatMessage (docs/protocols/salesforce-live-chat.md, 7)."""
    text = text[:_MAX_TEXT]
    if "<" not in text:
        return Content(html.unescape(text))
    links: list[Link] = []

    def link(match: re.Match[str]) -> str:
        url, label = openable(html.unescape(match["url"])), _plain(match["label"]).strip()
        if not _is_web_address(url):
            return match["label"]
        if label and label.rstrip("/") != url.rstrip("/"):
            links.append(Link(label, url))
            return match["label"]
        return html.escape(url)

    plain = _plain(_LINK.sub(link, text))
    return Content(plain.strip("\n"), links=tuple(dict.fromkeys(links)))


def _plain(markup: str) -> str:
    return html.unescape(_TAG.sub("", _BREAK.sub("\n", markup)))


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)
