"""Tells the outcomes of a commit: first to the senders of hooks, then to the relay, then to the relay's own inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from botkit.ledger.interface import Committed, Input
from botkit.ledger.receipts import Receipt
from botkit.observability.events import get_logger
from botkit.observability.tracebacks import where

_log = get_logger("botkit.ledger")

Outcome = tuple[Committed, ...] | Exception
"""The consequences of an input, or why the rules failed on it."""


class Telling:
    """Tells outcomes, and remembers whether the relay has accepted them."""

    def __init__(self) -> None:
        self.works = True
        """Whether the relay has accepted every commit so far."""

    def tell(
        self,
        outcomes: Iterable[tuple[Input, Receipt[Committed] | None, Outcome]],
        on_commit: Callable[[Sequence[Committed]], None],
    ) -> None:
        """Tell the outcomes of one commit, which is durable.

        Args:
            outcomes: of each input, with its receipt if somebody in this process waits for it.
            on_commit: see `interface.Ledger.start`.
        """
        news: list[Committed] = []
        own: list[tuple[Receipt[Committed], Committed]] = []
        """Of the relay's own inputs: it has to act on a commit, such as drop a lane, before its lanes go on."""
        for input, receipt, outcome in outcomes:
            if isinstance(outcome, Exception):
                _log.error("rules_failed", event_kind=type(input.event).__name__, error=where(outcome))
                if receipt is not None:
                    receipt.settle(outcome)
                continue
            if receipt is not None:
                if input.hook is not None:
                    receipt.settle(outcome[0])
                else:
                    own.append((receipt, outcome[0]))
            if input.event is not None and not outcome[0].duplicate:
                news += outcome
        if news:
            try:
                on_commit(news)
            except Exception as error:  # noqa: BLE001 - the inputs are durable: a defect in the relay must not stop the hooks
                self.works = False
                _log.critical("relay_did_not_take_commits", error=where(error))
        for receipt, committed in own:
            receipt.settle(committed)
