"""How something an agent said looks on Kore's channels: templates on the web channel, plain text elsewhere (4.3).

`message` always carries the whole thing as plain text, so that history and transcripts stay readable; where a template
shows it better, `overrideMessagePayload` carries that. The override sticks to a payload that is used again, so it is set
to null where there is none.
"""

from __future__ import annotations

import re

from botkit.handoff.events import Content, Link
from botkit.kore.bodies import changed, members_to_change
from botkit.templates import shapes
from botkit.templates.template import TEMPLATE_CHANNELS, Rendering, override

_BUTTONS_AT_MOST = 3
"""More options than this are quick replies, which wrap; buttons stand one below the other."""

_WEB = ("https://", "http://")
"""Only these become links; a `javascript:` address is shown, not offered to be clicked."""

_BREAKS_A_LINK = re.compile(r"[\[\]\n].*\0|\0.*[()\s]", re.DOTALL)
"""Brackets in a title, or parentheses and blanks in an address, would end a Markdown link early."""


def message_body(payload: bytes, content: Content, *, agent_name: str, channel_type: str) -> bytes:
    """The payload with `content` as its message. All other members keep their bytes, messageObject and context too."""
    rich = channel_type in TEMPLATE_CHANNELS
    template = template_for(content, agent_name=agent_name) if rich else None
    shown = Rendering(plain_text(content, markdown=rich), override(template) if template else None)
    return changed(payload, members_to_change(shown.as_changes()))


def template_for(content: Content, *, agent_name: str) -> shapes.Json | None:
    """The template that shows `content` best on the web channel; None where plain text does."""
    text = plain_text(Content(content.text, links=content.links), markdown=True)
    if content.options:
        titles = [option.title for option in content.options]
        if len(titles) <= _BUTTONS_AT_MOST:
            buttons = [shapes.postback(title, title) for title in titles]
            return shapes.button(text, buttons, agent_name=agent_name)
        replies = [shapes.quick_reply(title, title) for title in titles]
        return shapes.quick_replies(text, replies, agent_name=agent_name)
    if not content.text and len(content.links) == 1 and _is_web_image(content.links[0]):
        return shapes.image(content.links[0].url)
    return shapes.live_agent(text, agent_name=agent_name) if agent_name else None


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
