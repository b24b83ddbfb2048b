"""What this process asks of its owner, and how that is refused."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass

from botkit.errors import LedgerClosed, LedgerError
from botkit.handoff.conversation import Instant
from botkit.ledger.interface import Committed, Input
from botkit.ledger.receipts import Receipt


@dataclass(frozen=True, slots=True)
class Sweep:
    """Delete conversations that ended before this; `done` has their number."""

    before: Instant
    done: Future[int]


Queued = tuple[Input, Receipt[Committed]] | Sweep
"""An input of the relay with its receipt, or a sweep."""


def refuse(one: Queued) -> None:
    """The ledger has stopped."""
    _fail(one, LedgerClosed("the ledger has stopped"))


def refuse_for_now(one: Queued) -> None:
    """The store does not work; the relay tries again."""
    _fail(one, LedgerError("the store cannot be reached; check PostgreSQL"))


def _fail(one: Queued, error: LedgerError) -> None:
    if isinstance(one, Sweep):
        if not one.done.done():
            one.done.set_exception(error)
    elif not one[1].settled and one[1].begins():
        one[1].settle(error)
