"""The ledger on SQLite: one thread decides and commits. Inputs that arrive during a commit share the next one."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import threading
from collections.abc import Callable, Container, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from botkit.errors import LedgerClosed, LedgerError
from botkit.handoff.conversation import Conversation, ConversationId, Instant
from botkit.handoff.events import FromAgents
from botkit.ledger.batch import Batch, in_order, unique_key
from botkit.ledger.doubts import marked, may_have_been_sent
from botkit.ledger.interface import Committed, Decide, HookBody, Input, Moves, OutboxItem
from botkit.ledger.memory import PayloadCache, Remembered
from botkit.ledger.receipts import FutureReceipt, Receipt
from botkit.ledger.sqlite import writing
from botkit.ledger.sqlite.checkpoints import Checkpoints, copy_log
from botkit.ledger.sqlite.lock import StoreLock
from botkit.ledger.sqlite.queries import SQL
from botkit.ledger.sqlite.store import Store, file_of
from botkit.ledger.sqlite.writing import KeysSeen
from botkit.ledger.telling import Telling
from botkit.ledger.waiting import Waiting
from botkit.observability.events import get_logger
from botkit.observability.tracebacks import where

_log = get_logger("botkit.ledger")

MAX_QUEUED = 20_000
"""Max inputs that wait for a commit; more are refused. It is reached only if the disk hangs."""
MAX_UNDELIVERED = 100_000
"""Max effects in the outbox; then hooks are refused, because the relay holds the effects in memory. It is reached only if a
target is down for long. A refused hook is not acknowledged, so the platform knows that it failed."""
MAX_IN_BATCH = 256
_PROBE_SECONDS = 1.0
_MAX_WHILE_SWEEPING = 2_000
_PAGES_OF_A_SWEEP = 200
_INPUTS_FAULT = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    ValueError,
    OverflowError,
)
"""Errors of an input whose values SQLite cannot store; all other errors of sqlite3 are the store's."""


@dataclass(frozen=True, slots=True)
class _Sweep:
    before: Instant
    stories_before: Instant | None
    done: Future[int]


class _CopyRest:
    """Asks for the end of a checkpoint."""


_Task = _Sweep | _CopyRest
_Queued = tuple[Input, Receipt[Committed]]


