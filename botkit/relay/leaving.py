"""`Leaving`: the conversations that leave this process, or have left it. What their commits still bring is for the next one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from botkit.handoff.conversation import ConversationId
from botkit.relay.outbound.lane import Lane

Leaves = Callable[[ConversationId], bool]


def everything(_: ConversationId) -> bool:
    """Every conversation leaves: the service stops."""
    return True


@dataclass(slots=True, eq=False)
class Loss:
    """Conversations that leave together, and their lanes with an attempt in progress."""

    leaves: Leaves
    lanes: Sequence[Lane]


class Leaving:
    """The losses in progress, and those since the last gain: the ledger tells nothing more of older ones."""

    def __init__(self) -> None:
        self._losses: list[Loss] = []

    def __contains__(self, conversation_id: ConversationId) -> bool:
        return bool(self._losses) and any(loss.leaves(conversation_id) for loss in self._losses)

    def add(self, loss: Loss) -> None:
        """These leave from now on."""
        self._losses.append(loss)

    def others_come(self) -> None:
        """Conversations come, perhaps some that have left."""
        self._losses = [loss for loss in self._losses if not all(lane.gone for lane in loss.lanes)]
