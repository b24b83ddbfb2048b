"""The leader's side: takes what followers have written down, to be decided on like its own inputs, and answers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from botkit.errors import LedgerError
from botkit.ledger.interface import Committed, Input
from botkit.ledger.receipts import Receipt
from botkit.ledger.rows import input_from_row
from botkit.ledger.sqlite.queries import SQL
from botkit.ledger.sqlite.sharing import messages
from botkit.ledger.telling import Outcome
from botkit.observability.events import get_logger

_log = get_logger("botkit.ledger")

MAX_INPUTS, MAX_BYTES = 256, 8 * 1024 * 1024
"""Of one commit, unless the last row of it has more."""


class Counts(Protocol):
    """The metrics of all processes; implemented by `botkit.observability.metrics`."""

    def hook(self, event: str, status: int, seconds: float) -> None: ...

    def duplicate(self) -> None: ...

    def handled(self, event: str, handler: str, outcome: str) -> None: ...

    def exposition(self, *, openmetrics: bool = False) -> bytes: ...


class Taken(Receipt[Committed]):
    """The receipt of a follower's input. It keeps the outcome, to be written down, unless the store failed."""

    __slots__ = ("message", "rows")

    def __init__(self, rows: Rows, message: messages.Submitted) -> None:
        super().__init__(lambda _: None)
        self.rows = rows
        self.message = message

    def settle(self, outcome: Committed | Exception) -> None:
        if isinstance(outcome, LedgerError):
            return
        if isinstance(outcome, Exception):
            self.rows.failed[id(self)] = messages.encode([self.message])
        elif self.message.token:
            self.rows.answers[self.message.token] = outcome.refused.encode()


@dataclass(slots=True)
class Rows:
    """Rows that are decided on in one commit, and deleted with it. `first` and `last` are 0 if there are none."""

    first: int = 0
    last: int = 0
    size: int = 0
    more: bool = False
    """Whether there may be more."""
    inputs: list[tuple[Input, Taken]] = field(default_factory=list)
    counted: list[messages.Counted] = field(default_factory=list)
    wanted: list[messages.MetricsWanted] = field(default_factory=list)
    answers: dict[str, bytes] = field(default_factory=dict)
    """What followers wait for: why the rules refuse an input, or nothing."""
    failed: dict[int, bytes] = field(default_factory=dict)
    """What cannot be read or stored, or the rules fail on. It is set aside."""

    def read(self, data: bytes) -> None:
        """Read a row. One of another version is set aside."""
        inputs: list[tuple[Input, Taken]] = []
        try:
            for one in messages.decode(data):
                match one:
                    case messages.Counted():
                        self.counted.append(one)
                    case messages.MetricsWanted():
                        self.wanted.append(one)
                    case messages.Submitted():
                        input = msgspec.structs.replace(input_from_row(one.input, None, None), hook=one.hook)
                        inputs.append((input, Taken(self, one)))
        except (msgspec.MsgspecError, LedgerError) as error:
            _log.error("input_unreadable", row=self.last, error=type(error).__name__)
            self.failed[id(data)] = data
        else:
            self.inputs += inputs


Decided = Iterable[tuple[Receipt[Committed], Outcome]]
"""The outcomes of a commit; those of followers' inputs are among others."""


class Taking:
    """Takes the rows in their order. `counts` are the metrics of all processes."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def next(self, connection: sqlite3.Connection) -> Rows:
        """The next rows."""
        rows = Rows()
        while len(rows.inputs) < MAX_INPUTS and rows.size < MAX_BYTES:
            found = connection.execute(SQL["next_inputs"], (rows.last,)).fetchone()
            if found is None:
                return rows
            rows.last, data = found
            rows.first = rows.first or rows.last
            rows.size += len(data)
            rows.read(data)
        rows.more = True
        return rows

    def write(self, connection: sqlite3.Connection, rows: Rows, decided: Decided) -> None:
        """Write what follows for the rows, in the transaction of the decisions."""
        for receipt, outcome in decided:
            if isinstance(receipt, Taken):
                receipt.settle(outcome if isinstance(outcome, Exception) else outcome[0])
        connection.execute(SQL["delete_inputs"], (rows.first, rows.last))
        for data in rows.failed.values():
            connection.execute(SQL["insert_failed_input"], (data,))
        _answer(connection, rows.answers)

    def done(self, connection: sqlite3.Connection, rows: Rows, decided: Decided) -> None:
        """The commit is durable: count what the followers have counted, and tell them the metrics that they want."""
        for counted in rows.counted:
            for hook in counted.hooks:
                self._counts.hook(*hook)
            for handler in counted.handlers:
                self._counts.handled(*handler)
        for receipt, outcome in decided:
            if isinstance(receipt, Taken) and not isinstance(outcome, Exception) and outcome[0].duplicate:
                self._counts.duplicate()
        texts = {one.token: self._counts.exposition(openmetrics=one.openmetrics) for one in rows.wanted}
        try:
            _answer(connection, texts)
        except sqlite3.Error as error:
            _log.warning("metrics_not_told", reason=str(error))


def _answer(connection: sqlite3.Connection, answers: dict[str, bytes]) -> None:
    if answers:
        connection.executemany(SQL["insert_answer"], answers.items())
        connection.execute(SQL["delete_old_answers"])