class SqliteLedger:
    """See `interface.Ledger`. One process per file.

    Args:
        url: ``sqlite:///path``.
        decide: the rules; called in the ledger's thread only, one input after the other.
        lock_timeout_seconds: max wait for a process that is just releasing the file.
    """

    def __init__(self, url: str, decide: Decide, *, lock_timeout_seconds: float = 5.0) -> None:
        """Raises: LedgerError if the URL names no SQLite file."""
        self.file = file_of(url)
        self.depth = 0
        """The number of effects in the outbox."""
        self._attempted: Container[int] | None = ()
        """The effects whose attempts had no answer when the former process stopped; None if it was killed."""
        self._last_of_former = 0
        self._leaves_in_doubt: set[int] | None = set()
        self._decide = decide
        self._lock_timeout_seconds = lock_timeout_seconds
        self._lock = StoreLock(self.file)
        self._remembered = Remembered()
        self._payloads = PayloadCache()
        self._waiting: Waiting[_Queued | _Task] = Waiting(check="its disk")
        self._committing = True
        self._telling = Telling()
        self._store: Store | None = None
        self._thread: threading.Thread | None = None

    # --- start and end -----------------------------------------------------------------------------------------------

    def start(self, on_commit: Callable[[Sequence[Committed]], None], moves: Moves | None = None) -> None:
        """Open the store and accept inputs. Has no effect on a ledger that was started before.

        Raises:
            LedgerBusy: another process holds the store.
            LedgerError: the store cannot be used.
        """
        if self._thread is not None:
            return
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(lock_timeout_seconds=self._lock_timeout_seconds)
        except OSError as error:
            raise LedgerError(f"the store {self.file} cannot be created ({error.strerror})") from error
        try:
            store = self._store = Store(self.file)
            self._attempted = store.mark_started()
            self._remembered = Remembered(store.remembered())
            self.depth = store.depth()
            self._last_of_former = store.last_id()
            self._ids = itertools.count(self._last_of_former + 1)
            self._writer = store.writer()
            self._checkpoints = Checkpoints(store.writer, self._ask_for_rest, pages=store.log_pages())
        except sqlite3.Error as error:
            self._release()
            what = f"the store {self.file.name} cannot be read ({type(error).__name__})"
            raise LedgerError(what) from error
        except LedgerError:
            self._release()
            raise
        self._on_commit = on_commit
        self._checkpoints.start()
        self._thread = threading.Thread(target=self._run, name="botkit-ledger", daemon=True)
        self._thread.start()

    def may_act(self) -> bool:
        """See `interface.Ledger.may_act`: no other process has the file."""
        return True

    def leave_in_doubt(self, effects: Mapping[int, ConversationId] | None = None) -> None:
        """See `interface.Ledger.leave_in_doubt`."""
        if effects is None:
            self._leaves_in_doubt = None
        elif self._leaves_in_doubt is not None:
            self._leaves_in_doubt |= effects.keys()

    def close(self) -> None:
        """See `interface.Ledger.close`. Has no effect on a ledger that was not started, or is closed already."""
        if self._thread is None or self._store is None:
            return
        self._waiting.close()
        self._thread.join()
        self._checkpoints.close()
        self._writer.close()
        if self._leaves_in_doubt is not None:
            try:
                self._store.mark_stopped(self._leaves_in_doubt)
            except sqlite3.Error as error:
                _log.error("clean_end_not_recorded", error=type(error).__name__)
        self._release()

    def _release(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
        self._lock.release()

    # --- inputs, from any thread ---------------------------------------------------------------------------------------

    def submit(self, input: Input) -> Future[Committed]:
        """See `interface.Ledger.submit`."""
        future: Future[Committed] = Future()
        if (refused := self._enqueue(input, FutureReceipt(future), loop=None)) is not None:
            future.set_exception(refused)
        return future

    def submit_then(self, input: Input, then: Callable[[Committed | Exception], None]) -> Callable[[], None]:
        """See `interface.Ledger.submit_then`."""
        receipt: Receipt[Committed] = Receipt(then)
        if (refused := self._enqueue(input, receipt, loop=asyncio._get_running_loop())) is not None:
            receipt.settle(refused)
        return receipt.drop

    def _enqueue(
        self, input: Input, receipt: Receipt[Committed], *, loop: asyncio.AbstractEventLoop | None
    ) -> LedgerError | None:
        """Queue an input, or return why it is not accepted. On a loop, it is decided on when the loop's turn has ended."""
        if self._thread is None:
            return _not_started()
        if input.hook is not None and self.depth >= MAX_UNDELIVERED and not self._waiting.closed:
            return LedgerError("the outbox is full; the log names the target")
        return self._waiting.admit((input, receipt), loop, at_most=MAX_QUEUED)

    def sweep(self, before: Instant, *, stories_before: Instant | None = None) -> int:
        """See `interface.Ledger.sweep`. Blocks until it is done; hooks are committed in between."""
        total = 0
        while (gone := self._sweep_some(before, stories_before).result()) > 0:
            total += gone
        return total

    def _sweep_some(self, before: Instant, stories_before: Instant | None) -> Future[int]:
        if self._thread is None:
            raise _not_started()
        sweep = _Sweep(before, stories_before, Future())
        if not self._waiting.put(sweep):
            raise LedgerClosed("the service is stopping")
        return sweep.done

    # --- reading, from any thread ----------------------------------------------------------------------------------------

    def healthy(self) -> bool:
        """See `interface.Ledger.healthy`."""
        alive = self._thread is not None and self._thread.is_alive()
        return alive and self._committing and self._telling.works

    def open_conversations(self) -> Sequence[Conversation]:
        """See `interface.Ledger.open_conversations`."""
        found = (stored.conversation for stored in self._memory().all())
        return [conversation for conversation in found if conversation.open]

    def conversation(self, conversation_id: ConversationId) -> Conversation | None:
        """See `interface.Ledger.conversation`."""
        stored = self._memory().get(conversation_id)
        return stored.conversation if stored is not None else None

    def undelivered(self) -> Sequence[OutboxItem]:
        """See `interface.Ledger.undelivered`."""
        items = self._opened().undelivered()
        if self._attempted is not None:
            return marked(items, attempted=self._attempted)
        former = [item for item in items if item.id <= self._last_of_former]
        return marked(items, perhaps=may_have_been_sent(former))

    def hook_of(self, item_id: int) -> HookBody | None:
        """See `interface.Ledger.hook_of`."""
        try:
            return self._opened().hook_of(item_id)
        except sqlite3.Error as error:
            raise LedgerError("a hook in the store could not be read") from error

    def hooks_of(self, item_ids: Sequence[int], max_bytes: int) -> Mapping[int, HookBody | None]:
        """See `interface.Ledger.hooks_of`."""
        try:
            return self._opened().hooks_of(item_ids, max_bytes)
        except sqlite3.Error as error:
            raise LedgerError("hooks in the store could not be read") from error

    def newest_hook(self, conversation_id: ConversationId) -> HookBody | None:
        """See `interface.Ledger.newest_hook`."""
        cached = self.cached_newest_hook(conversation_id)
        if cached is not None:
            return cached
        try:
            return self._opened().newest_hook(conversation_id)
        except sqlite3.Error as error:
            raise LedgerError("a payload in the store could not be read") from error

    def newest_hook_of(self, bot_id: str, user_id: str) -> tuple[ConversationId, HookBody] | None:
        """See `interface.Ledger.newest_hook_of`."""
        live = self._memory().live_of(bot_id, user_id)
        if live is not None and (hook := self.newest_hook(live)) is not None:
            return live, hook
        try:
            return self._opened().newest_hook_of(bot_id, user_id)
        except sqlite3.Error as error:
            raise LedgerError("a payload in the store could not be read") from error

    def cached_newest_hook(self, conversation_id: ConversationId) -> HookBody | None:
        """See `interface.Ledger.cached_newest_hook`."""
        self._memory()
        return self._payloads.get(conversation_id)

    def _memory(self) -> Remembered:
        if self._thread is None:
            raise _not_started()
        return self._remembered

    def _opened(self) -> Store:
        if self._store is None:
            raise _not_started()
        return self._store

    # --- in the ledger's thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._work()
        finally:
            self._refuse_queued()

    def _work(self) -> None:
        while len(self._waiting) or not self._waiting.closed:
            queued: list[_Queued] = []
            tasks: list[_Task] = []
            # A failing store is probed each second, also if nothing comes.
            for one in self._waiting.take(MAX_IN_BATCH, -1 if self._committing else _PROBE_SECONDS):
                if isinstance(one, tuple):
                    queued.append(one)
                else:
                    tasks.append(one)
            if queued:
                self._commit(queued)
            elif not self._committing:
                self._probe()
            for task in tasks:
                if isinstance(task, _Sweep):
                    self._sweep(task)
                else:
                    self._end_checkpoint()

    def _commit(self, queued: list[_Queued]) -> None:
        wanted = in_order([one for one in queued if one[1].begins()])
        try:
            self._commit_together(wanted)
        except _INPUTS_FAULT as error:
            # One input cannot be stored (half a surrogate pair, a number too large for SQLite) and must not fail the others.
            self._roll_back()
            _log.error("commit_not_writable", inputs=len(wanted), error=where(error))
            for one in wanted:
                self._commit_alone(one)

    def _commit_alone(self, one: _Queued) -> None:
        try:
            self._commit_together([one])
        except _INPUTS_FAULT as error:
            self._roll_back()
            one[1].settle(error)

    def _commit_together(self, wanted: Sequence[_Queued]) -> None:
        keys = [unique_key(input) for input, _ in wanted]
        try:
            # Hooks are rarely repeated, nor are events of a stream, which have a position: storing their keys tells. What the
            # agents' side lists is repeated often: it is looked up.
            listed = [
                key
                for (input, _), key in zip(wanted, keys, strict=True)
                if isinstance(input.event, FromAgents) and not input.event.position
            ]
            try:
                batch, outcomes, grown = self._write(wanted, keys, listed)
            except KeysSeen:
                self._writer.execute("ROLLBACK")
                batch, outcomes, grown = self._write(wanted, keys, keys)
        except _INPUTS_FAULT:
            raise
        except sqlite3.Error as error:
            self._fail([receipt for _, receipt in wanted], error)
            return
        self.depth += grown
        self._checkpoints.wrote(writing.pages(batch))
        batch.apply()
        for conversation_id, (hook, _) in batch.payloads.items():
            self._payloads.put(conversation_id, hook)
        self._committing = True
        told = [(input, receipt, outcome) for (input, receipt), outcome in zip(wanted, outcomes, strict=True)]
        self._telling.tell(told, self._on_commit)

    def _write(
        self, wanted: Sequence[_Queued], keys: Sequence[str], doubtful: Sequence[str]
    ) -> tuple[Batch, list[tuple[Committed, ...] | Exception], int]:
        """Decide on all inputs and write the consequences; the memory is unchanged.

        Args:
            wanted: the inputs.
            keys: their deduplication keys.
            doubtful: the keys to look up before. All others are assumed to be new.

        Returns:
            The batch, the outcome of each input, and the number of effects by which the outbox has grown.

        Raises:
            KeysSeen: a key that was assumed to be new was committed before. Nothing was written.
        """
        self._writer.execute("BEGIN IMMEDIATE")
        seen = writing.seen(self._writer, [key for key in doubtful if key])
        batch = Batch(self._decide, self._remembered, self._ids)
        outcomes: list[tuple[Committed, ...] | Exception] = []
        for (input, _), key in zip(wanted, keys, strict=True):
            try:
                outcomes.append(batch.decide(input, key, seen=key in seen, seen_with=seen.get(key)))
            except Exception as error:  # noqa: BLE001 - a defect in the rules: only this input fails
                outcomes.append(error)
        return batch, outcomes, writing.write(self._writer, batch)

    def _fail(self, receipts: list[Receipt[Committed]], error: sqlite3.Error) -> None:
        """The store failed: nothing of the transaction is durable, and the memory is unchanged."""
        self._committing = False
        _log.error("commit_failed", inputs=len(receipts), reason=str(error))
        self._roll_back()
        for receipt in receipts:
            receipt.settle(_because("the store did not commit; check its disk", error))

    def _roll_back(self) -> None:
        try:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
        except sqlite3.Error as error:
            self._committing = False
            _log.error("roll_back_failed", reason=str(error))

    def _probe(self) -> None:
        try:
            self._writer.execute(SQL["probe"])
        except sqlite3.Error as error:
            self._fail([], error)
        else:
            self._committing = True

    def _ask_for_rest(self) -> None:
        self._waiting.put(_CopyRest())

    def _end_checkpoint(self) -> None:
        try:
            copy_log(self._writer)
        except sqlite3.Error as error:
            _log.warning("checkpoint_failed", reason=str(error))

    def _sweep(self, sweep: _Sweep) -> None:
        store = self._opened()
        try:
            # Finding idle conversations scans the whole outbox: not while it is long.
            quiet = self.depth <= _MAX_WHILE_SWEEPING
            ended = store.ended_before(sweep.before) if quiet else []
            gone = store.forget(sweep.before, ended) if quiet else store.forget_keys(sweep.before)
            if sweep.stories_before is not None:
                gone += store.forget_steps(sweep.stories_before)
        except sqlite3.Error as error:
            sweep.done.set_exception(_because("the store could not be swept", error))
            return
        self._checkpoints.wrote(_PAGES_OF_A_SWEEP)
        for one in ended:
            self._remembered.put(one, None)
            self._payloads.drop(one)
        sweep.done.set_result(gone)

    def _refuse_queued(self) -> None:
        """The thread ends: fail everything that is still queued."""
        self._waiting.close()
        self._waiting.drop_all(_refuse)


def _refuse(one: _Queued | _Task) -> None:
    closed = LedgerClosed("the ledger has stopped")
    if isinstance(one, _Sweep):
        one.done.set_exception(closed)
    elif isinstance(one, tuple) and one[1].begins():
        one[1].settle(closed)


def _not_started() -> LedgerClosed:
    return LedgerClosed("the ledger has not been started")


def _because(message: str, error: Exception) -> LedgerError:
    failure = LedgerError(message)
    failure.__cause__ = error
    return failure
