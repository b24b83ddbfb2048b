"""What Kore's SDK sees to by itself in some calls, done to what a caller wants changed (protocols/kore-xo-botkit.md 4.2)."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from botkit.errors import CallRefused
from botkit.http.lenient_json import decoded, encoded
from botkit.kore.address import Address
from botkit.kore.bodies import Members, members_of
from botkit.kore.limits import check_message_for_bot

_NOTHING = (b"", b"null", b'""')
_EVENTS = ("preDefinedEvent", "customEvent")


def completed(name: str, changes: Members, *, address: Address, now: float) -> Members:
    """The changes, checked and with what belongs to them.

    Args:
        name: which call.
        changes: what the caller wants changed.
        address: of the payload.
        now: epoch seconds.

    Raises:
        MessageTooLong: the message is one that a bot does not take.
        CallRefused: the feedback lacks its survey's name, or its score.
    """
    if name == "send_bot_message" and "message" in changes:
        message = decoded(bytes(changes["message"]))
        check_message_for_bot(message if isinstance(message, str) else "")
    if name == "send_feedback_message" and "feedbackData" in changes:
        return changes | {"feedbackData": _feedback(changes["feedbackData"], address, now)}
    if name == "send_bot_event" and any(event in changes for event in _EVENTS):
        # A payload of on_client_event carries the user's own event, which is not to go back to the user's client.
        return {event: msgspec.Raw(b"{}") for event in _EVENTS} | changes
    return changes


def _feedback(given: msgspec.Raw, address: Address, now: float) -> msgspec.Raw:
    """The survey's answer, with who gave it, where and when."""
    try:
        feedback = members_of(bytes(given))
    except ValueError:
        feedback = {}
    if any(bytes(feedback.get(name, b"")) in _NOTHING for name in ("name", "score")):
        raise CallRefused("send feedback message", detail="feedback needs the survey's name and a score")
    at = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
    known = {
        "botId": address.bot_id,
        "channelUId": address.user_id,
        "channel": address.channel_type,
        "botLanguage": address.bot_language,
        "createdOn": at.replace("+00:00", "Z"),
    }
    return msgspec.Raw(encoded({name: value for name, value in known.items() if value} | feedback))
