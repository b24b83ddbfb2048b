"""The JSON of each template as Kore's web SDK reads it (its docs/templates, and *Message Formatting and Templates*).

Nothing is checked here, because agents' messages use these shapes too. `botkit.templates` checks the templates of developers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Json = Mapping[str, object]


def template(template_type: str, **members: object) -> Json:
    """The shape of most templates: their own members are in the payload. None and empty texts are left out."""
    present = {name: value for name, value in members.items() if value is not None and value != ""}
    return {"type": "template", "payload": {"template_type": template_type, **present}}


def postback(title: str, payload: str) -> Json:
    """A button that sends `payload` in the user's name."""
    return {"type": "postback", "title": title, "payload": payload}


def web_url(title: str, url: str) -> Json:
    """A button that opens a page."""
    return {"type": "web_url", "title": title, "url": url}


def button(text: str, buttons: Sequence[Json], *, agent_name: str = "") -> Json:
    return _with_choices("button", text, "buttons", buttons, agent_name)


def quick_replies(text: str, replies: Sequence[Json], *, agent_name: str = "") -> Json:
    return _with_choices("quick_replies", text, "quick_replies", replies, agent_name)


def quick_reply(title: str, payload: str, *, image_url: str = "") -> Json:
    reply = {"content_type": "text", "title": title, "payload": payload}
    return {**reply, "image_url": image_url} if image_url else reply


def live_agent(text: str, *, agent_name: str = "") -> Json:
    """A text that the web SDK shows as an agent's message."""
    by = {"agent_name": agent_name} if agent_name else {}
    return {"type": "template", "payload": {"template_type": "live_agent", "text": text, **by}}


def image(url: str) -> Json:
    return {"type": "image", "payload": {"url": url}}


def player(member: str, url: str) -> Json:
    """Audio and video play in the chat only in a message's `audioUrl` or `videoUrl`."""
    return {"type": "message", "payload": {"text": "", member: url}}


def _with_choices(kind: str, text: str, choices_in: str, choices: Sequence[Json], agent_name: str) -> Json:
    by = {"agent_name": agent_name} if agent_name else {}
    payload = {"template_type": kind, "text": text, choices_in: list(choices), **by}
    return {"type": "template", "payload": payload}
