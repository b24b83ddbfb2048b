"""A message template: its JSON, and the plain text that replaces it on channels without templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Self

from botkit.errors import TemplateInvalid
from botkit.handoff.record import Record
from botkit.http.lenient_json import encoded
from botkit.templates import shapes
from botkit.templates.checks import check_text

TEMPLATE_CHANNELS = frozenset({"", "rtm"})
"""Channels that show Kore's templates: the web channel, and payloads without a channel name."""

DEFAULT = "default"
"""In `Template.channels`: every unnamed channel that shows no templates."""

_MAX_BODY_BYTES = 100_000


class Rendering(Record, frozen=True):
    """The form of a template for one channel.

    Attributes:
        message: the plain text, which history and transcripts always contain.
        override: `overrideMessagePayload`; None where only the plain text is shown.
    """

    message: str
    override: Mapping[str, object] | None = None

    def as_changes(self) -> dict[str, object]:
        """The members to change in a payload, for any call that sends one.

        The override is included even when it is null: an earlier one in the payload would be shown again.
        """
        return {"message": self.message, "overrideMessagePayload": self.override}


@dataclass(frozen=True, slots=True)
class Template:
    """One message template. The functions of `botkit.templates` build the documented ones; others can be built directly.

    Args:
        text: the plain-text form.
        content: the template's JSON, such as ``{"type": "template", "payload": {…}}``.
        channels: other forms by Kore's name of the channel: a mapping is sent as the channel's own JSON, a text as plain
            text. ``"default"`` stands for all other channels that show no templates.

    Raises:
        TemplateInvalid: the content cannot be written as JSON, or is over 100,000 bytes.
    """

    text: str
    content: Mapping[str, object] = field(repr=False)
    channels: Mapping[str, Mapping[str, object] | str] = field(
        repr=False, default_factory=lambda: MappingProxyType({})
    )

    def __post_init__(self) -> None:
        for content in (self.content, *self.channels.values()):
            if (size := len(_json(content).encode())) > _MAX_BODY_BYTES:
                raise TemplateInvalid(
                    f"a template of {size} bytes: keep it under {_MAX_BODY_BYTES}, or send several"
                )

    def to_json(self) -> str:
        """The template as JSON text."""
        return _json(self.content)

    def as_override(self) -> dict[str, object]:
        """`overrideMessagePayload` for a channel that shows templates."""
        return override(self.content)

    def with_channels(self, channels: Mapping[str, Mapping[str, object] | str]) -> Self:
        """The same template with other forms for these channels."""
        return replace(self, channels={**self.channels, **channels})

    def for_channel(self, channel_type: str) -> Rendering:
        """The form for a channel: its own, else the template if it shows templates, else the default, else the plain text.

        Args:
            channel_type: Kore's name, ``rtm`` for the web channel; empty if a payload names none.
        """
        own = self.channels.get(channel_type)
        if own is None and channel_type not in TEMPLATE_CHANNELS:
            own = self.channels.get(DEFAULT, self.text)
        if own is None:
            return Rendering(self.text, self.as_override())
        return Rendering(own) if isinstance(own, str) else Rendering(self.text, override(own))


def live_agent_template(text: str, *, agent_name: str = "") -> Template:
    """A text that the web SDK shows as an agent's message. The built-in hand-off uses it for agents' messages.

    Args:
        text: the message.
        agent_name: the agent who sends it.

    Raises:
        TemplateInvalid: the text is blank.
    """
    check_text(text, what="an agent's message")
    return Template(text, shapes.live_agent(text, agent_name=agent_name))


def override(content: Mapping[str, object]) -> dict[str, object]:
    """`overrideMessagePayload` that contains a template as JSON text (docs/protocols/kore-xo-botkit.md, 4.3)."""
    return {"isTemplate": True, "body": _json(content)}


def _json(content: Mapping[str, object] | str) -> str:
    try:
        return encoded(content).decode()
    except TypeError as error:
        raise TemplateInvalid(f"the content of a template must be JSON: {error}") from None
