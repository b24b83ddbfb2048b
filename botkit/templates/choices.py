"""Templates that offer choices: buttons and quick replies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from botkit.errors import TemplateInvalid
from botkit.templates import shapes
from botkit.templates.checks import MAX_CHOICES, TEXT_LIMIT, check_number, check_text, check_url
from botkit.templates.template import Template


@dataclass(frozen=True, slots=True)
class Button:
    """A button. A click sends its payload in the user's name and shows the title; with a `url` it opens a page.

    Args:
        title: the label.
        payload: the text that a click sends to the bot; by default the title.
        url: the page that a click opens instead.

    Raises:
        TemplateInvalid: the title is blank, there are both a payload and a URL, or the URL is no web address.
    """

    title: str
    payload: str | None = None
    url: str | None = None

    def __post_init__(self) -> None:
        check_text(self.title, what="a button")
        if self.url is not None:
            check_url(self.url, what="a button")
            if self.payload is not None:
                raise TemplateInvalid("a button has either a payload or a url")

    def to_wire(self) -> shapes.Json:
        """Its JSON."""
        if self.url is not None:
            return shapes.web_url(self.title, self.url)
        return shapes.postback(self.title, self.title if self.payload is None else self.payload)

    @property
    def text(self) -> str:
        """The plain-text form."""
        return f"- {self.title}" if self.url is None else f"- {self.title}: {self.url}"


@dataclass(frozen=True, slots=True)
class QuickReply:
    """A choice that disappears after a click.

    Args:
        title: the label.
        payload: the text that a click sends to the bot; by default the title.
        image_url: a picture beside the title.

    Raises:
        TemplateInvalid: the title is blank, or the URL is no web address.
    """

    title: str
    payload: str | None = None
    image_url: str = ""

    def __post_init__(self) -> None:
        check_text(self.title, what="a quick reply")
        if self.image_url:
            check_url(self.image_url, what="a quick reply's image")

    def to_wire(self) -> shapes.Json:
        """Its JSON."""
        payload = self.title if self.payload is None else self.payload
        return shapes.quick_reply(self.title, payload, image_url=self.image_url)

    @property
    def text(self) -> str:
        """The plain-text form."""
        return f"- {self.title}"


def button_template(text: str, buttons: Sequence[Button | str], *, agent_name: str = "") -> Template:
    """A text with buttons below it; three fit side by side.

    Args:
        text: at most 640 characters.
        buttons: buttons, or texts for buttons with this title and payload.
        agent_name: the agent who sends it, for messages of an agent.

    Raises:
        TemplateInvalid: the text is blank or too long, or there is no button or more than 50.
    """
    check_text(text, what="a button template", limit=TEXT_LIMIT)
    chosen = [Button(button) if isinstance(button, str) else button for button in buttons]
    check_number(chosen, what="buttons", most=MAX_CHOICES)
    content = shapes.button(text, [button.to_wire() for button in chosen], agent_name=agent_name)
    return Template("\n".join([text, *(button.text for button in chosen)]), content)


def quick_replies_template(
    text: str, replies: Sequence[QuickReply | str], *, agent_name: str = ""
) -> Template:
    """A text with choices that wrap, and disappear after a click; suits more than three choices.

    Args:
        text: at most 640 characters.
        replies: quick replies, or texts for replies with this title and payload.
        agent_name: the agent who sends it, for messages of an agent.

    Raises:
        TemplateInvalid: the text is blank or too long, or there is no reply or more than 50.
    """
    check_text(text, what="a quick replies template", limit=TEXT_LIMIT)
    chosen = [QuickReply(reply) if isinstance(reply, str) else reply for reply in replies]
    check_number(chosen, what="quick replies", most=MAX_CHOICES)
    content = shapes.quick_replies(text, [reply.to_wire() for reply in chosen], agent_name=agent_name)
    return Template("\n".join([text, *(reply.text for reply in chosen)]), content)
