"""What an agent can be told to say through the control API: one kind of content at a time."""

from __future__ import annotations

from typing import Any

import msgspec

from botkit_sandbox.salesforce import content as shapes
from botkit_sandbox.salesforce.content import Message


class Link(msgspec.Struct, forbid_unknown_fields=True):
    title: str
    url: str


class File(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    name: str
    base64: str
    mime_type: str = "application/octet-stream"


class Card(msgspec.Struct, forbid_unknown_fields=True):
    title: str
    buttons: list[str] = []


class Form(msgspec.Struct, forbid_unknown_fields=True):
    title: str
    fields: list[str]


class Says(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """The body of ``say``."""

    agent: str
    text: str | None = None
    link: Link | None = None
    buttons: list[str] | None = None
    quick_replies: list[str] | None = None
    list_picker: list[str] | None = None
    carousel: list[Card] | None = None
    form: Form | None = None
    file: File | None = None
    content: dict[str, Any] | None = None

    def message(self) -> Message:
        """The abstractMessage for everything but a file.

        Raises:
            ValueError: when there is nothing to say.
        """
        if self.content is not None:
            return self.content
        if self.link is not None:
            return shapes.link(self.link.title, self.link.url)
        if self.carousel is not None:
            return shapes.carousel([(card.title, card.buttons) for card in self.carousel], title=self.text)
        if self.form is not None:
            return shapes.form(self.form.title, self.form.fields)
        for format_type, titles in (
            ("Buttons", self.buttons),
            ("QuickReplies", self.quick_replies),
            ("ListPicker", self.list_picker),
        ):
            if titles is not None:
                return shapes.choices(self.text or "", titles, format_type=format_type)
        if self.text:
            return shapes.text(self.text)
        raise ValueError(
            "say needs text, link, buttons, quickReplies, listPicker, carousel, form, file or content"
        )
