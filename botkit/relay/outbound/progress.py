"""`Progress`: how far the delivery of one effect has got."""

from __future__ import annotations

from dataclasses import dataclass

from botkit.errors import CallError
from botkit.handoff.conversation import ConversationId
from botkit.relay.outbound.doubts import Doubt


@dataclass(slots=True)
class Progress:
    """The progress of one item. An item whose first attempt succeeds needs none."""

    conversation_id: ConversationId
    failures: int = 0
    attempted: bool = False
    """At least one attempt reached a remote, or might have."""
    payload: int = 0
    """Hash of the payload that addressed the last attempt. Not the payload itself: thousands of items may wait for an hour."""
    rejected_payload: int | None = None
    """Hash of the payload that was refused together with the effect; either may be the reason."""
    next_delay: float | None = 0.0
    """Seconds until the next attempt; None: wait for a newer payload."""
    paced: bool = False
    """The remote, or the agent system itself, has asked for `next_delay`."""
    fatal: CallError | None = None
    """The error for which the item is given up."""
    in_doubt: bool = False
    """An attempt may have succeeded although no response arrived, here or in the process before."""
    broken: bool = False
    """A defect has kept an attempt from being made; logged once per item."""
    doubt: Doubt | None = None
    """Earlier attempts may have succeeded although no response arrived."""
    patience: float = 1.0
    """By how much the platform may take longer to answer than usual: it grows with each time-out."""
    done: bool = False

    @property
    def needs_task(self) -> bool:
        """Whether another attempt by callback is not enough."""
        return self.doubt is not None or self.patience > 1.0

    @property
    def repeats(self) -> bool:
        """Whether the next step is another attempt, after `next_delay`."""
        return self.fatal is None and self.next_delay is not None


class ParkItem(Exception):
    """The item may have to wait for long; the items after it must not wait with it."""
