"""What a user's client is told beside the talk: members of a sendBotEvent payload (protocols/kore-xo-botkit.md 2.6, 4.2)."""

from __future__ import annotations

from collections.abc import Mapping

from botkit.http.lenient_json import decoded
from botkit.kore.bodies import changed, members_to_change


def addressed(body: bytes, url: str) -> bytes:
    """A payload with the URL at which the client takes events: only some hooks bring it."""
    return changed(body, members_to_change({"sendBotEventUrl": url}))


def typing(*, started: bool) -> Mapping[str, object]:
    """Somebody began to type, or stopped."""
    return {"preDefinedEvent": {"type": "TYPING_STARTED" if started else "TYPING_STOPPED"}}


def custom(name: str, data: str) -> Mapping[str, object]:
    """An event of an organisation's own making.

    Data that is a JSON object becomes the event's own members, beside its `type`; this is also how an event of the client's
    reaches the agents' side, so that the two can speak to each other. Any other data stands under `data`, as it came.
    """
    try:
        found = decoded(data.encode())
    except (ValueError, RecursionError):
        found = None
    event = found if isinstance(found, dict) else {"data": data}
    return {"customEvent": {"type": name, **event}}
