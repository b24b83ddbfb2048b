"""`Lane`: the items of one conversation for one side, in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from botkit.handoff.conversation import ConversationId
from botkit.ledger.interface import OutboxItem
from botkit.relay.outbound.progress import Progress

LaneKey = tuple[ConversationId, str]


class Lane:
    """One lane with items. There may be tens of thousands while a remote is down, so it is small."""

    __slots__ = (
        "attempt",
        "broken",
        "dropping",
        "ended",
        "gone",
        "head",
        "key",
        "progress",
        "result_may_wait",
        "task",
        "waiting",
    )

    def __init__(self, key: LaneKey, head: OutboxItem) -> None:
        self.key = key
        self.head = head
        """The item that is being delivered."""
        self.waiting: deque[OutboxItem] | None = None
        """The items after the head, if there ever were any: an empty deque takes 0.7 KB."""
        self.progress: Progress | None = None
        """The progress of the head, unless its first attempt is still to come or in progress."""
        self.attempt: Callable[[], None] | None = None
        """Cancels the attempt in progress, if that has no task."""
        self.task: asyncio.Task[None] | None = None
        """Delivers the head, if that needs more than attempts by callback."""
        self.result_may_wait = False
        """The head was delivered, and that may be committed with something else, a moment later."""
        self.dropping = False
        """The task was cancelled to drop the head; the rest of the lane goes on."""
        self.broken = False
        """The delivery of the head raised an unforeseen exception."""
        self.gone = False
        """It has no items any more, or has left them to another process."""
        self.ended: asyncio.Future[None] | None = None
        """Done when the lane is gone, if that is waited for."""

    @property
    def is_under_way(self) -> bool:
        """Whether an attempt is in progress, or its result is being committed."""
        return self.attempt is not None or self.task is not None

    @property
    def is_in_doubt(self) -> bool:
        """Whether the head may have been carried out: it has to be looked for before another attempt."""
        return bool(self.head.in_doubt) or (self.progress is not None and self.progress.needs_task)

    def progress_of_head(self) -> Progress:
        """The progress of the head, made if it has none."""
        if self.progress is None:
            self.progress = Progress(self.key[0])
        return self.progress

    def append(self, item: OutboxItem) -> None:
        """Add an item to the end."""
        if self.waiting is None:
            self.waiting = deque()
        self.waiting.append(item)

    def move_up(self) -> bool:
        """Make the next item the head; False if there is none."""
        self.progress, self.broken, self.result_may_wait = None, False, False
        if not self.waiting:
            return False
        self.head = self.waiting.popleft()
        return True
