"""`Settling`: commits the results of deliveries that no event reports, those of one turn of the loop in one input."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from msgspec.structs import replace

from botkit.errors import LedgerClosed
from botkit.handoff.steps import Step
from botkit.ledger.interface import Committed, Input, OutboxItem
from botkit.relay.ledger_client import LedgerClient

T = TypeVar("T")


class Settling(Generic[T]):
    """Collects delivered items until the end of the loop's turn, and submits them together.

    Args:
        ledger: commits.
        on_settled: called with the owners of the items whose rows are gone, in the order in which they were added.
        on_closed: called instead if the service is stopping; the next start delivers the items again.
    """

    def __init__(
        self,
        ledger: LedgerClient,
        *,
        on_settled: Callable[[Sequence[T]], None],
        on_closed: Callable[[Sequence[T]], None],
    ) -> None:
        self._ledger = ledger
        self._on_settled = on_settled
        self._on_closed = on_closed
        self._loop = asyncio.get_running_loop()
        self._items: list[OutboxItem] = []
        self._owners: list[T] = []
        self._steps: tuple[Step, ...] = ()

    def add(self, owner: T, item: OutboxItem, steps: tuple[Step, ...] = ()) -> None:
        """An item was delivered; its result is committed with those of the same turn."""
        if not self._items:
            self._loop.call_soon(self._submit)
        self._items.append(item)
        self._owners.append(owner)
        if steps:
            self._steps += steps

    def _submit(self) -> None:
        items, owners, steps = self._items, self._owners, self._steps
        self._items, self._owners, self._steps = [], [], ()
        # Without an event, the conversation of the input means nothing.
        done = Input(
            items[0].conversation_id, None, completes=tuple([item.id for item in items]), steps=steps
        )
        self._ledger.submit_then(done, lambda outcome: self._settle(owners, done, outcome))

    def _settle(self, owners: Sequence[T], done: Input, outcome: Committed | LedgerClosed | None) -> None:
        if isinstance(outcome, LedgerClosed):
            self._on_closed(owners)
        elif outcome is None and done.steps:
            # A step could not be written: remove the rows without it.
            bare = replace(done, steps=())
            self._ledger.submit_then(bare, lambda again: self._settle(owners, bare, again))
        else:
            self._on_settled(owners)
