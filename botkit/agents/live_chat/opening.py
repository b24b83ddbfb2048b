"""What is read before there is a chat: availability, the session, and a server that sends us to another (2.1, 2.15, 2.19)."""

from __future__ import annotations

from collections.abc import Sequence

from botkit.agents.live_chat.calls import Credentials
from botkit.agents.miaw.wire import Members, decoded, items, members, text, whole
from botkit.agents.salesforce import short_id
from botkit.errors import BadReply
from botkit.http import Response

_POLL_SECONDS = 40
"""What every capture of clientPollTimeout says (1)."""
_MAX_POLL_SECONDS = 300


def message_of(response: Response, kind: str) -> Members:
    """The message of this type in a wrapped answer, such as ``{"messages":[{"type":"Availability","message":{}}]}``."""
    for item in items(members(decoded(response.body)).get("messages")):
        if text(item.get("type")) == kind:
            return members(item.get("message"))
    return {}


def read_availability(response: Response, targets: Sequence[str]) -> bool | None:
    """Whether one of the targets is there; None: not known. Where `isAvailable` is left out it is false (2.15)."""
    results = {
        short_id(text(result.get("id"))): result.get("isAvailable") is True
        for result in items(message_of(response, "Availability").get("results"))
    }
    asked = [results[target] for target in targets if target in results]
    return any(asked) if asked else None


def read_session(response: Response, *, base: str) -> Credentials:
    """The session's key and the way to it.

    Raises:
        BadReply: a part without which no chat is possible is missing.
    """
    body = members(decoded(response.body))
    key, affinity = text(body.get("key")), text(body.get("affinityToken"))
    if not key or not affinity:
        missing = "key" if not key else "affinityToken"
        raise BadReply("begin a session", status=response.status, detail=f"the answer has no {missing}")
    # Both a number and a text were seen (1).
    seconds = min(whole(body.get("clientPollTimeout")) or _POLL_SECONDS, _MAX_POLL_SECONDS)
    return Credentials(key, text(body.get("id")) or key.partition("!")[0], affinity, seconds, base)
