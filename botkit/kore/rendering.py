"""An agent's messages and events as Kore's channels show them (docs/protocols/kore-xo-botkit.md, 2.6, 4.2, 4.3).

The web channel shows templates, other channels plain text. `message` always carries the plain text, so that history and
transcripts stay readable; a template goes into `overrideMessagePayload`. A payload that is used again
keeps its override, so a message without a template sets it to null.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from botkit.handoff.events import Content, Link
from botkit.http.lenient_json import try_decoded
from botkit.kore.bodies import changed, members_to_change
from botkit.templates import shapes
from botkit.templates.template import TEMPLATE_CHANNELS, Rendering, override

_MAX_BUTTONS = 3
"""Max options shown as buttons, which are stacked; more are shown as quick replies, which wrap."""

_WEB = ("https://", "http://")
"""Only these schemes become links; a `javascript:` address is shown as text."""

_BREAKS_A_TITLE, _BREAKS_AN_ADDRESS = re.compile(r"[\[\]\n]"), re.compile(r"[()\s]")
"""They would end a Markdown link early."""


def message_body(payload: bytes, content: Content, *, agent_name: str, channel_type: str) -> bytes:
    """The payload with `content` as its message. All other members keep their bytes, also messageObject and context."""
    rich = channel_type in TEMPLATE_CHANNELS
    template = template_for(content, agent_name=agent_name) if rich else None
    shown = Rendering(plain_text(content, markdown=rich), override(template) if template else None)
    return changed(payload, members_to_change(shown.as_changes()))


def template_for(content: Content, *, agent_name: str) -> shapes.Json | None:
    """The template for `content` on the web channel; None if plain text is enough."""
    text = plain_text(
        Content(content.text, links=content.links) if content.options else content, markdown=True
    )
    if content.options:
        titles = [option.title for option in content.options]
        if len(titles) <= _MAX_BUTTONS:
            buttons = [shapes.postback(title, title) for title in titles]
            return shapes.button(text, buttons, agent_name=agent_name)
        replies = [shapes.quick_reply(title, title) for title in titles]
        return shapes.quick_replies(text, replies, agent_name=agent_name)
    if not content.text and len(content.links) == 1 and _is_web_image(content.links[0]):
        picture = content.links[0]
        written = _written(picture, markdown=True)
        if not agent_name or not written.startswith("["):
            return shapes.image(picture.url)
        # The template of an image has neither a name nor a sender. Kore's web client shows pictures in Markdown, too.
        return shapes.live_agent(f"!{written}\n{written}", agent_name=agent_name)
    return shapes.live_agent(text, agent_name=agent_name) if agent_name else None


def plain_text(content: Content, *, markdown: bool) -> str:
    """The content as plain text: its text, then its links, then its options, one on each line."""
    if not content.links and not content.options:
        return content.text
    lines = [content.text] if content.text else []
    lines += [_written(link, markdown=markdown) for link in content.links]
    lines += [f"- {option.title}" for option in content.options]
    return "\n".join(lines)


def _written(link: Link, *, markdown: bool) -> str:
    if not link.title or link.title == link.url:
        return link.url
    breaks = _BREAKS_A_TITLE.search(link.title) or _BREAKS_AN_ADDRESS.search(link.url)
    if markdown and link.url.startswith(_WEB) and not breaks:
        return f"[{link.title}]({link.url})"
    return f"{link.title}: {link.url}"


def _is_web_image(link: Link) -> bool:
    return link.kind == "image" and link.url.startswith(_WEB)


def client_typing(*, started: bool) -> Mapping[str, object]:
    """The members of a sendBotEvent payload for an agent that started or stopped typing."""
    return {"preDefinedEvent": {"type": "TYPING_STARTED" if started else "TYPING_STOPPED"}}


def client_event(name: str, data: str) -> Mapping[str, object]:
    """The members of a sendBotEvent payload for an organisation's own event.

    Data that is a JSON object becomes the event's members, beside its `type`. Events from the client reach the agents' side in
    the same form, so both sides can exchange them. Any other data is put under `data`, unchanged.
    """
    found = try_decoded(data.encode())
    event = found if isinstance(found, dict) else {"data": data}
    return {"customEvent": {"type": name, **event}}
