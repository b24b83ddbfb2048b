"""A message in Kore's own form, with the words that stand for it where no templates are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Self

from botkit.errors import TemplateInvalid
from botkit.http.lenient_json import encoded

TEMPLATE_CHANNELS = frozenset({"", "rtm"})
"""Channels known to show Kore's templates: the web channel, and payloads that name none."""

DEFAULT = "default"
"""In `Template.channels`: every channel that is not named and shows no templates."""

_MAX_BODY_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class Rendering:
    """What one channel gets of a template.

    Attributes:
        message: the words, which history and transcripts keep in any case.
        override: `overrideMessagePayload`, or None where the words are all that is shown.
    """

    message: str
    override: Mapping[str, object] | None = None

    def as_changes(self) -> dict[str, object]:
        """The members to change in a payload, for any call that sends one.

        The override is there even when it is null: one that is left in a payload would be shown again.
        """
        return {"message": self.message, "overrideMessagePayload": self.override}


@dataclass(frozen=True, slots=True)
class Template:
    """One message template. The functions of `botkit.templates` build the documented ones; any other can be given as it is.

    Args:
        text: the same in plain words.
        content: the template's JSON, such as ``{"type": "template", "payload": {…}}``.
        channels: what particular channels get instead, by Kore's name of the channel: a mapping is sent as the channel's
            own JSON, a text as plain words. ``"default"`` stands for all others that show no templates.

    Raises:
        TemplateInvalid: it is no JSON, or over 100,000 bytes.
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
        """The template as the JSON text that the platform takes."""
        return _json(self.content)

    def as_override(self) -> dict[str, object]:
        """`overrideMessagePayload` for a channel that shows templates."""
        return override(self.content)

    def with_channels(self, channels: Mapping[str, Mapping[str, object] | str]) -> Self:
        """The same template, with these channels' own forms added to it."""
        return replace(self, channels={**self.channels, **channels})

    def for_channel(self, channel_type: str) -> Rendering:
        """What a channel is sent: its own form, else the template if it shows any, else the default, else the plain words.

        Args:
            channel_type: Kore's name, ``rtm`` for the web channel; empty where a payload names none.
        """
        own = self.channels.get(channel_type)
        if own is None and channel_type not in TEMPLATE_CHANNELS:
            own = self.channels.get(DEFAULT, self.text)
        if own is None:
            return Rendering(self.text, self.as_override())
        return Rendering(own) if isinstance(own, str) else Rendering(self.text, override(own))


def override(content: Mapping[str, object]) -> dict[str, object]:
    """`overrideMessagePayload` with a template in it: the platform wants it as a text (protocols/kore-xo-botkit.md 4.3)."""
    return {"isTemplate": True, "body": _json(content)}


def _json(content: Mapping[str, object] | str) -> str:
    try:
        return encoded(content).decode()
    except TypeError as error:
        raise TemplateInvalid(f"a template is JSON: {error}") from None
