"""The group commits of the SQLite ledger's thread: what was decided on together is written in one transaction, then told."""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Callable, Sequence

from botkit.errors import LedgerError
from botkit.handoff.events import FromAgents
from botkit.ledger.batch import Batch, in_order, unique_key
from botkit.ledger.interface import Committed, Decide, Input
from botkit.ledger.memory import PayloadCache, Remembered
from botkit.ledger.receipts import Receipt
from botkit.ledger.sqlite import writing
from botkit.ledger.sqlite.checkpoints import PAGE_BYTES
from botkit.ledger.sqlite.queries import SQL
from botkit.ledger.sqlite.sharing.log import Log
from botkit.ledger.sqlite.sharing.taking import Rows, Taking
from botkit.ledger.sqlite.store import Store
from botkit.ledger.sqlite.trouble import advice
from botkit.ledger.sqlite.writing import KeysSeen
from botkit.ledger.telling import Outcome, Telling
from botkit.observability.events import get_logger
from botkit.observability.seldom import Seldom
from botkit.observability.tracebacks import where

_log = get_logger("botkit.ledger")

MAX_UNDELIVERED = 100_000
"""Max effects in the outbox; then hooks are refused, because the relay holds the effects in memory. It is reached only if a
target is down for long. A refused hook is not acknowledged, so the platform knows that it failed."""
SLOW_SECONDS = 1.0
"""Commits that take longer are logged: their hooks are acknowledged as late."""
_SLOW_FIX = (
    "look what else writes to this disk, and whether it is a network drive (iostat -x); "
    "if `stood_still` was logged just now too, it was not the disk"
)
_INPUTS_FAULT = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    ValueError,
    OverflowError,
)
"""Errors of an input whose values SQLite cannot store; all other errors of sqlite3 are the store's."""

Queued = tuple[Input, Receipt[Committed]]
_NO_ROWS = Rows()
_Written = tuple[Batch, Sequence[Outcome], int]
"""A batch, the outcome of each input, and the number of effects by which the outbox has grown."""


