"""The body of a call: the hook's own bytes, with members added to it or put in place of its own."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from botkit.http.lenient_json import encoded, repaired

Members = dict[str, msgspec.Raw]
"""The members of a JSON object, each still as it was spelled."""

Changes = Mapping[str, object] | bytes
"""Top-level members for a payload, as values or as a JSON object already written."""

_WITHOUT_OVERRIDE: Members = {
    "overrideMessagePayload": msgspec.Raw(b"null"),
    "isTemplate": msgspec.Raw(b"false"),
}

_decode = msgspec.json.Decoder(Members).decode


def splice(body: bytes, members: bytes) -> bytes:
    """Put JSON members (each followed by a comma) in front of the first member of a JSON object, and change nothing else."""
    if not members:
        return body
    inside = body.index(b"{") + 1
    if body[inside:].lstrip(b" \t\r\n")[:1] == b"}":
        members = members[:-1]
    return b"".join((body[:inside], members, body[inside:]))


def members_of(payload: bytes) -> Members:
    """A JSON object taken apart at its top level.

    Raises:
        ValueError: it is not a JSON object.
    """
    try:
        return _decode(payload)
    except (msgspec.DecodeError, UnicodeError):
        return _decode(repaired(payload))


def members_to_change(changes: Changes) -> Members:
    """Changes as members, each encoded once.

    Raises:
        ValueError: bytes that are not a JSON object, or a value that JSON has no word for.
    """
    if isinstance(changes, bytes):
        return members_of(changes) if changes else {}
    try:
        return {name: msgspec.Raw(encoded(value)) for name, value in changes.items()}
    except TypeError as error:
        raise ValueError(str(error)) from None


def changed(body: bytes, changes: Members) -> bytes:
    """The object with `changes` in it; members that are not named keep their place and their bytes.

    With another message, what described the one the payload came with goes: an override that stayed would be shown in
    place of the new message (protocols/kore-xo-botkit.md 4.3).
    """
    if not changes:
        return body
    members = members_of(body)
    if "message" in changes:
        members.pop("formattedMessage", None)
        members |= {name: value for name, value in _WITHOUT_OVERRIDE.items() if name in members}
    return msgspec.json.encode(members | changes)
