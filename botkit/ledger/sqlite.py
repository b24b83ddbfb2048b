"""The ledger on SQLite: one thread decides and commits; everything that arrived meanwhile shares the next commit."""

from __future__ import annotations

import itertools
import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

from sqlalchemy.exc import SQLAlchemyError

from botkit.errors import LedgerClosed, LedgerError
from botkit.handoff.conversation import Conversation, ConversationId, Instant
from botkit.ledger import statements
from botkit.ledger.batch import Batch
from botkit.ledger.interface import Committed, Decide, HookBody, Input, OutboxItem
from botkit.ledger.lock import StoreLock
from botkit.ledger.memory import Remembered
from botkit.ledger.payloads import PayloadCache
from botkit.ledger.store import Store, file_of
from botkit.traces import where

log = logging.getLogger(__name__)

MOST_QUEUED = 20_000
"""More inputs than this wait only when the disk has stopped; refusing is then better than growing."""
MOST_IN_BATCH = 256
_PROBE_SECONDS = 1.0
_NOT_THE_STORES_FAULT = (sqlite3.Error, ValueError, OverflowError)
"""What writing raises for a value SQLite cannot take; its own troubles are OperationalErrors, caught before."""


@dataclass(frozen=True, slots=True)
class _Sweep:
    before: Instant
    done: Future[int]


class _Stop:
    """Ends the ledger's thread when everything before it is done."""


_Queued = tuple[Input, Future[Committed]]


