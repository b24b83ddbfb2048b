"""Commits of an owner: what it decides is written, and then told."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set

from botkit.errors import LedgerError
from botkit.handoff.conversation import Instant
from botkit.ledger.batch import in_order, unique_key
from botkit.ledger.interface import Committed
from botkit.ledger.postgresql import reading, writing
from botkit.ledger.postgresql.awaited import Awaited
from botkit.ledger.postgresql.database import INPUTS_FAULT, LOST, Connection, columns_of
from botkit.ledger.postgresql.deciding import Decided, Taken
from botkit.ledger.postgresql.holdings import Holdings
from botkit.ledger.postgresql.queries import SQL
from botkit.ledger.postgresql.shards import shard_of
from botkit.ledger.postgresql.writing import KeysSeen, key_of
from botkit.ledger.telling import Telling
from botkit.observability.events import get_logger
from botkit.observability.tracebacks import where

_log = get_logger("botkit.ledger")

OnCommit = Callable[[Sequence[Committed]], None]
"""See `interface.Ledger.start`."""


class Committing:
    """
    Args:
        held: what is in memory, which commits change.
        awaited: is told the outcomes that somebody waits for.
    """

    def __init__(self, held: Holdings, awaited: Awaited) -> None:
        self._held = held
        self._awaited = awaited
        self._telling = Telling()
        self.in_doubt: set[int] = set()
        """Shards whose rows may be other than what is in memory: the connection was lost during their commit."""

    @property
    def works(self) -> bool:
        """Whether the relay has taken every commit so far."""
        return self._telling.works

    def commit(
        self, connection: Connection, taken: Sequence[Taken], active: Set[int], on_commit: OnCommit
    ) -> None:
        """Decide on inputs, and commit and tell the consequences. One that cannot be stored does not fail the others.

        Args:
            connection: the owner's.
            taken: the inputs.
            active: the shards whose inputs are decided here.
            on_commit: is told the consequences.
        """
        if not taken:
            return
        wanted = [one for _, one in in_order([(one.input, one) for one in taken])]
        try:
            self._together(connection, wanted, active, on_commit)
        except INPUTS_FAULT as error:
            connection.rollback()
            _log.error("commit_not_writable", inputs=len(wanted), error=where(error))
            for one in wanted:
                self._alone(connection, one, active, on_commit)

    def sweep(self, connection: Connection, before: Instant) -> int:
        """Delete some conversations that ended before this; the number deleted."""
        ended = reading.ended_before(connection, sorted(self._held.own.shards), before)
        ended = [one for one in ended if not self._held.passed_on.any_of(one)]
        if ended:
            connection.execute(SQL["delete_conversations"], columns_of([key_of(one) for one in ended]))
        for one in ended:
            self._held.forget_conversation(one)
        return len(ended)

    def _alone(self, connection: Connection, one: Taken, active: Set[int], on_commit: OnCommit) -> None:
        try:
            self._together(connection, [one], active, on_commit)
        except INPUTS_FAULT as error:
            connection.rollback()
            if one.receipt is not None:
                one.receipt.settle(error)
            if one.row is not None:
                connection.execute(SQL["fail_inputs"], ([one.row],))

    def _together(
        self, connection: Connection, wanted: Sequence[Taken], active: Set[int], on_commit: OnCommit
    ) -> None:
        deciding = self._held.deciding
        keys = [unique_key(one.input) if one.row is None else "" for one in wanted]
        decided = deciding.together(wanted, keys, {}, active)
        try:
            try:
                # Keys are rarely repeated: storing them tells.
                deleted = writing.write(connection, decided.batch, decided.rows, ahead=self._held.own.ahead)
            except KeysSeen:
                seen = reading.seen(connection, [key for key in keys if key])
                decided = deciding.together(wanted, keys, seen, active)
                deleted = writing.write(connection, decided.batch, decided.rows, ahead=self._held.own.ahead)
        except INPUTS_FAULT:
            raise
        except LOST:
            self.in_doubt |= {
                shard_of(target) for one in wanted for target in decided.batch.targets(one.input)
            }
            for one in wanted:
                if one.receipt is not None:
                    one.receipt.settle(LedgerError("the store did not commit; check PostgreSQL"))
            raise
        self._apply(decided, deleted)
        self._tell(decided, on_commit)

    def _apply(self, decided: Decided, deleted: int) -> None:
        """The transaction is durable: update the memory."""
        self._held.deciding.apply(decided)
        self._held.ended_names.changed(named=decided.rows.named, forgotten=decided.rows.forgotten)
        for conversation_id, (hook, _) in decided.batch.payloads.items():
            self._held.payloads.put(conversation_id, hook)
        self._held.depth += len(decided.batch.outbox) + len(decided.passed_on) - deleted

    def _tell(self, decided: Decided, on_commit: OnCommit) -> None:
        outcomes = [(one.input, one.receipt, outcome) for one, outcome in decided.outcomes]
        self._telling.tell(outcomes, on_commit)
        if decided.rows.answered:
            self._awaited.answered(decided.rows.answered)
