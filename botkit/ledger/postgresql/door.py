"""The door of the PostgreSQL ledger: writes inputs down for the owners of their shards, many in one statement.

A key that is there already shows a repeated hook. After a lost connection it shows whether the commit succeeded: the door tries
again, and finds its own keys. So every input has a key, if necessary a made-up one.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from botkit.errors import LedgerClosed, LedgerError
from botkit.handoff.conversation import Conversation
from botkit.ledger.batch import is_retried, original_of
from botkit.ledger.interface import Committed, Input
from botkit.ledger.postgresql import reading
from botkit.ledger.postgresql.database import (
    GENERIC_PLANS,
    INPUTS_FAULT,
    LOST,
    Connection,
    FsyncIsOff,
    committed,
    connect,
)
from botkit.ledger.postgresql.ended import has_ended
from botkit.ledger.postgresql.given import Given, columns, given_by, values, values_everywhere
from botkit.ledger.postgresql.queries import SQL
from botkit.ledger.postgresql.server import commit_nothing, examine_durability
from botkit.ledger.receipts import Receipt
from botkit.ledger.rows import input_to_bytes
from botkit.ledger.waiting import Waiting
from botkit.observability.events import get_logger
from botkit.observability.tracebacks import where

_log = get_logger("botkit.ledger")

INPUTS_CHANNEL = "botkit_inputs"
"""Notifications of new inputs: ``id:shard``, separated by commas, or `LOOK`."""
LOOK = "look"
"""Some inputs that were committed may not have been notified. Owners look for them before they take others."""
MAX_IN_BATCH = 256
MAX_QUEUED = 20_000
GIVE_UP_SECONDS = 8.0
"""Max time for which a batch is tried again. The hook's answer waits for ten seconds."""
_RETRY_SECONDS = 0.1
_PROBE_SECONDS = 1.0

Taken = Callable[[Mapping[int, tuple[int, Input]]], None]
"""Called with the inputs that were written down, by id, each with its shard, before anybody is notified of them."""


