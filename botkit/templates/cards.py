"""Templates with cards: below each other (list) or side by side (carousel)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from botkit.errors import TemplateInvalid
from botkit.templates import shapes
from botkit.templates.checks import MAX_CARDS, check_number, check_text, check_url
from botkit.templates.choices import Button
from botkit.templates.template import Template

LIST_LIMIT = 4
"""Max cards of a list (documented)."""

_SHOWN_AT_ONCE = 3
_BUTTONS_IN_A_LIST = 1
_BUTTONS_IN_A_CAROUSEL = 3


@dataclass(frozen=True, slots=True)
class Card:
    """One card of a list or a carousel.

    Args:
        title: the heading.
        subtitle: the line below the heading.
        image_url: the picture.
        url: the page that a click on the card opens.
        buttons: at most one in a list, three in a carousel.

    Raises:
        TemplateInvalid: the title is blank, or a URL is no web address.
    """

    title: str
    subtitle: str = ""
    image_url: str = ""
    url: str = ""
    buttons: Sequence[Button] = ()

    def __post_init__(self) -> None:
        check_text(self.title, what="a card")
        for url, what in ((self.image_url, "a card's image"), (self.url, "a card")):
            if url:
                check_url(url, what=what)

    def to_wire(self) -> shapes.Json:
        """Its JSON. An empty subtitle is included, because the web SDK always reads it."""
        card: dict[str, object] = {"title": self.title, "subtitle": self.subtitle}
        if self.image_url:
            card["image_url"] = self.image_url
        if self.url:
            card["default_action"] = {"type": "web_url", "url": self.url}
        if self.buttons:
            card["buttons"] = [button.to_wire() for button in self.buttons]
        return card

    @property
    def text(self) -> str:
        """The plain-text form."""
        lines = [part for part in (self.title, self.subtitle, self.url) if part]
        return "\n".join([*lines, *(button.text for button in self.buttons)])


def list_template(cards: Sequence[Card], *, more: Button | None = None) -> Template:
    """Cards below each other. The web SDK shows three; the `more` button shows the fourth.

    Args:
        cards: at most four, each with at most one button.
        more: the button below the list. With a `url` it opens the page of the whole list.

    Raises:
        TemplateInvalid: there is no card or more than four, a card has several buttons, or a fourth card has no `more`.
    """
    check_number(cards, what="cards of a list", most=LIST_LIMIT)
    for card in cards:
        check_number(card.buttons, what="buttons of a card in a list", least=0, most=_BUTTONS_IN_A_LIST)
    if len(cards) > _SHOWN_AT_ONCE and more is None:
        raise TemplateInvalid("a list of four cards needs a `more` button, which shows the fourth")
    buttons = [more.to_wire()] if more else None
    content = shapes.template("list", elements=[card.to_wire() for card in cards], buttons=buttons)
    return Template("\n\n".join([*(card.text for card in cards), *([more.text] if more else [])]), content)


def carousel_template(cards: Sequence[Card]) -> Template:
    """Cards side by side.

    Args:
        cards: at most 50, each with at most three buttons.

    Raises:
        TemplateInvalid: there is no card or more than 50, or a card has more than three buttons.
    """
    check_number(cards, what="cards of a carousel", most=MAX_CARDS)
    for card in cards:
        check_number(
            card.buttons, what="buttons of a card in a carousel", least=0, most=_BUTTONS_IN_A_CAROUSEL
        )
    content = shapes.template("carousel", elements=[card.to_wire() for card in cards])
    return Template("\n\n".join(card.text for card in cards), content)
