"""`Settling`: commits the results of deliveries that no event reports, those of one turn of the loop in one input."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from botkit.errors import LedgerClosed
from botkit.handoff.conversation import ConversationId
from botkit.handoff.steps import Step
from botkit.ledger.interface import Committed, Input, OutboxItem
from botkit.relay.ledger_client import LedgerClient

T = TypeVar("T")


class _Delivered(NamedTuple, Generic[T]):
    owner: T
    item: OutboxItem
    steps: tuple[Step, ...]


class Settling(Generic[T]):
    """Collects delivered items until the end of the loop's turn, and submits them together.

    Args:
        ledger: commits.
        on_settled: called with the owners of the items whose rows are gone, in the order in which they were added.
        on_closed: called instead if the conversation has left this process, or that is stopping; the next one delivers the items
            again.
        may_wait: whether the result of this owner's item may wait for another commit (see `Input`). Those of one turn wait if all
            of them may.
    """

    def __init__(
        self,
        ledger: LedgerClient,
        *,
        on_settled: Callable[[Sequence[T]], None],
        on_closed: Callable[[Sequence[T]], None],
        may_wait: Callable[[T], bool],
    ) -> None:
        self._ledger = ledger
        self._on_settled = on_settled
        self._on_closed = on_closed
        self._may_wait = may_wait
        self._loop = asyncio.get_running_loop()
        self._delivered: list[_Delivered[T]] = []

    def add(self, owner: T, item: OutboxItem, steps: tuple[Step, ...] = ()) -> None:
        """An item was delivered; its result is committed with those of the same turn."""
        if not self._delivered:
            self._loop.call_soon(self._submit_turn)
        self._delivered.append(_Delivered(owner, item, steps))

    def _submit_turn(self) -> None:
        delivered, self._delivered = self._delivered, []
        self._submit(delivered, may_wait=all(self._may_wait(one.owner) for one in delivered))

    def _submit(
        self, delivered: Sequence[_Delivered[T]], *, with_steps: bool = True, may_wait: bool = False
    ) -> None:
        # Without an event, the conversation of the input means nothing.
        done = Input(
            delivered[0].item.conversation_id,
            None,
            completes=tuple([one.item.id for one in delivered]),
            steps=tuple([step for one in delivered for step in one.steps]) if with_steps else (),
            may_wait=may_wait,
        )
        self._ledger.submit_then(done, lambda outcome: self._settle(delivered, done, outcome))

    def _settle(
        self, delivered: Sequence[_Delivered[T]], done: Input, outcome: Committed | LedgerClosed | None
    ) -> None:
        if isinstance(outcome, LedgerClosed):
            self._closed(delivered)
        elif outcome is None and done.steps:
            # A step could not be written: remove the rows without it.
            self._submit(delivered, with_steps=False)
        else:
            self._on_settled([one.owner for one in delivered])

    def _closed(self, delivered: Sequence[_Delivered[T]]) -> None:
        """Some of these conversations have left this process, perhaps not all: each is tried by itself."""
        apart: dict[ConversationId, list[_Delivered[T]]] = {}
        for one in delivered:
            apart.setdefault(one.item.conversation_id, []).append(one)
        if len(apart) == 1:
            self._on_closed([one.owner for one in delivered])
            return
        for same in apart.values():
            self._submit(same)
