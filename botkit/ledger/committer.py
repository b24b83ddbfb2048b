"""The ledger's thread: it decides and commits, and what arrived meanwhile shares the next commit."""

from __future__ import annotations

import itertools
import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from sqlalchemy.exc import SQLAlchemyError

from botkit.errors import LedgerClosed, LedgerError
from botkit.handoff.conversation import Instant
from botkit.ledger import statements
from botkit.ledger.batch import Batch
from botkit.ledger.interface import Committed, Decide, Input
from botkit.ledger.memory import Remembered
from botkit.ledger.order import as_written
from botkit.ledger.payloads import PayloadCache
from botkit.ledger.store import Store
from botkit.observability.tracebacks import where

log = logging.getLogger(__name__)

MAX_QUEUED = 20_000
"""More inputs than this wait only when the disk has stopped; refusing is then better than growing."""
MAX_UNDELIVERED = 100_000
"""More effects than this wait only when the other side has been gone for long. The relay holds them in memory, hooks' bodies
and all, so hooks are then refused, not acknowledged and not lost: the platform knows that it was not taken."""
MAX_IN_BATCH = 256
_PROBE_SECONDS = 1.0
_MAX_WHILE_SWEEPING = 2_000
_INPUTS_FAULT = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    ValueError,
    OverflowError,
)
"""What writing raises for a value that SQLite cannot take; any other error of sqlite3 is the store's trouble."""


@dataclass(frozen=True, slots=True)
class _Sweep:
    before: Instant
    done: Future[int]


class _Stop:
    """Ends the thread when everything before it is done."""


_Queued = tuple[Input, Future[Committed]]


