"""The ledger on SQLite: opening a file for this process, and answering for what is in it."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from botkit.errors import LedgerClosed, LedgerError
from botkit.handoff.conversation import Conversation, ConversationId, Instant
from botkit.ledger.committer import Committer
from botkit.ledger.interface import Committed, Decide, HookBody, Input, OutboxItem
from botkit.ledger.lock import StoreLock
from botkit.ledger.store import Store, file_of

log = logging.getLogger(__name__)


class SqliteLedger:
    """See `interface.Ledger`. One process per file.

    Args:
        url: ``sqlite:///path``.
        decide: the rules; called in the ledger's thread only, one input after the other.
        lock_timeout_seconds: how long to wait for a process that is just going away to give the file free.
    """

    def __init__(self, url: str, decide: Decide, *, lock_timeout_seconds: float = 5.0) -> None:
        """Raises: LedgerError if the URL names no SQLite file."""
        self._path = file_of(url)
        self._decide = decide
        self._patience = lock_timeout_seconds
        self._lock = StoreLock(self._path.with_name(self._path.name + ".lock"))
        self._store: Store | None = None
        self._committer: Committer | None = None
        self.possible_duplicates = 0
        """Deliveries to users that were under way when the process before this one died: each may be shown twice."""

    def start(self, on_commit: Callable[[Sequence[Committed]], None]) -> None:
        """Open the store and begin taking inputs.

        Raises:
            LedgerBusy: another process holds the store.
            LedgerError: the store cannot be used.
        """
        if self._committer is not None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(lock_timeout_seconds=self._patience)
        except OSError as error:
            raise LedgerError(f"the store {self._path} cannot be created ({error.strerror})") from error
        try:
            self._store = Store(self._path)
            if not self._store.mark_started():
                self.possible_duplicates = self._store.heads_to_users()
            committer = Committer(self._store, self._decide, on_commit)
        except (SQLAlchemyError, sqlite3.Error) as error:
            self._release()
            what = f"the store {self._path.name} cannot be read ({type(error).__name__})"
            raise LedgerError(what) from error
        except LedgerError:
            self._release()
            raise
        committer.start()
        self._committer = committer

    def submit(self, given: Input) -> Future[Committed]:
        """See `interface.Ledger.submit`."""
        if self._committer is None:
            future: Future[Committed] = Future()
            future.set_exception(LedgerClosed("the ledger has not been started"))
            return future
        return self._committer.submit(given)

    def open_conversations(self) -> Sequence[Conversation]:
        """See `interface.Ledger.open_conversations`."""
        found = (stored.conversation for stored in self._started().remembered.all())
        return [conversation for conversation in found if conversation.open]

    def undelivered(self) -> Sequence[OutboxItem]:
        """See `interface.Ledger.undelivered`."""
        return self._opened().undelivered()

    def hook_of(self, item_id: int) -> HookBody | None:
        """See `interface.Ledger.hook_of`."""
        try:
            return self._opened().hook_of(item_id)
        except SQLAlchemyError as error:
            raise LedgerError("a hook in the store could not be read") from error

    def conversation(self, conversation_id: ConversationId) -> Conversation | None:
        """See `interface.Ledger.conversation`."""
        stored = self._started().remembered.get(conversation_id)
        return stored.conversation if stored is not None else None

    def newest_hook(self, conversation_id: ConversationId) -> HookBody | None:
        """See `interface.Ledger.newest_hook`."""
        at_hand = self.newest_hook_at_hand(conversation_id)
        if at_hand is not None:
            return at_hand
        try:
            return self._opened().newest_hook(conversation_id)
        except SQLAlchemyError as error:
            raise LedgerError("a payload in the store could not be read") from error

    def newest_hook_at_hand(self, conversation_id: ConversationId) -> HookBody | None:
        """See `interface.Ledger.newest_hook_at_hand`."""
        return self._started().payloads.get(conversation_id)

    def sweep(self, before: Instant) -> int:
        """See `interface.Ledger.sweep`. Blocks until it is done; hooks go on in between."""
        total = 0
        while (gone := self._started().sweep(before).result()) > 0:
            total += gone
        return total

    @property
    def file(self) -> Path:
        """The SQLite file."""
        return self._path

    @property
    def depth(self) -> int:
        """How many effects are written down and not done."""
        return self._committer.depth if self._committer is not None else 0

    def healthy(self) -> bool:
        """See `interface.Ledger.healthy`."""
        return self._committer is not None and self._committer.healthy()

    def close(self) -> None:
        """See `interface.Ledger.close`. Harmless when it was not started, or is closed already."""
        if self._committer is None or self._store is None:
            return
        self._committer.close()
        try:
            self._store.mark_stopped()
        except SQLAlchemyError as error:
            log.error("the store could not note the end of this process: %s", type(error).__name__)
        self._release()

    def _started(self) -> Committer:
        if self._committer is None:
            raise LedgerClosed("the ledger has not been started")
        return self._committer

    def _opened(self) -> Store:
        if self._store is None:
            raise LedgerClosed("the ledger has not been started")
        return self._store

    def _release(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
        self._lock.release()