class Committing:
    """Decides on inputs, and commits them.

    Args:
        store: the store.
        writer: a connection to it.
        decide: the rules.
        on_commit: see `interface.Ledger.start`.
        wrote: called with about how many pages of the log were written.
        log: syncs the log after each commit, where followers write too. Otherwise SQLite does.
    """

    def __init__(
        self,
        store: Store,
        writer: sqlite3.Connection,
        decide: Decide,
        *,
        on_commit: Callable[[Sequence[Committed]], None],
        wrote: Callable[[int], None],
        log: Log | None,
    ) -> None:
        self._store = store
        self._writer = writer
        self._decide = decide
        self._lines = Seldom(_log)
        self._file_is_gone = False
        self._on_commit = on_commit
        self._wrote = wrote
        self._log = log
        self._telling = Telling()
        self._ids = itertools.count(store.last_id() + 1)
        self.remembered = Remembered(store.remembered())
        self.payloads = PayloadCache()
        self.taking: Taking | None = None
        """Takes what followers have written down."""
        self.depth = store.depth()
        """The number of effects in the outbox."""
        self.works = True
        """Whether the last commit succeeded."""

    @property
    def healthy(self) -> bool:
        """Whether commits succeed, become durable, and reach the relay."""
        return self.works and self._telling.works and (self._log is None or self._log.durable)

    def commit(self, queued: Sequence[Queued]) -> None:
        """Commit inputs, behind what followers have written down: a hook may have been sent because that was acknowledged."""
        rows = self._next_rows()
        while rows.more and self.works:
            self._commit((), rows)
            rows = self._next_rows()
        self._commit(queued, rows)

    def probe(self) -> None:
        """Find out whether writing works again."""
        try:
            self._writer.execute(SQL["probe"])
            self._store.require_file()
        except (sqlite3.Error, LedgerError) as error:
            self._fail((), error)
        else:
            self.works = True

    # --- inside ------------------------------------------------------------------------------------------------------

    def _next_rows(self) -> Rows:
        """What followers have written down. While the outbox is full they wait, and in the end refuse hooks."""
        if self.taking is None or self.depth >= MAX_UNDELIVERED:
            return _NO_ROWS
        try:
            rows = self.taking.next(self._writer)
        except sqlite3.Error as error:
            self._fail((), error)
            return _NO_ROWS
        if not rows.last and self._log is None:
            self.taking = None  # They were left by a former process: nobody else writes.
        return rows

    def _commit(self, queued: Sequence[Queued], rows: Rows) -> None:
        wanted = in_order([*rows.inputs, *[one for one in queued if one[1].begins()]])
        if not wanted and not rows.last:
            return
        try:
            self._commit_together(wanted, rows)
        except _INPUTS_FAULT as error:
            # One input cannot be stored (half a surrogate pair, a number too large for SQLite) and must not fail the others.
            self._roll_back()
            _log.error("commit_not_writable", inputs=len(wanted), error=where(error))
            works = [self._commit_alone(one) for one in wanted]
            if rows.last and all(works):
                self._commit_together((), rows)

    def _commit_alone(self, one: Queued) -> bool:
        """Whether the store works; the input may be refused for ever."""
        try:
            return self._commit_together([one], _NO_ROWS)
        except _INPUTS_FAULT as error:
            self._roll_back()
            one[1].settle(error)
            return True

    def _commit_together(self, wanted: Sequence[Queued], rows: Rows) -> bool:
        """Whether the store works."""
        began = time.monotonic()
        try:
            batch, outcomes, grown = self._write(wanted, rows)
            self._writer.execute("COMMIT")
            self._store.require_file()
        except _INPUTS_FAULT:
            raise
        except (sqlite3.Error, LedgerError) as error:
            self._fail([receipt for _, receipt in wanted], error)
            return False
        self.depth += grown
        batch.apply()
        for conversation_id, (hook, _) in batch.payloads.items():
            self.payloads.put(conversation_id, hook)
        self.works = True
        if self._log is not None:
            try:
                self._log.sync()
            except LedgerError as error:
                for _, receipt in wanted:
                    receipt.settle(error)
                return False
        took = time.monotonic() - began
        told = [(input, receipt, outcome) for (input, receipt), outcome in zip(wanted, outcomes, strict=True)]
        self._telling.tell(told, self._on_commit)
        # Everything that nobody waits for comes after that.
        self._wrote(writing.pages(batch) + rows.size // PAGE_BYTES)
        if took > SLOW_SECONDS:
            self._lines.say(
                "warning",
                "commits_slow",
                "the disk is slow",
                seconds=round(took, 1),
                inputs=len(wanted),
                fix=_SLOW_FIX,
            )
        if self.taking is not None and rows.last:
            self.taking.done(self._writer, rows, [(receipt, outcome) for _, receipt, outcome in told])
        return True

    def _write(self, wanted: Sequence[Queued], rows: Rows) -> _Written:
        """Decide on all inputs and write the consequences, without a COMMIT; the memory is unchanged."""
        keys = [unique_key(input) for input, _ in wanted]
        # Hooks are rarely repeated, nor are events of a stream, which have a position: storing their keys tells. What the
        # agents' side lists is repeated often: it is looked up.
        listed = [
            key
            for (input, _), key in zip(wanted, keys, strict=True)
            if isinstance(input.event, FromAgents) and not input.event.position
        ]
        try:
            return self._write_with(wanted, keys, listed, rows)
        except KeysSeen:
            self._writer.execute("ROLLBACK")
            return self._write_with(wanted, keys, keys, rows)

    def _write_with(
        self, wanted: Sequence[Queued], keys: Sequence[str], doubtful: Sequence[str], rows: Rows
    ) -> _Written:
        """See `_write`.

        Args:
            wanted: the inputs.
            keys: their deduplication keys.
            doubtful: the keys to look up before. All others are assumed to be new.
            rows: of followers.

        Raises:
            KeysSeen: a key that was assumed to be new was committed before.
        """
        # Before the transaction, as nobody else writes keys or decides: followers wait for its end.
        seen = writing.seen(self._writer, [key for key in doubtful if key])
        batch = Batch(self._decide, self.remembered, self._ids)
        outcomes: list[Outcome] = []
        for (input, _), key in zip(wanted, keys, strict=True):
            try:
                outcomes.append(batch.decide(input, key, seen=key in seen, seen_with=seen.get(key)))
            except Exception as error:  # noqa: BLE001 - a defect in the rules: only this input fails
                outcomes.append(error)
        self._writer.execute("BEGIN IMMEDIATE")
        if self.taking is not None and rows.last:
            decided = [(receipt, outcome) for (_, receipt), outcome in zip(wanted, outcomes, strict=True)]
            self.taking.write(self._writer, rows, decided)
        return batch, outcomes, writing.write(self._writer, batch)

    def _fail(self, receipts: Sequence[Receipt[Committed]], error: sqlite3.Error | LedgerError) -> None:
        """The store failed: nothing of the transaction counts, and the memory is unchanged."""
        self.works = False
        self._roll_back()
        fix = advice(error, self._store.file) if isinstance(error, sqlite3.Error) else self._rescued()
        self._lines.say("error", "commit_failed", str(error), inputs=len(receipts), fix=fix)
        for receipt in receipts:
            receipt.settle(because("the store did not commit; check its disk", error))

    def _rescued(self) -> str:
        """Write a copy of a store whose file is gone, once: only this process can still read it. Returns what to do next."""
        copy = self._store.rescue_file
        if not self._file_is_gone:
            self._file_is_gone = True
            try:
                self._store.rescue(self._writer)
            except (sqlite3.Error, OSError) as error:
                _log.error("store_not_rescued", reason=str(error), file=copy.name)
        return f"stop the service, make {copy.name} its store again (mv {copy.name} {self._store.file.name}), and start it"

    def _roll_back(self) -> None:
        try:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
        except sqlite3.Error as error:
            self.works = False
            self._lines.say("error", "roll_back_failed", str(error))


def because(message: str, error: Exception) -> LedgerError:
    """An error of the ledger, with its cause; the same one if it is one already."""
    if isinstance(error, LedgerError):
        return error
    failure = LedgerError(message)
    failure.__cause__ = error
    return failure
