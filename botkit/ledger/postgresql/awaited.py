"""Outcomes that the submitter waits for: the owner of the shard, in any process, tells them by a row and a notification."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress

from msgspec.structs import replace

from botkit.errors import LedgerClosed, LedgerError
from botkit.executor import DaemonExecutor
from botkit.ledger.interface import Committed
from botkit.ledger.postgresql.database import Connection
from botkit.ledger.postgresql.queries import SQL
from botkit.ledger.receipts import Receipt

ANSWERS_CHANNEL = "botkit_answers"
MAX_EARLY = 1_000


class Awaited:
    """The receipts of inputs whose outcome the owner tells. `reader` opens a connection to the store."""

    def __init__(self, reader: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._reader = reader
        self._receipts: dict[int, tuple[Receipt[Committed], Committed]] = {}
        self._early: dict[int, str | None] = {}
        """Outcomes that came before their receipts; None where it is in the store. Most are of receipts in other processes."""
        self._lock = threading.Lock()
        self._reading = DaemonExecutor(1, "botkit-answers")
        """Outcomes are read here: who hears of them has more to do."""

    def add(self, row: int, receipt: Receipt[Committed], outcome: Committed, in_doubt: bool) -> None:
        """An input was taken; its outcome will be like this, but for the refusal.

        Args:
            row: of the input.
            receipt: its receipt.
            outcome: what is known of the outcome.
            in_doubt: it was perhaps taken by an attempt before, and its outcome told long ago.
        """
        with self._lock:
            told = row in self._early
            early = self._early.pop(row, None)
            if early is None:
                self._receipts[row] = (receipt, outcome)
        if early is not None:
            receipt.settle(replace(outcome, refused=early))
        elif told or in_doubt:
            self._read([row])

    def answered(self, found: Sequence[tuple[int, str]]) -> None:
        """The owner in this process has decided."""
        self._settle(dict(found), keep=True)

    def told(self, text: str) -> None:
        """Some owner has decided: a notification with the ids of the inputs."""
        ids = [int(one) for one in text.split(",") if one.isdigit()]
        with self._lock:
            wanted = [one for one in ids if one in self._receipts]
            for one in ids:
                if one not in self._receipts:
                    self._keep(one, self._early.get(one))
        if wanted:
            self._read_soon(wanted)

    def look(self) -> None:
        """Some notifications may have been missed."""
        with self._lock:
            wanted = list(self._receipts)
        if wanted:
            self._read_soon(wanted)

    def close(self) -> None:
        """Nobody decides any more."""
        self._reading.shutdown()
        with self._lock:
            left, self._receipts = self._receipts, {}
        for receipt, _ in left.values():
            receipt.settle(LedgerClosed("the ledger has stopped"))

    def _read_soon(self, wanted: Sequence[int]) -> None:
        with suppress(RuntimeError):  # It was closed meanwhile, and all are told.
            self._reading.submit(self._read, wanted)

    def _read(self, wanted: Sequence[int]) -> None:
        try:
            with self._reader() as connection:
                found: dict[int, str] = dict(connection.execute(SQL["take_answers"], (wanted,)).fetchall())
        except LedgerError:
            return  # The submitter's own time-out ends its wait.
        self._settle(found, keep=False)

    def _settle(self, found: Mapping[int, str], *, keep: bool) -> None:
        for row, refused in found.items():
            with self._lock:
                waiting = self._receipts.pop(row, None)
                if waiting is None and keep:
                    self._keep(row, refused)
            if waiting is not None:
                receipt, outcome = waiting
                receipt.settle(replace(outcome, refused=refused))

    def _keep(self, row: int, refused: str | None) -> None:
        """Keep an outcome for its receipt, which may come in a moment."""
        self._early[row] = refused
        if len(self._early) > MAX_EARLY:
            del self._early[next(iter(self._early))]
