"""`Leaving`: the conversations that leave this process, or have left it. What their commits still bring is for the next one."""

from __future__ import annotations

from collections.abc import Callable

from botkit.handoff.conversation import ConversationId

Leaves = Callable[[ConversationId], bool]


def everything(_: ConversationId) -> bool:
    """Every conversation leaves: the service stops."""
    return True


class Leaving:
    """The losses since the last gain. The ledger tells nothing more of older ones, unless they have come back."""

    def __init__(self) -> None:
        self._losses: list[Leaves] = []

    def __contains__(self, conversation_id: ConversationId) -> bool:
        return bool(self._losses) and any(leaves(conversation_id) for leaves in self._losses)

    def add(self, leaves: Leaves) -> None:
        """These leave from now on."""
        self._losses.append(leaves)

    def others_come(self) -> None:
        """Conversations come, perhaps some that have left. Nothing comes to a service that stops."""
        self._losses = [leaves for leaves in self._losses if leaves is everything]