class SqliteLedger:
    """See `interface.Ledger`. One process per file.

    Args:
        url: ``sqlite:///path``.
        decide: the rules; called in the ledger's thread only, one input after the other.
        patience_seconds: how long to wait for a process that is just going away to give the file free.
    """

    def __init__(self, url: str, decide: Decide, *, patience_seconds: float = 5.0) -> None:
        """Raises: LedgerError if the URL names no SQLite file."""
        self._path: Path = file_of(url)
        self._decide = decide
        self._patience = patience_seconds
        self._lock = StoreLock(self._path.with_name(self._path.name + ".lock"))
        self._queue: SimpleQueue[_Queued | _Sweep | _Stop] = SimpleQueue()
        self._door = threading.Lock()
        self._open = False
        self._healthy = False
        self._remembered = Remembered()
        self._payloads = PayloadCache()
        self._on_commit: Callable[[Sequence[Committed]], None] = lambda _: None
        self._thread: threading.Thread | None = None
        self._store: Store | None = None
        self._writer: sqlite3.Connection | None = None
        self.depth = 0
        """How many effects are written down and not done."""
        self.uncertain = 0
        """Deliveries to users that were under way when the process before this one died: each may be shown twice."""

    def start(self, on_commit: Callable[[Sequence[Committed]], None]) -> None:
        """Open the store and begin taking inputs.

        Raises:
            LedgerBusy: another process holds the store.
            LedgerError: the store cannot be used.
        """
        if self._thread is not None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(patience_seconds=self._patience)
        except OSError as error:
            raise LedgerError(f"the store {self._path} cannot be created ({error.strerror})") from error
        try:
            self._store = Store(self._path)
            if not self._store.mark_started():
                self.uncertain = self._store.heads_to_users()
            self._remembered = Remembered(self._store.remembered())
            self.depth = self._store.depth()
            self._ids = itertools.count(self._store.last_id() + 1)
            self._writer = self._store.writer()
        except (SQLAlchemyError, sqlite3.Error) as error:
            self._release()
            raise LedgerError(
                f"the store {self._path.name} cannot be read ({type(error).__name__})"
            ) from error
        except LedgerError:
            self._release()
            raise
        self._on_commit = on_commit
        self._healthy = True
        self._open = True
        self._thread = threading.Thread(target=self._run, name="botkit-ledger", daemon=True)
        self._thread.start()

    def submit(self, given: Input) -> Future[Committed]:
        """See `interface.Ledger.submit`."""
        future: Future[Committed] = Future()
        with self._door:
            if not self._open:
                future.set_exception(LedgerClosed("the service is stopping; send it again later"))
            elif self._queue.qsize() > MOST_QUEUED:
                future.set_exception(LedgerError("the store does not keep up; look at the disk it is on"))
            else:
                self._queue.put((given, future))
        return future

    def open_conversations(self) -> Sequence[Conversation]:
        """See `interface.Ledger.open_conversations`."""
        return [
            stored.conversation
            for stored in self._remembered.all()
            if stored.conversation.session is not None
        ]

    def undelivered(self) -> Sequence[OutboxItem]:
        """See `interface.Ledger.undelivered`."""
        return self._opened().undelivered()

    def conversation(self, conversation_id: ConversationId) -> Conversation | None:
        """See `interface.Ledger.conversation`."""
        stored = self._remembered.get(conversation_id)
        return stored.conversation if stored is not None else None

    def newest_hook(self, conversation_id: ConversationId) -> HookBody | None:
        """See `interface.Ledger.newest_hook`."""
        return self._payloads.get(conversation_id) or self._opened().newest_hook(conversation_id)

    def sweep(self, before: Instant) -> int:
        """See `interface.Ledger.sweep`. Blocks until it is done; hooks go on in between."""
        total = 0
        while True:
            sweep = _Sweep(before, Future())
            with self._door:
                if not self._open:
                    raise LedgerClosed("the service is stopping")
                self._queue.put(sweep)
            gone = sweep.done.result()
            total += gone
            if gone == 0:
                return total

    def healthy(self) -> bool:
        """See `interface.Ledger.healthy`."""
        thread = self._thread
        return self._healthy and thread is not None and thread.is_alive()

    def close(self) -> None:
        """See `interface.Ledger.close`. Harmless when it was not started, or is closed already."""
        with self._door:
            was_open, self._open = self._open, False
            if was_open:
                self._queue.put(_Stop())
        if not was_open or self._thread is None:
            return
        self._thread.join()
        try:
            self._opened().mark_stopped()
        except SQLAlchemyError as error:
            log.error("the store could not note the end of this process: %s", type(error).__name__)
        self._release()

    # --- the ledger's thread ---------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._work()
        finally:
            self._turn_away()

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
            elif not self._healthy:
                self._probe()
            for sweep in sweeps:
                self._sweep(sweep)

    def _drain(self) -> list[_Queued | _Sweep | _Stop]:
        """Everything that waits, at least one, except that an unhealthy store is tried again after a while."""
        try:
            first = self._queue.get(timeout=None if self._healthy else _PROBE_SECONDS)
        except Empty:
            return []
        get = self._queue.get
        return [first, *(get() for _ in range(min(self._queue.qsize(), MOST_IN_BATCH - 1)))]

    def _commit(self, queued: list[_Queued]) -> None:
        wanted = [one for one in queued if one[1].set_running_or_notify_cancel()]
        try:
            self._commit_together(wanted)
        except _NOT_THE_STORES_FAULT as error:
            # One of them cannot be written at all (half a character, a number beyond SQLite's) and must not take
            # the others along.
            self._roll_back()
            log.error("a commit of %d inputs is not writable: %s", len(wanted), where(error))
            for one in wanted:
                self._commit_alone(one)

    def _commit_alone(self, one: _Queued) -> None:
        try:
            self._commit_together([one])
        except _NOT_THE_STORES_FAULT as error:
            self._roll_back()
            one[1].set_exception(error)

    def _commit_together(self, wanted: list[_Queued]) -> None:
        writer = self._connection()
        keys = [_key(given) for given, _ in wanted]
        batch = Batch(self._decide, self._remembered, self._ids)
        done: list[tuple[Future[Committed], Committed]] = []
        failed: list[tuple[Future[Committed], Exception]] = []
        news: list[Committed] = []
        try:
            seen = statements.seen(writer, [key for key in keys if key])
            for (given, future), key in zip(wanted, keys, strict=True):
                try:
                    committed = batch.take(given, key, seen=key in seen)
                    done.append((future, committed))
                    if given.event is not None and not committed.duplicate:
                        news.append(committed)
                except Exception as error:  # noqa: BLE001 - the rules' own mistake: that input alone fails, and says so
                    log.error("the rules failed on a %s: %s", type(given.event).__name__, where(error))
                    failed.append((future, error))
            self.depth += batch.write(writer)
        except sqlite3.OperationalError as error:
            self._give_up([future for _, future in wanted], error)
            return
        batch.apply()
        for conversation_id, (hook, _) in batch.payloads.items():
            self._payloads.put(conversation_id, hook)
        self._healthy = True
        for future, committed in done:
            future.set_result(committed)
        for future, mistake in failed:
            future.set_exception(mistake)
        self._tell(news)

    def _give_up(self, futures: list[Future[Committed]], error: sqlite3.Error) -> None:
        """The store is in trouble: nothing of the transaction is durable, and memory is as it was."""
        self._healthy = False
        log.error("the store did not commit %d inputs: %s", len(futures), error)
        self._roll_back()
        for future in futures:
            future.set_exception(_because("the store did not commit; look at its disk", error))

    def _roll_back(self) -> None:
        writer = self._connection()
        try:
            if writer.in_transaction:
                writer.execute("ROLLBACK")
        except sqlite3.Error as error:
            self._healthy = False
            log.error("the store could not roll back: %s", error)

    def _tell(self, committed: list[Committed]) -> None:
        if not committed:
            return
        try:
            self._on_commit(committed)
        except Exception as error:  # noqa: BLE001 - the inputs are durable; the listener's mistake must not stop the hooks
            log.error("the listener to commits failed, its effects wait for the next start: %s", where(error))

    def _probe(self) -> None:
        writer = self._connection()
        try:
            statements.probe(writer)
            self._healthy = True
        except sqlite3.Error as error:
            self._give_up([], error)

    def _sweep(self, sweep: _Sweep) -> None:
        store = self._opened()
        try:
            ended = store.ended_before(sweep.before)
            gone = store.forget(sweep.before, ended)
        except SQLAlchemyError as error:
            sweep.done.set_exception(_because("the store could not be swept", error))
            return
        for one in ended:
            self._remembered.put(one, None)
        sweep.done.set_result(gone)

    def _connection(self) -> sqlite3.Connection:
        if self._writer is None:
            raise LedgerClosed("the ledger has not been started")
        return self._writer

    def _opened(self) -> Store:
        if self._store is None:
            raise LedgerClosed("the ledger has not been started")
        return self._store

    def _release(self) -> None:
        if self._writer is not None:
            self._writer.close()
        if self._store is not None:
            self._store.close()
        self._lock.release()


def _key(given: Input) -> str:
    """The input's key, made unique over all conversations. The event's own key comes first, since keys of hooks begin with the
    platform's growing requestId: neighbours in time are then neighbours in the table."""
    event = given.event
    if event is None or not event.key:
        return ""
    return f"{event.key} {given.conversation_id.bot_id} {given.conversation_id.user_id}"


def _because(message: str, error: Exception) -> LedgerError:
    failure = LedgerError(message)
    failure.__cause__ = error
    return failure