class Door:
    """One thread, two connections: one that commits inputs, one that notifies their owners."""

    def __init__(
        self,
        url: str,
        *,
        taken: Taken,
        answers: Callable[[int, Receipt[Committed], Committed, bool], None],
        pooled: bool = False,
    ) -> None:
        """
        Args:
            url: of the database.
            taken: see `Taken`.
            answers: takes the receipts of inputs whose outcome the owner has to tell: see `awaited.Awaited.add`.
            pooled: see `database.connect`.
        """
        self._url = url
        self._pooled = pooled
        self._taken = taken
        self._answers = answers
        self._waiting: Waiting[tuple[Input, Receipt[Committed]]] = Waiting(check="PostgreSQL")
        self.working = True
        """Whether the last commit succeeded."""
        self._writer: Connection | None = None
        self._notifier: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="botkit-door", daemon=True)

    def start(self) -> None:
        """Start to take inputs in."""
        self._thread.start()

    def submit(
        self, input: Input, receipt: Receipt[Committed], loop: asyncio.AbstractEventLoop | None
    ) -> LedgerError | None:
        """Queue an input, or return why it is not accepted."""
        return self._waiting.admit((input, receipt), loop, at_most=MAX_QUEUED)

    def close(self) -> None:
        """Commit what is queued, then stop."""
        self._waiting.close()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._waiting.closed or (self.working and len(self._waiting)):
                queued = self._waiting.take(MAX_IN_BATCH, self._patience())
                if queued:
                    self._take([one for one in queued if one[1].begins()])
                elif not self.working and not self._waiting.closed:
                    self._probe()
        finally:
            self._waiting.close()
            self._waiting.drop_all(_refuse)
            self._disconnect()

    def _patience(self) -> float:
        """How long the thread waits for something to do (-1: no limit). While nothing can be committed, it looks for itself."""
        if self._waiting.closed:
            return 0.0
        return -1 if self.working else _PROBE_SECONDS

    def _probe(self) -> None:
        """Find out whether commits work again: a process that is not ready may get no hook that would show it."""
        try:
            commit_nothing(self._connected())
        except (LOST, LedgerError):
            self._disconnect()
        else:
            self.working = True

    def _take(self, queued: Sequence[tuple[Input, Receipt[Committed]]]) -> None:
        given = []
        for input, receipt in queued:
            try:
                given.append(given_by(input, receipt))
            except Exception as error:  # noqa: BLE001 - an event that cannot be encoded: only this input fails
                receipt.settle(error)
        if not given:
            return
        try:
            self._commit(given)
        except INPUTS_FAULT as error:
            _log.error("commit_not_writable", inputs=len(given), error=where(error))
            for one in given:
                one.in_doubt |= one.id is not None  # It is stored, and nobody was notified.
                self._take_alone(one)

    def _take_alone(self, one: Given) -> None:
        try:
            self._commit([one])
        except INPUTS_FAULT as error:
            one.receipt.settle(error)

    def _commit(self, given: Sequence[Given]) -> None:
        """Write inputs down, notify their owners, and tell the outcomes."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        if any(has_ended(one) for one in (self._writer, self._notifier) if one is not None):
            self._disconnect()  # while they rested: nothing is in doubt
        while True:
            try:
                stored = self._store(given)
                self._notify(stored, look=any(one.in_doubt or one.duplicate for one in given))
                break
            except INPUTS_FAULT:
                raise
            except LOST as error:
                failure = LedgerError("the store did not commit; check PostgreSQL")
                failure.__cause__ = error
            except LedgerError as error:
                failure = error
            self._disconnect()
            for one in given:
                one.in_doubt = True
            if self.working:
                cause = type(failure.__cause__ or failure).__name__
                _log.error("commit_failed", inputs=len(given), reason=str(failure), error=cause)
            self.working = False
            if time.monotonic() > deadline or self._waiting.closed or isinstance(failure, FsyncIsOff):
                for one in given:
                    one.receipt.settle(failure)
                return
            time.sleep(_RETRY_SECONDS)
        self.working = True
        for one in given:
            outcome = Committed(Conversation(one.input.conversation_id), (), (), duplicate=one.duplicate)
            if one.awaited and one.id is not None:
                self._answers(one.id, one.receipt, outcome, one.in_doubt)
            else:
                one.receipt.settle(outcome)

    def _connected(self) -> Connection:
        """The connection that commits. Raises: LedgerError if there is none, or an error of `LOST`."""
        if self._writer is None:
            self._writer = connect(self._url, "door", settings=GENERIC_PLANS, pooled=self._pooled)
            if self._pooled:
                examine_durability(self._writer)
            else:
                self._writer.execute(SQL["stay_durable"])
        return self._writer

    def _store(self, given: Sequence[Given]) -> Sequence[tuple[int, int]]:
        """Commit the inputs that are not there yet; ids and shards of those that are new."""
        writer = self._connected()
        stored: list[tuple[int, int]] = []
        first: dict[str, Given] = {}
        known: list[Given] = []
        awaited = [one for one in given if one.awaited]
        for one in given:
            if one.id is not None or one.awaited:
                continue
            if one.key in first:
                known.append(one)
            else:
                first[one.key] = one
        stored += self._insert(writer, [one for one in first.values() if not one.is_everywhere])
        for one in first.values():
            if one.is_everywhere:
                stored += self._insert_everywhere(writer, one)
        known += [one for one in first.values() if one.id is None]
        if known:
            stored += self._again(writer, known)
        for one in awaited:
            stored += self._insert_awaited(writer, one)
        return stored

    def _insert(self, writer: Connection, given: Sequence[Given]) -> Sequence[tuple[int, int]]:
        """Commit the inputs whose keys are new. They get their ids, which are returned with their shards."""
        if not given:
            return ()
        keys, ids, shards = committed(writer, SQL["take_inputs"], columns(given))
        fresh = set(keys)
        new = [one for one in given if one.key in fresh]
        for one, item_id in zip(new, ids, strict=True):
            one.id = item_id
        stored = list(zip(ids, shards, strict=True))
        self._taken({item_id: (shard, one.input) for one, (item_id, shard) in zip(new, stored, strict=True)})
        return stored

    def _insert_everywhere(self, writer: Connection, one: Given) -> Sequence[tuple[int, int]]:
        """Commit an input for the owner of each of its user's conversations. What handlers have said stays with the first one."""
        bare = replace(one.input, event=original_of(one.event))
        ids, shards = committed(writer, SQL["take_everywhere"], values_everywhere(one, bare))
        stored = list(zip(ids, shards, strict=True))
        if stored:
            one.id, _ = stored[0]
        self._taken({row: (shard, one.input if row == one.id else bare) for row, shard in stored})
        return stored

    def _insert_awaited(self, writer: Connection, one: Given) -> Sequence[tuple[int, int]]:
        """Commit an input whose outcome is awaited.

        It has its id before that: if the commit is in doubt, its outcome has to be found, even if an owner has decided meanwhile.
        """
        if one.id is None:
            (one.id,) = writer.execute(SQL["next_number"]).fetchone() or (0,)
        given = {"id": one.id, "key": one.key, **values(one)}
        (shard,) = committed(writer, SQL["take_awaited"], given)
        if shard is None:
            return ()  # An attempt before has committed it.
        self._taken({one.id: (shard, one.input)})
        return [(one.id, shard)]

    def _again(self, writer: Connection, known: Sequence[Given]) -> Sequence[tuple[int, int]]:
        """Inputs whose keys were there: repetitions, but for messages that the user's client has sent again."""
        found = reading.seen(writer, [one.key for one in known])
        retried = []
        for one in known:
            original = original_of(one.event)
            if is_retried(original, found.get(one.key)):
                # Another request of the platform, which may wait for a call of its own.
                one.event = replace(original, retried=True)
                one.input = replace(one.input, event=one.event)
                one.data = input_to_bytes(one.input, one.event)
                one.key = f"{one.key} {original.request_id}"
                retried.append(one)
            else:
                one.duplicate = not one.in_doubt
        if not retried:
            return ()
        stored = self._insert(writer, list({one.key: one for one in retried}.values()))
        for one in retried:
            one.duplicate = one.id is None
        return stored

    def _notify(self, stored: Sequence[tuple[int, int]], *, look: bool) -> None:
        """Tell the owners, in a transaction that does not wait for the disk: the server lets one at a time notify.

        After an attempt in doubt, and of hooks that are repeated because their process died, inputs may be there of which nobody
        was notified. Owners have to `look` for them before their users' next ones, which may be sent as soon as these are
        acknowledged.
        """
        if not stored and not look:
            return
        if self._notifier is None:
            self._notifier = connect(
                self._url, "notifier", settings={"synchronous_commit": "off"}, pooled=self._pooled
            )
        text = LOOK if look else ",".join([f"{item_id}:{shard}" for item_id, shard in stored])
        self._notifier.execute(SQL["tell"], (INPUTS_CHANNEL, text))

    def _disconnect(self) -> None:
        for connection in (self._writer, self._notifier):
            if connection is not None:
                connection.close()
        self._writer = self._notifier = None


def _refuse(one: tuple[Input, Receipt[Committed]]) -> None:
    if one[1].begins():
        one[1].settle(LedgerClosed("the ledger has stopped"))
