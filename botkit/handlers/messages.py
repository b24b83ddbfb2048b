"""From what a handler says to the members of a payload that carry it (protocols/kore-xo-botkit.md, 4.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from botkit.errors import CallRefused
from botkit.http.lenient_json import encoded
from botkit.templates.template import Template, override

MAX_MESSAGE_BYTES = 256 * 1024

Message = str | Template | Mapping[str, Any]
"""Words, a template of `botkit.templates`, or a template's JSON as it is on the wire."""

MetaTags = Mapping[str, Iterable[Mapping[str, str]]]
"""``{"userMetaTags": [{"name", "value"}], "sessionMetaTags": …, "messageMetaTags": …}`` (2.3)."""


def differs_by_channel(message: Message | None, channels: Mapping[str, Message] | None) -> bool:
    """Whether the user's channel has to be known to say this."""
    return bool(channels) or isinstance(message, Template)


def message_members(
    message: Message | None,
    *,
    channel_type: str,
    channels: Mapping[str, Message] | None = None,
    meta_tags: MetaTags | None = None,
    meta_info: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The members to change; none where the payload is sent as it came.

    Args:
        message: what to say; None for the payload's own message.
        channel_type: Kore's name of the user's channel.
        channels: what to say instead on channels of these names, ``rtm`` or ``facebook``.
        meta_tags: tags of the user, the session or this message.
        meta_info: such as ``{"setBotLanguage": "de"}``.

    Raises:
        CallRefused: it is no message.
    """
    chosen = channels.get(channel_type, message) if channels else message
    members: dict[str, Any] = {}
    if chosen is not None:
        members = _said(chosen, channel_type, own=channels is not None and channel_type in channels)
    if meta_tags is not None:
        members["metaTags"] = {kind: [dict(tag) for tag in tags] for kind, tags in meta_tags.items()}
    if meta_info is not None:
        members["metaInfo"] = dict(meta_info)
    return members


def as_changes(members: Mapping[str, Any]) -> str:
    """Members as JSON text, empty for none.

    Raises:
        CallRefused: something in them is no JSON, or it is too much.
    """
    if not members:
        return ""
    try:
        written = encoded(members)
    except (TypeError, ValueError, RecursionError) as error:
        raise CallRefused("write a message", detail=f"it is no JSON ({type(error).__name__})") from None
    if len(written) > MAX_MESSAGE_BYTES:
        raise CallRefused("write a message", detail=f"it is over {MAX_MESSAGE_BYTES // 1024} KB of JSON")
    return written.decode()


def _said(message: Message, channel_type: str, *, own: bool) -> dict[str, Any]:
    match message:
        case str():
            # A payload may have brought an override of its own, which would be shown instead.
            return {"message": message, "overrideMessagePayload": None}
        case Template() if own:
            # What was chosen for this very channel is for it to show; by itself a template is the web channel's.
            return {"message": message.text, "overrideMessagePayload": message.as_override()}
        case Template():
            return message.for_channel(channel_type).as_changes()
        case Mapping():
            return {"overrideMessagePayload": override(message)}
        case _:
            raise CallRefused("write a message", detail=f"a {type(message).__name__} is no message")
