"""The body of a call: the hook's own bytes, with members added or replaced (docs/protocols/kore-xo-botkit.md, 4.2, 4.3)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from botkit.errors import CallRefused, MessageTooLong
from botkit.handoff.text import length
from botkit.hooks.address import Address
from botkit.http.lenient_json import decoded, encoded, repaired

Members = dict[str, msgspec.Raw]
"""The members of a JSON object, each value as its original bytes."""

Changes = Mapping[str, object] | bytes
"""Top-level members to change in a payload: values, or the bytes of a JSON object."""

MAX_MESSAGE_LENGTH = 3_000
"""Characters in a message that a bot accepts (4.2)."""
MAX_WORD_LENGTH = 1_200
"""Characters in one word of it (4.2)."""
MAX_CONTEXT_DEPTH = 64

_WITHOUT_OVERRIDE: Members = {
    "overrideMessagePayload": msgspec.Raw(b"null"),
    "isTemplate": msgspec.Raw(b"false"),
}
_EMPTY_VALUES = (b"", b"null", b'""')
_CLIENT_EVENTS = ("preDefinedEvent", "customEvent")

_decode = msgspec.json.Decoder(Members).decode


def splice(body: bytes, members: bytes) -> bytes:
    """Insert JSON members (each followed by a comma) before the first member of a JSON object; nothing else changes."""
    if not members:
        return body
    if not body.startswith(b'{"') and body[body.index(b"{") + 1 :].lstrip(b" \t\r\n")[:1] == b"}":
        members = members[:-1]
    return body.replace(b"{", b"{" + members, 1)


def members_of(payload: bytes) -> Members:
    """Split a JSON object into its top-level members. Raises: ValueError if it is not a JSON object."""
    try:
        return _decode(payload)
    except (msgspec.DecodeError, UnicodeError):
        return _decode(repaired(payload))


def members_to_change(changes: Changes) -> Members:
    """Encode each change. Raises: ValueError if the bytes are not a JSON object, or JSON cannot represent a value."""
    if isinstance(changes, bytes):
        return members_of(changes) if changes else {}
    try:
        return {name: msgspec.Raw(encoded(value)) for name, value in changes.items()}
    except TypeError as error:
        raise ValueError(str(error)) from None


def changed(body: bytes, changes: Members) -> bytes:
    """Apply `changes` to a JSON object; the other members keep their place and their bytes.

    A new message removes the old one's override, which the platform would show instead of the new message (4.3).
    """
    if not changes:
        return body
    members = members_of(body)
    if "message" in changes:
        members.pop("formattedMessage", None)
        members |= {name: value for name, value in _WITHOUT_OVERRIDE.items() if name in members}
    return msgspec.json.encode(members | changes)


def completed(name: str, changes: Members, *, address: Address, now: float) -> Members:
    """Check a call's changes, and complete them as Kore's SDK does in some calls (4.2).

    Raises:
        MessageTooLong: a bot does not accept a message of this length.
        CallRefused: the feedback has no survey name or no score.
    """
    if name == "send_bot_message" and "message" in changes:
        message = decoded(bytes(changes["message"]))
        check_message_for_bot(message if isinstance(message, str) else "")
    if name == "send_feedback_message" and "feedbackData" in changes:
        return changes | {"feedbackData": _feedback(changes["feedbackData"], address, now)}
    if name == "send_bot_event" and any(event in changes for event in _CLIENT_EVENTS):
        # A payload of on_client_event carries the event that the user's client sent; it must not return to that client.
        return {event: msgspec.Raw(b"{}") for event in _CLIENT_EVENTS} | changes
    return changes


def check_message_for_bot(text: str, *, what: str = "send bot message") -> None:
    """Return if a bot accepts a message of this length.

    Raises:
        MessageTooLong: names the length and the limit; nothing was sent.
    """
    # `length` counts at most two for each Python character, so most messages pass without an exact count.
    if len(text) * 2 <= MAX_WORD_LENGTH:
        return
    if (whole := length(text)) > MAX_MESSAGE_LENGTH:
        raise MessageTooLong(
            what,
            detail=f"{whole} characters, of which a bot takes at most {MAX_MESSAGE_LENGTH}: send it in parts",
        )
    if (longest := max(map(length, text.split()), default=0)) > MAX_WORD_LENGTH:
        raise MessageTooLong(
            what,
            detail=f"a word of {longest} characters, of which a bot takes at most {MAX_WORD_LENGTH}: break it up",
        )


def changed_context(body: bytes, changes: str, *, replace: bool = False) -> bytes:
    """Change a payload's ``context``, the part of a webhook's answer that matters to the dialog (2.6).

    Changes are merged: objects member by member, at every depth; any other value replaces the old one. So a handler names
    only its changes, and the rest of the context keeps its bytes.

    Args:
        body: the webhook's payload.
        changes: a JSON object as text; empty for an object without members.
        replace: `changes` is the whole new context.

    Returns:
        The JSON object ``{"context": …}``, or ``{}`` if nothing changes.

    Raises:
        CallRefused: the payload is not a JSON object, or a change is nested deeper than `MAX_CONTEXT_DEPTH`.
    """
    if not changes and not replace:
        return b"{}"
    wanted = decoded(changes or "{}")
    if not replace:
        try:
            context = members_of(body).get("context")
        except ValueError:
            raise CallRefused("change a context", detail="the payload is not a JSON object") from None
        wanted = _merged(context, wanted, 0)
    return encoded({"context": wanted})


def handoff_meta(body: bytes, session_id: str, record: str) -> bytes:
    """The ids of a hand-off in `context.session.BotUserSession.agentHandoffMeta`, where Kore's own integration puts them (6.2).

    Returns:
        The JSON object ``{"context": …}``; empty without ids, or if the payload has no context to put them in.
    """
    try:
        has_context = bytes(members_of(body).get("context", b"")).lstrip()[:1] == b"{"
    except ValueError:
        return b""
    if not session_id or not has_context:
        return b""
    meta = {"conversationId": session_id} | ({"messagingSessionId": record} if record else {})
    session = {"BotUserSession": {"agentHandoffMeta": meta}}
    return changed_context(body, encoded({"session": session}).decode())


def _feedback(value: msgspec.Raw, address: Address, now: float) -> msgspec.Raw:
    """The survey's answer, completed with the user, the channel and the time."""
    try:
        feedback = members_of(bytes(value))
    except ValueError:
        feedback = {}
    if any(bytes(feedback.get(name, b"")) in _EMPTY_VALUES for name in ("name", "score")):
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


def _merged(old: object, new: object, depth: int) -> object:
    if not isinstance(new, dict) or not isinstance(old, msgspec.Raw) or bytes(old).lstrip()[:1] != b"{":
        return new
    if depth == MAX_CONTEXT_DEPTH:
        raise CallRefused("change a context", detail=f"changes are nested more than {MAX_CONTEXT_DEPTH} deep")
    members: dict[str, object] = dict(members_of(bytes(old)))
    for name, value in new.items():
        members[name] = _merged(members.get(name), value, depth + 1)
    return members
