"""Which effects a process that was killed may have carried out: nothing is written before an attempt."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from msgspec.structs import replace

from botkit.handoff.conversation import ConversationId
from botkit.handoff.effects import USER_LANE, CallUser, ExtendRequest
from botkit.ledger.interface import InDoubt, OutboxItem


def may_have_been_sent(items: Iterable[OutboxItem]) -> set[int]:
    """The ids of the effects for users that stood at the head of a lane, where alone they are attempted.

    Args:
        items: the effects of whole conversations, in order.
    """
    found: set[int] = set()
    waiting: set[ConversationId] = set()
    for item in items:
        if (
            item.lane != USER_LANE
            or item.conversation_id in waiting
            or isinstance(item.effect, ExtendRequest)
        ):
            continue  # An extension delays nothing, and nothing delays it.
        found.add(item.id)
        if not isinstance(
            item.effect, CallUser
        ):  # A job's message lets others pass while it waits for its user.
            waiting.add(item.conversation_id)
    return found


def marked(
    items: Sequence[OutboxItem], *, perhaps: Container[int] = (), attempted: Container[int] = ()
) -> Sequence[OutboxItem]:
    """The same effects; those with these ids are in doubt."""
    if not perhaps and not attempted:
        return items
    return [replace(item, in_doubt=_doubt_of(item.id, perhaps, attempted)) for item in items]


def _doubt_of(item_id: int, perhaps: Container[int], attempted: Container[int]) -> InDoubt:
    if item_id in attempted:
        return "attempted"
    return "perhaps" if item_id in perhaps else ""
