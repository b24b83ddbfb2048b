"""`ParkedItems`: messages of jobs that wait until their user writes, in a lane of their own, and keep their order."""

from __future__ import annotations

from dataclasses import dataclass, field

from botkit.handoff.conversation import ConversationId
from botkit.ledger.interface import OutboxItem
from botkit.relay.leaving import Leaves
from botkit.relay.outbound.payloads import Payloads
from botkit.relay.outbound.progress import Progress


@dataclass(slots=True, eq=False)
class ParkedItems:
    """How far the delivery of each has got."""

    payloads: Payloads
    _progress: dict[int, Progress] = field(init=False, default_factory=dict)
    """By the ids of the items."""

    def __len__(self) -> int:
        return len(self._progress)

    def add(self, item: OutboxItem, progress: Progress) -> None:
        """Park an item."""
        self._progress[item.id] = progress

    def of(self, item: OutboxItem) -> Progress | None:
        """The progress of an item; None if it is not parked."""
        return self._progress.get(item.id)

    def remove(self, item: OutboxItem) -> None:
        """The item is done, or its next process delivers it."""
        self._progress.pop(item.id, None)

    def lose(self, leaves: Leaves) -> None:
        """These conversations leave this process."""
        for item_id, progress in list(self._progress.items()):
            if leaves(progress.conversation_id):
                del self._progress[item_id]

    def waits(self, item: OutboxItem) -> bool:
        """Whether the item is parked and its user has not written since."""
        progress = self.of(item)
        return progress is not None and self._waits_for_user(progress)

    def are_resumed(self, conversation_id: ConversationId) -> bool:
        """Whether the user has written, so that parked items of this conversation are being delivered again."""
        return any(not self._waits_for_user(one) for one in self._of_conversation(conversation_id))

    def are_overtaken_by(self, item: OutboxItem, payload: int) -> bool:
        """Whether those of the item's conversation are about to be delivered, with the same payload as this one would be."""
        return self.of(item) is None and any(
            one.rejected_payload != payload for one in self._of_conversation(item.conversation_id)
        )

    def _of_conversation(self, conversation_id: ConversationId) -> list[Progress]:
        return [one for one in self._progress.values() if one.conversation_id == conversation_id]

    def _waits_for_user(self, progress: Progress) -> bool:
        return progress.next_delay is None and not self.payloads.has_newer_in_memory(
            progress.conversation_id, than=progress.rejected_payload
        )
