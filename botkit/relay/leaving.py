"""`Leaving`: the conversations that leave this process, or have left it. What their commits still bring is for the next one."""

from __future__ import annotations

import threading
import time
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
    """Conversations that leave together.

    Attributes:
        leaves: whether a conversation does.
        until: when attempts in progress are cut off, by the monotonic clock; None for at once.
        lanes: those with an attempt in progress; None until the loop has turned to the loss.
    """

    leaves: Leaves
    until: float | None
    lanes: Sequence[Lane] | None = None

    @property
    def seconds_left(self) -> float:
        """For how long attempts may still go on. It counts from the announcement: a loop that stood still gives no more time."""
        return max(0.0, self.until - time.monotonic()) if self.until is not None else 0.0

    @property
    def has_ended(self) -> bool:
        """Whether nothing is attempted any more."""
        return self.lanes is not None and all(lane.gone for lane in self.lanes)


class Leaving:
    """The losses in progress, and those of which commits may still bring something. Each is asked about every effect."""

    def __init__(self) -> None:
        self._losses: tuple[Loss, ...] = ()
        self._lock = threading.Lock()

    def __contains__(self, conversation_id: ConversationId) -> bool:
        losses = self._losses
        return bool(losses) and any(loss.leaves(conversation_id) for loss in losses)

    def announce(self, leaves: Leaves, seconds: float) -> Loss:
        """These leave from now on: nothing more is begun for them, even before the loop comes to know of it. Any thread.

        Args:
            leaves: whether a conversation does.
            seconds: let attempts in progress end for at most so long; 0: cut them off at once.
        """
        loss = Loss(leaves, time.monotonic() + seconds if seconds else None)
        with self._lock:
            self._losses = (*self._losses, loss)
        return loss

    def forget_ended(self) -> None:
        """No commit brings anything more of what has left, or it comes back."""
        with self._lock:
            self._losses = tuple([loss for loss in self._losses if not loss.has_ended])
