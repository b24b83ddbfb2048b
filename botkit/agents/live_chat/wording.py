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
    r"<a\s(?P<attributes>[^<>]*)>(?P<label>[^<]{0,2000}(?:<(?!/?a\b)[^<]{0,500}){0,20})</a\s*>",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"href\s*=\s*(?P<quote>[\"'])(?P<url>[^\"']*)(?P=quote)", re.IGNORECASE)
_ENDLESS_NUMBER = re.compile(r"&#[0-9]{100,};?")
"""The number of no character. Python refuses to read one of thousands of digits."""
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
        return Content(_unescaped(text))
    links: list[Link] = []

    def link(match: re.Match[str]) -> str:
        address = _ADDRESS.search(match["attributes"])
        if address is None:
            return match[0]
        url, label = openable(_unescaped(address["url"])), _plain(match["label"]).strip()
        if not _is_web_address(url):
            return match["label"]
        if label and label.rstrip("/") != url.rstrip("/"):
            links.append(Link(label, url))
            return match["label"]
        return html.escape(url)

    plain = _plain(_LINK.sub(link, text))
    return Content(plain.strip("\n"), links=tuple(dict.fromkeys(links)))


def _plain(markup: str) -> str:
    return _unescaped(_TAG.sub("", _BREAK.sub("\n", markup)))


def _unescaped(text: str) -> str:
    return html.unescape(_ENDLESS_NUMBER.sub("\ufffd", text) if "&#" in text else text)


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)
