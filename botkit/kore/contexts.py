"""Changing a payload's context: the answer to a webhook, the one hook whose answer matters to the dialog (2.6).

Changes are merged: objects member by member, at every depth, anything else takes the place of what was there. So a handler
names what it changes, and what the platform put into the context stays, byte for byte.
"""

from __future__ import annotations

import msgspec

from botkit.errors import CallRefused
from botkit.http.lenient_json import decoded, encoded
from botkit.kore.bodies import members_of

DEEPEST = 64


def changed_context(body: bytes, changes: str, *, replace: bool = False) -> bytes:
    """The member ``context`` of a payload, changed, as the JSON object ``{"context": …}``; ``{}`` where nothing changes.

    Args:
        body: the webhook's payload.
        changes: a JSON object as text; empty for one without members.
        replace: `changes` is the whole context, not changes to it.

    Raises:
        CallRefused: the payload is not a JSON object, or nested more than `DEEPEST` deep where it is changed.
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


def _merged(old: object, new: object, depth: int) -> object:
    if not isinstance(new, dict) or not isinstance(old, msgspec.Raw) or bytes(old).lstrip()[:1] != b"{":
        return new
    if depth == DEEPEST:
        raise CallRefused("change a context", detail=f"changes are nested more than {DEEPEST} deep")
    members: dict[str, object] = dict(members_of(bytes(old)))
    for name, value in new.items():
        members[name] = _merged(members.get(name), value, depth + 1)
    return members
