"""The `abstractMessage` shapes of agents, automated responses and end users.

See docs/protocols/salesforce-miaw.md, 3.6.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

Message = dict[str, Any]

_LEADING_URL = re.compile(r"(https?://\S+)\s+(\S.*)", re.DOTALL)
_TRAILING_URL = re.compile(r"(.*\S)\s+(https?://\S+)", re.DOTALL)


def text(words: str) -> Message:
    """Plain text."""
    return static({"formatType": "Text", "text": words})


def static(static_content: Mapping[str, Any]) -> Message:
    """A StaticContentMessage with this content."""
    return _abstract("StaticContentMessage", staticContent=dict(static_content))


def link(title: str, url: str) -> Message:
    """A link with a title (RichLink)."""
    return static(
        {
            "formatType": "RichLink",
            "linkItem": {
                "itemType": "TitleLinkItem",
                "titleItem": {"itemType": "TitleItem", "title": title, "subTitle": None},
                "url": url,
            },
            "image": None,
        }
    )


def attachment(*, file_id: str, name: str, mime_type: str, url: str, caption: str | None = None) -> Message:
    """A file that the client downloads from `url`."""
    return static(
        {
            "formatType": "Attachments",
            "text": caption,
            "attachments": [
                {
                    "id": file_id,
                    "name": name,
                    "mimeType": mime_type,
                    "url": url,
                    "attachmentUploadResult": None,
                    "referenceId": file_id,
                }
            ],
        }
    )


def options(titles: Sequence[str]) -> list[Message]:
    """Numbered options with these titles."""
    return [
        {
            "itemType": "TitleOptionItem",
            "optionIdentifier": f"option-{number}",
            "titleItem": {"itemType": "TitleItem", "title": title},
        }
        for number, title in enumerate(titles, start=1)
    ]


def choices(words: str, titles: Sequence[str], *, format_type: str = "Buttons") -> Message:
    """A question with buttons, quick replies or a list to pick from."""
    return _abstract(
        "ChoicesMessage", choices={"formatType": format_type, "text": words, "optionItems": options(titles)}
    )


def carousel(cards: Sequence[tuple[str, Sequence[str]]], *, title: str | None = None) -> Message:
    """Cards, each with a title and its options."""
    items = [
        {"titleItem": {"itemType": "TitleItem", "title": card}, "interactionItems": options(titles)}
        for card, titles in cards
    ]
    return _abstract(
        "ChoicesMessage", choices={"formatType": "Carousel", "title": title, "items": items, "images": []}
    )


def form(title: str, labels: Sequence[str]) -> Message:
    """A form with one text input per label."""
    sections = [
        {
            "sectionType": "SingleInputSection",
            "input": {"inputType": "TextInput", "id": f"input-{number}", "label": label, "required": True},
        }
        for number, label in enumerate(labels, start=1)
    ]
    return _abstract("FormMessage", form={"formatType": "Inputs", "formTitle": title, "sections": sections})


def split_at_url(words: str) -> list[Message]:
    """One message, or two when the text starts or ends with a web address (3.1): text and preview."""
    stripped = words.strip()
    if leading := _LEADING_URL.fullmatch(stripped):
        return [link(leading[1], leading[1]), text(leading[2])]
    if trailing := _TRAILING_URL.fullmatch(stripped):
        return [text(trailing[1]), link(trailing[2], trailing[2])]
    return [text(words)]


def _abstract(message_type: str, **parts: Any) -> Message:
    return {"messageType": message_type, "inReplyToMessageId": None, "references": [], **parts}