class Committer:
    """Takes inputs from any thread, one after the other, and commits them together.

    Args:
        store: opened, and closed by whoever opened it.
        decide: the rules.
        on_commit: told of what was committed, in commit order.
    """

    def __init__(
        self, store: Store, decide: Decide, on_commit: Callable[[Sequence[Committed]], None]
    ) -> None:
        """Raises: LedgerError, SQLAlchemyError, sqlite3.Error if the store cannot be read."""
        self.remembered = Remembered(store.remembered())
        self.payloads = PayloadCache()
        self.depth = store.depth()
        """How many effects are written down and not done."""
        self._store = store
        self._decide = decide
        self._on_commit = on_commit
        self._ids = itertools.count(store.last_id() + 1)
        self._queue: SimpleQueue[_Queued | _Sweep | _Stop] = SimpleQueue()
        self._door = threading.Lock()
        self._open = True
        self._committing = True
        self._heard = True
        self._writer = store.writer()
        self._thread = threading.Thread(target=self._run, name="botkit-ledger", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def submit(self, given: Input) -> Future[Committed]:
        """See `interface.Ledger.submit`."""
        future: Future[Committed] = Future()
        with self._door:
            if not self._open:
                future.set_exception(LedgerClosed("the service is stopping; send it again later"))
            elif self._queue.qsize() > MAX_QUEUED:
                future.set_exception(LedgerError("the store does not keep up; look at the disk it is on"))
            elif given.hook is not None and self.depth >= MAX_UNDELIVERED:
                future.set_exception(LedgerError("too much waits to be delivered; see the log for whom"))
            else:
                self._queue.put((given, future))
        return future

    def sweep(self, before: Instant) -> Future[int]:
        """Forget a part of what is older; how many rows went."""
        done: Future[int] = Future()
        with self._door:
            if not self._open:
                raise LedgerClosed("the service is stopping")
            self._queue.put(_Sweep(before, done))
        return done

    def healthy(self) -> bool:
        """Whether inputs are committed, and heard of by the listener."""
        return self._committing and self._heard and self._thread.is_alive()

    def close(self) -> None:
        """Commit what was submitted, then end the thread."""
        with self._door:
            was_open, self._open = self._open, False
            if was_open:
                self._queue.put(_Stop())
        self._thread.join()
        self._writer.close()

    # --- in the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._work()
        finally:
            self._turn_away()

    def _work(self) -> None:
        going = True
        while going:
            queued: list[_Queued] = []
            sweeps: list[_Sweep] = []
            for one in self._drain():
                if isinstance(one, _Stop):
                    going = False
                elif isinstance(one, _Sweep):
                    sweeps.append(one)
                else:
                    queued.append(one)
            if queued:
                self._commit(queued)
            elif not self._committing:
                self._probe()
            for sweep in sweeps:
                self._sweep(sweep)

    def _drain(self) -> list[_Queued | _Sweep | _Stop]:
        """Everything that waits, at least one, except that a store in trouble is tried again after a while."""
        try:
            first = self._queue.get(timeout=None if self._committing else _PROBE_SECONDS)
        except Empty:
            return []
        get = self._queue.get
        return [first, *(get() for _ in range(min(self._queue.qsize(), MAX_IN_BATCH - 1)))]

    def _commit(self, queued: list[_Queued]) -> None:
        wanted = as_written([one for one in queued if one[1].set_running_or_notify_cancel()])
        try:
            self._commit_together(wanted)
        except _INPUTS_FAULT as error:
            # One of them cannot be written at all (half a character, a number beyond SQLite's) and must not take
            # the others along.
            self._roll_back()
            log.error("a commit of %d inputs is not writable: %s", len(wanted), where(error))
            for one in wanted:
                self._commit_alone(one)

    def _commit_alone(self, one: _Queued) -> None:
        try:
            self._commit_together([one])
        except _INPUTS_FAULT as error:
            self._roll_back()
            one[1].set_exception(error)

    def _commit_together(self, wanted: Sequence[_Queued]) -> None:
        keys = [_key(given) for given, _ in wanted]
        batch = Batch(self._decide, self.remembered, self._ids)
        done: list[tuple[Future[Committed], Committed]] = []
        failed: list[tuple[Future[Committed], Exception]] = []
        news: list[Committed] = []
        try:
            seen = statements.seen(self._writer, [key for key in keys if key])
            for (given, future), key in zip(wanted, keys, strict=True):
                try:
                    committed = batch.take(given, key, seen=key in seen)
                except Exception as error:  # noqa: BLE001 - the rules' own mistake: that input alone fails, and says so
                    log.error("the rules failed on a %s: %s", type(given.event).__name__, where(error))
                    failed.append((future, error))
                    continue
                done.append((future, committed))
                if given.event is not None and not committed.duplicate:
                    news.append(committed)
            self.depth += batch.write(self._writer)
        except _INPUTS_FAULT:
            raise
        except sqlite3.Error as error:
            self._give_up([future for _, future in wanted], error)
            return
        batch.apply()
        for conversation_id, (hook, _) in batch.payloads.items():
            self.payloads.put(conversation_id, hook)
        self._committing = True
        for future, committed in done:
            future.set_result(committed)
        for future, mistake in failed:
            future.set_exception(mistake)
        if news:
            self._tell(news)

    def _give_up(self, futures: list[Future[Committed]], error: sqlite3.Error) -> None:
        """The store is in trouble: nothing of the transaction is durable, and memory is as it was."""
        self._committing = False
        log.error("the store did not commit %d inputs: %s", len(futures), error)
        self._roll_back()
        for future in futures:
            future.set_exception(_because("the store did not commit; look at its disk", error))

    def _roll_back(self) -> None:
        try:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
        except sqlite3.Error as error:
            self._committing = False
            log.error("the store could not roll back: %s", error)

    def _tell(self, news: list[Committed]) -> None:
        try:
            self._on_commit(news)
        except Exception as error:  # noqa: BLE001 - the inputs are durable: the listener's mistake must not stop the hooks
            self._heard = False
            log.critical("the listener failed; what it was told waits for a restart: %s", where(error))

    def _probe(self) -> None:
        try:
            statements.probe(self._writer)
        except sqlite3.Error as error:
            self._give_up([], error)
        else:
            self._committing = True

    def _sweep(self, sweep: _Sweep) -> None:
        try:
            # To know who has something under way, all that waits has to be looked through: not while it is much.
            quiet = self.depth <= _MAX_WHILE_SWEEPING
            ended = self._store.ended_before(sweep.before) if quiet else []
            gone = self._store.forget(sweep.before, ended) if quiet else self._store.forget_keys(sweep.before)
        except SQLAlchemyError as error:
            sweep.done.set_exception(_because("the store could not be swept", error))
            return
        for one in ended:
            self.remembered.put(one, None)
            self.payloads.drop(one)
        sweep.done.set_result(gone)

    def _turn_away(self) -> None:
        """Nothing is taken any more; nobody waits for an answer that cannot come."""
        with self._door:
            self._open = False
        while not self._queue.empty():
            one = self._queue.get()
            closed = LedgerClosed("the ledger has stopped")
            if isinstance(one, _Sweep):
                one.done.set_exception(closed)
            elif not isinstance(one, _Stop) and one[1].set_running_or_notify_cancel():
                one[1].set_exception(closed)


def _key(given: Input) -> str:
    """The input's key, made unique over all conversations.

    The event's own key comes first, since keys of hooks begin with the platform's growing requestId: neighbours in time
    are then neighbours in the table.
    """
    event = given.event
    if event is None or not event.key:
        return ""
    return f"{event.key} {given.conversation_id.bot_id} {given.conversation_id.user_id}"


def _because(message: str, error: Exception) -> LedgerError:
    failure = LedgerError(message)
    failure.__cause__ = error
    return failure
