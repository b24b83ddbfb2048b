"""The members of a payload that a call changes, in the shapes the platform knows (protocols/kore-xo-botkit.md 2.3, 4.2, 4.3)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from botkit.errors import CallRefused
from botkit.kore.address import Address
from botkit.templates import Template

PredefinedEvent = Literal["TYPING_STARTED", "TYPING_STOPPED", "MESSAGE_READ"]
"""What a client of the user knows to show (2.6)."""


def message_changes(
    message: str | None = None, template: Template | None = None, *, channel_type: str
) -> dict[str, object]:
    """Another message: words, or a template as this channel shows it. With both, the words stand for the template in history.

    Args:
        message: the words.
        template: what is shown in their place where the channel can.
        channel_type: Kore's name of the conversation's channel.
    """
    shown = {} if template is None else template.for_channel(channel_type).as_changes()
    return shown if message is None else {**shown, "message": message}


def meta_tags(
    *,
    user: Mapping[str, str] | None = None,
    session: Mapping[str, str] | None = None,
    message: Mapping[str, str] | None = None,
) -> dict[str, object]:
    """Tags for analytics, as the payload's `metaTags`: ``{"userMetaTags": [{"name", "value"}, …], …}``.

    Kinds that are not given are not mentioned.
    """
    kinds = {"userMetaTags": user, "sessionMetaTags": session, "messageMetaTags": message}
    return {
        kind: [{"name": name, "value": value} for name, value in tags.items()]
        for kind, tags in kinds.items()
        if tags is not None
    }


def feedback_changes(
    address: Address,
    *,
    name: str,
    score: float,
    at: datetime,
    details: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """The answer to a feedback survey. Who gave it, and where, is read from the payload, as Kore's SDK does.

    Args:
        address: of the payload.
        name: the survey's name.
        score: what was given.
        at: when; with its time zone.
        details: more members of `feedbackData`, or others in place of those.

    Raises:
        CallRefused: there is no name.
    """
    if not name:
        raise CallRefused("send feedback message", detail="feedback needs the survey's name")
    known = {
        "name": name,
        "score": score,
        "botId": address.bot_id,
        "channelUId": address.user_id,
        "channel": address.channel_type,
        "botLanguage": address.bot_language,
        "createdOn": at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    return {
        "feedbackData": {**{key: value for key, value in known.items() if value != ""}, **(details or {})}
    }


def event_changes(
    event: PredefinedEvent | None = None,
    custom: Mapping[str, object] | None = None,
    *,
    message_id: str = "",
) -> dict[str, object]:
    """An event for the user's client. Both members are set: a payload of on_client_event carries the user's own.

    Args:
        event: one that every client knows.
        custom: one of your own making.
        message_id: which message was read.

    Raises:
        CallRefused: neither is given.
    """
    if event is None and not custom:
        raise CallRefused("send bot event", detail="give an event that clients know, or one of your own")
    known = {} if event is None else {"type": event, **({"id": message_id} if message_id else {})}
    return {"preDefinedEvent": known, "customEvent": dict(custom or {})}
