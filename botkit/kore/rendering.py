"""How something an agent said looks on Kore's channels: templates on the web channel, plain text elsewhere (4.3).

`message` always carries the whole thing as plain text, so that history and transcripts stay readable; where a template
shows it better, `overrideMessagePayload` carries that. The override sticks to a payload that is used again, so it is set
to null where there is none.
"""

from __future__ import annotations

import re

import msgspec

from botkit.handoff.events import Content, Link
from botkit.kore.bodies import members_of
from botkit.lenient_json import encoded

TEMPLATE_CHANNELS = frozenset({"", "rtm"})
"""Channels known to show Kore's templates: the web channel, and payloads that name none."""

_BUTTONS_AT_MOST = 3
"""More options than this are quick replies, which wrap; buttons stand one below the other."""

_WEB = ("https://", "http://")
"""Only these become links; a `javascript:` address is shown, not offered to be clicked."""

_BREAKS_A_LINK = re.compile(r"[\[\]\n].*\0|\0.*[()\s]", re.DOTALL)
"""Brackets in a title, or parentheses and blanks in an address, would end a Markdown link early."""

_NULL = msgspec.Raw(b"null")


def message_body(payload: bytes, content: Content, *, agent_name: str, channel_type: str) -> bytes:
    """The payload with `content` as its message. All other members keep their bytes, messageObject and context too."""
    rich = channel_type in TEMPLATE_CHANNELS
    members = members_of(payload)
    members["message"] = msgspec.Raw(encoded(plain_text(content, markdown=rich)))
    template = template_for(content, agent_name=agent_name) if rich else None
    members["overrideMessagePayload"] = _override(template)
    # These describe the message the payload came with, not ours.
    members.pop("formattedMessage", None)
    if "isTemplate" in members:
        members["isTemplate"] = msgspec.Raw(b"false")
    return msgspec.json.encode(members)


def template_for(content: Content, *, agent_name: str) -> dict[str, object] | None:
    """The template that shows `content` best on the web channel; None where plain text does."""
    text = plain_text(Content(content.text, links=content.links), markdown=True)
    by = {"agent_name": agent_name} if agent_name else {}
    if content.options:
        titles = [option.title for option in content.options]
        if len(titles) <= _BUTTONS_AT_MOST:
            # Title and payload alike: which of them comes back on a click is not documented.
            buttons = [{"type": "postback", "title": title, "payload": title} for title in titles]
            return _template({"template_type": "button", "text": text, "buttons": buttons, **by})
        replies = [{"content_type": "text", "title": title, "payload": title} for title in titles]
        return _template({"template_type": "quick_replies", "text": text, "quick_replies": replies, **by})
    if not content.text and len(content.links) == 1 and _is_web_image(content.links[0]):
        return {"type": "image", "payload": {"url": content.links[0].url}}
    if by:
        return _template({"template_type": "live_agent", "text": text, **by})
    return None


def plain_text(content: Content, *, markdown: bool) -> str:
    """Everything in words: the text, then links, then the options, a line each."""
    lines = [content.text] if content.text else []
    lines += [_written(link, markdown=markdown) for link in content.links]
    lines += [f"- {option.title}" for option in content.options]
    return "\n".join(lines)


def _written(link: Link, *, markdown: bool) -> str:
    if not link.title or link.title == link.url:
        return link.url
    if markdown and link.url.startswith(_WEB) and not _BREAKS_A_LINK.search(f"{link.title}\0{link.url}"):
        return f"[{link.title}]({link.url})"
    return f"{link.title}: {link.url}"


def _is_web_image(link: Link) -> bool:
    return link.kind == "image" and link.url.startswith(_WEB)


def _template(payload: dict[str, object]) -> dict[str, object]:
    return {"type": "template", "payload": payload}


def _override(template: dict[str, object] | None) -> msgspec.Raw:
    if template is None:
        return _NULL
    return msgspec.Raw(encoded({"isTemplate": True, "body": encoded(template).decode()}))
