"""The ledger on SQLite: one thread decides and commits. Inputs that arrive during a commit share the next one."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Container, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from botkit.errors import LedgerClosed, LedgerError
from botkit.handoff.conversation import Conversation, ConversationId, Instant
from botkit.ledger.batch import are_known
from botkit.ledger.clocks import ClockEra, Clocks
from botkit.ledger.doubts import marked, may_have_been_sent
from botkit.ledger.interface import Committed, Decide, HookBody, Input, Moves, OutboxItem
from botkit.ledger.receipts import Receipt, Submits
from botkit.ledger.sqlite.checkpoints import Checkpoints, copy_rest
from botkit.ledger.sqlite.committing import MAX_UNDELIVERED, Committing, Queued, because
from botkit.ledger.sqlite.forks import busy
from botkit.ledger.sqlite.lock import StoreLock
from botkit.ledger.sqlite.sharing.bell import Bell
from botkit.ledger.sqlite.sharing.log import Log
from botkit.ledger.sqlite.sharing.taking import Counts, Taking
from botkit.ledger.sqlite.store import Store, file_of
from botkit.ledger.sqlite.trouble import advice
from botkit.ledger.waiting import Waiting
from botkit.observability.events import get_logger

_log = get_logger("botkit.ledger")

MAX_QUEUED = 20_000
"""Max inputs that wait for a commit; more are refused. It is reached only if the disk hangs."""
MAX_IN_BATCH = 256
_PROBE_SECONDS = 1.0
_LOOK_SECONDS = 1.0
"""How often the leader looks for what followers have written down, should it not hear their bell."""
_MAX_WHILE_SWEEPING = 2_000
_PAGES_OF_A_SWEEP = 200


@dataclass(frozen=True, slots=True)
class _Sweep:
    before: Instant
    stories_before: Instant | None
    done: Future[int]


class _CopyRest:
    """Asks for the end of a checkpoint."""


_Task = _Sweep | _CopyRest


class SqliteLedger(Submits):
    """See `interface.Ledger`. One process per file.

    Args:
        url: ``sqlite:///path``.
        decide: the rules; called in the ledger's thread only, one input after the other.
        lock_timeout_seconds: max wait for a process that is just releasing the file.
        shared: what followers have in common with this process (`sharing.messages.shared_by`); empty if it accepts none.
    """

    def __init__(
        self, url: str, decide: Decide, *, lock_timeout_seconds: float = 5.0, shared: str = ""
    ) -> None:
        """Raises: LedgerError if the URL names no SQLite file."""
        self.file = file_of(url)
        self._attempted: Container[int] | None = ()
        """The effects whose attempts had no answer when the former process stopped; None if it was killed."""
        self._last_of_former = 0
        self._clocks = Clocks()
        self._leaves_in_doubt: set[int] | None = set()
        self._decide = decide
        self._lock_timeout_seconds = lock_timeout_seconds
        self._shared = shared
        self._bell: Bell | None = None
        self._log: Log | None = None
        self._lock = StoreLock(self.file)
        self._waiting: Waiting[Queued | _Task] = Waiting(check="its disk")
        self._commits: Committing | None = None
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
            self._attempted = store.mark_started(self._shared)
            self._last_of_former = store.last_id()
            self._clocks = store.clocks()
            self._writer = store.writer()
            if self._shared:
                self._log = Log(store.log_file, self._writer, gives_up=lambda: self._waiting.closed)
            self._checkpoints = Checkpoints(store.writer, self._ask_for_rest, pages=store.log_pages())
            wrote = self._checkpoints.wrote
            self._commits = Committing(
                store, self._writer, self._decide, on_commit=on_commit, wrote=wrote, log=self._log
            )
        except sqlite3.Error as error:
            self._release()
            what = f"the store {self.file.name} cannot be read ({error}): {advice(error, self.file)}"
            raise LedgerError(what) from error
        except LedgerError:
            self._release()
            raise
        self._checkpoints.start()
        self._thread = threading.Thread(target=self._run, name="botkit-ledger", daemon=True)
        self._thread.start()

    def take_from_followers(self, counts: Counts) -> None:
        """Decide on what followers write down, and on what those of a former process have left. The relay has to run.

        Args:
            counts: the metrics of all processes.

        Raises:
            LedgerError: followers could not be heard.
        """
        if self._shared:
            self._bell = Bell(self.file.resolve(), self._waiting.ring)
        self._committing().taking = Taking(counts)
        self._waiting.ring()

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
        if self._bell is not None:
            self._bell.close()
        self._checkpoints.close()
        if self._log is not None:
            self._log.close()
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

    def _submit(
        self, input: Input, receipt: Receipt[Committed], loop: asyncio.AbstractEventLoop | None
    ) -> LedgerError | None:
        commits = self._commits
        if commits is None:
            return _not_started()
        if input.hook is not None and commits.depth >= MAX_UNDELIVERED and not self._waiting.closed:
            return LedgerError("the outbox is full; the log names the target")
        return self._waiting.admit((input, receipt), loop, at_most=MAX_QUEUED, may_wait=input.may_wait)

    def hurry(self) -> None:
        """See `interface.Ledger.hurry`."""
        self._waiting.hurry()

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

    @property
    def depth(self) -> int:
        """The number of effects in the outbox."""
        return self._commits.depth if self._commits is not None else 0

    def healthy(self) -> bool:
        """See `interface.Ledger.healthy`."""
        alive = self._thread is not None and self._thread.is_alive()
        return alive and self._commits is not None and self._commits.healthy

    def open_conversations(self) -> Sequence[Conversation]:
        """See `interface.Ledger.open_conversations`."""
        found = (stored.conversation for stored in self._committing().remembered.all())
        return [conversation for conversation in found if conversation.open]

    def conversation(self, conversation_id: ConversationId) -> Conversation | None:
        """See `interface.Ledger.conversation`."""
        stored = self._committing().remembered.get(conversation_id)
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
        return self._opened().hook_of(item_id)

    def hooks_of(self, item_ids: Sequence[int], max_bytes: int) -> Mapping[int, HookBody | None]:
        """See `interface.Ledger.hooks_of`."""
        return self._opened().hooks_of(item_ids, max_bytes)

    def are_known(self, inputs: Sequence[Input]) -> Sequence[bool]:
        """See `interface.Ledger.are_known`."""
        return are_known(inputs, self._opened().seen)

    def newest_hook(self, conversation_id: ConversationId) -> HookBody | None:
        """See `interface.Ledger.newest_hook`."""
        cached = self.cached_newest_hook(conversation_id)
        if cached is not None:
            return cached
        return self._opened().newest_hook(conversation_id)

    def newest_hook_of(self, bot_id: str, user_id: str) -> tuple[ConversationId, HookBody] | None:
        """See `interface.Ledger.newest_hook_of`."""
        live = self._committing().remembered.live_of(bot_id, user_id)
        if live is not None and (hook := self.newest_hook(live)) is not None:
            return live, hook
        return self._opened().newest_hook_of(bot_id, user_id)

    def cached_newest_hook(self, conversation_id: ConversationId) -> HookBody | None:
        """See `interface.Ledger.cached_newest_hook`."""
        return self._committing().payloads.get(conversation_id)

    def clocks(self) -> Clocks:
        """See `interface.Ledger.clocks`. As the store was when it was opened."""
        return self._clocks

    def note_clocks(self, eras: Sequence[ClockEra]) -> None:
        """See `interface.Ledger.note_clocks`."""
        try:
            self._opened().note_clocks(eras)
        except sqlite3.Error as error:
            raise because("the store did not commit; check its disk", error) from error

    def _opened(self) -> Store:
        if self._store is None:
            raise _not_started()
        return self._store

    def _committing(self) -> Committing:
        if self._commits is None:
            raise _not_started()
        return self._commits

    # --- in the ledger's thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._work()
        finally:
            self._refuse_queued()

    def _work(self) -> None:
        commits = self._committing()
        # It asks in this order, as something may come in the moment before the close.
        while not self._waiting.closed or len(self._waiting):
            queued: list[Queued] = []
            tasks: list[_Task] = []
            for one in self._waiting.take(MAX_IN_BATCH, self._patience(commits)):
                if isinstance(one, tuple):
                    queued.append(one)
                else:
                    tasks.append(one)
            with busy:
                if queued or commits.taking is not None:
                    commits.commit(queued)
                if not queued and not commits.works:
                    commits.probe()
                for task in tasks:
                    if isinstance(task, _Sweep):
                        self._sweep(task)
                    else:
                        self._end_checkpoint()

    def _patience(self, commits: Committing) -> float:
        """How long the thread waits for something to do. A failing store is probed, also if nothing comes."""
        if not commits.works:
            return _PROBE_SECONDS
        return _LOOK_SECONDS if self._shared else -1

    def _ask_for_rest(self) -> None:
        self._waiting.put(_CopyRest())

    def _end_checkpoint(self) -> None:
        try:
            copy_rest(self._writer)
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
            sweep.done.set_exception(because("the store could not be swept", error))
            return
        self._checkpoints.wrote(_PAGES_OF_A_SWEEP)
        commits = self._committing()
        for one in ended:
            commits.remembered.put(one, None)
            commits.payloads.drop(one)
        sweep.done.set_result(gone)

    def _refuse_queued(self) -> None:
        """The thread ends: fail everything that is still queued."""
        self._waiting.close()
        self._waiting.drop_all(_refuse)


def _refuse(one: Queued | _Task) -> None:
    closed = LedgerClosed("the ledger has stopped")
    if isinstance(one, _Sweep):
        one.done.set_exception(closed)
    elif isinstance(one, tuple) and one[1].begins():
        one[1].settle(closed)


def _not_started() -> LedgerClosed:
    return LedgerClosed("the ledger has not been started")
