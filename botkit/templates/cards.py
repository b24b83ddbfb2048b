"""Templates made of cards: one below the other (list) or beside each other (carousel)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from botkit.errors import TemplateInvalid
from botkit.templates import shapes
from botkit.templates.checks import MAX_CARDS, check_number, check_text, check_url
from botkit.templates.choices import Button
from botkit.templates.template import Template

LIST_LIMIT = 4
"""Cards of a list (documented)."""

_SHOWN_AT_ONCE = 3
_BUTTONS_IN_A_LIST = 1
_BUTTONS_IN_A_CAROUSEL = 3


@dataclass(frozen=True, slots=True)
class Card:
    """One card of a list or a carousel.

    Args:
        title: its heading.
        subtitle: what stands below it.
        image_url: its picture.
        url: the page that opens when the card is clicked.
        buttons: at most one in a list, three in a carousel.

    Raises:
        TemplateInvalid: no title, or an address that is not one of the web.
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
        """Its JSON. The subtitle is there even when it is empty: the web SDK reads it unasked."""
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
        """Lines of plain words."""
        said = [part for part in (self.title, self.subtitle, self.url) if part]
        return "\n".join([*said, *(button.text for button in self.buttons)])


def list_template(cards: Sequence[Card], *, more: Button | None = None) -> Template:
    """Cards below each other, of which the web SDK shows three and the fourth behind the `more` button.

    Args:
        cards: at most four, each with at most one button.
        more: the button below the list. One with a page as its address opens the whole list.

    Raises:
        TemplateInvalid: no card, too many, a card with several buttons, or a fourth card without `more`.
    """
    check_number(cards, what="cards of a list", most=LIST_LIMIT)
    for card in cards:
        check_number(card.buttons, what="buttons of a card in a list", least=0, most=_BUTTONS_IN_A_LIST)
    if len(cards) > _SHOWN_AT_ONCE and more is None:
        raise TemplateInvalid("a list of four cards needs a `more` button, behind which the fourth is shown")
    buttons = [more.to_wire()] if more else None
    content = shapes.template("list", elements=[card.to_wire() for card in cards], buttons=buttons)
    return Template("\n\n".join([*(card.text for card in cards), *([more.text] if more else [])]), content)


def carousel_template(cards: Sequence[Card]) -> Template:
    """Cards beside each other.

    Args:
        cards: at most 50, each with at most three buttons.

    Raises:
        TemplateInvalid: no card, too many, or a card with more buttons.
    """
    check_number(cards, what="cards of a carousel", most=MAX_CARDS)
    for card in cards:
        check_number(
            card.buttons, what="buttons of a card in a carousel", least=0, most=_BUTTONS_IN_A_CAROUSEL
        )
    content = shapes.template("carousel", elements=[card.to_wire() for card in cards])
    return Template("\n\n".join(card.text for card in cards), content)
