"""The order of what one user wrote, where it came together: by the platform's own numbers.

Two messages of a user may come on two connections and be taken by two threads, which get to the ledger in either order. The
platform numbers its requests by the millisecond (protocols/kore-xo-botkit.md, 2.3), so those that meet in one commit are put
back in order. What is committed already stays where it is: nothing waits for a message that may never come.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from botkit.handoff.conversation import ConversationId
from botkit.handoff.events import Event, HookHandled, UserMessage
from botkit.ledger.interface import Input

T = TypeVar("T")


def as_written(queued: Sequence[tuple[Input, T]]) -> Sequence[tuple[Input, T]]:
    """The same inputs, with the numbered user messages of each conversation in the order of their numbers.

    They trade places among themselves only; everything else stays where it is, and so do equal numbers.
    """
    highest: dict[ConversationId, int] = {}
    late: set[ConversationId] = set()
    for given, _ in queued:
        number = _number(given.event)
        if number is not None:
            where = given.conversation_id
            if number < highest.get(where, number):
                late.add(where)
            else:
                highest[where] = number
    return _reordered(queued, late) if late else queued


def _reordered(queued: Sequence[tuple[Input, T]], late: set[ConversationId]) -> list[tuple[Input, T]]:
    places: dict[ConversationId, list[tuple[int, int]]] = {one: [] for one in late}
    for place, (given, _) in enumerate(queued):
        number = _number(given.event)
        if number is not None and given.conversation_id in late:
            places[given.conversation_id].append((number, place))
    found = list(queued)
    for numbered in places.values():
        for (_, place), (_, source) in zip(numbered, sorted(numbered), strict=True):
            found[place] = queued[source]
    return found


def _number(event: Event | None) -> int | None:
    """The platform's number of a user's message, whatever the bot's handlers made of it."""
    said = event.original if type(event) is HookHandled else event
    return said.request_number if type(said) is UserMessage else None
