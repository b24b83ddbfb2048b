"""A follower of the process that holds an SQLite store: it writes its inputs down for the leader, those of one moment in one row.

That is one statement, so the store is locked only while SQLite writes them. They are synced afterwards, and then acknowledged.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from botkit.errors import LeaderLost, LedgerBusy, LedgerClosed, LedgerError
from botkit.handoff.conversation import Conversation, ConversationId
from botkit.handoff.events import HookAnswered
from botkit.ledger.interface import Committed, HookBody, Input
from botkit.ledger.receipts import FutureReceipt, Receipt, Submits
from botkit.ledger.rows import input_to_bytes
from botkit.ledger.sqlite.committing import because
from botkit.ledger.sqlite.forks import busy
from botkit.ledger.sqlite.lock import is_held
from botkit.ledger.sqlite.migrations import MIGRATIONS, version_of
from botkit.ledger.sqlite.queries import SQL
from botkit.ledger.sqlite.sharing.bell import ring
from botkit.ledger.sqlite.sharing.log import Log
from botkit.ledger.sqlite.sharing.messages import Counted, MetricsWanted, Submitted, encode
from botkit.ledger.sqlite.store import Store
from botkit.ledger.sqlite.trouble import advice
from botkit.ledger.waiting import Waiting
from botkit.observability.events import get_logger

_log = get_logger("botkit.ledger")

MAX_IN_BATCH = 256
MAX_QUEUED = 20_000
MAX_UNDECIDED = 20_000
"""Max rows that wait for the leader; then inputs are refused. It is reached only if the leader hangs."""
STUCK_SECONDS = 5.0
"""A row that waits for so long tells that there is no leader, or that it hangs."""
_ANSWER_SECONDS = 12.0
"""After that, nobody waits for an answer any more."""
_LOOK_SECONDS = 0.01
"""How often it looks for an answer while one is awaited."""
_IDLE_SECONDS = 1.0


@dataclass(slots=True, eq=False)
class _Given:
    """An encoded message. Its receipt is told what `read` makes of the answer with its `token`, or of none once it is durable."""

    data: bytes
    receipt: Receipt[Any]
    token: str = ""
    read: Callable[[bytes], Any] = bytes
    deadline: float = 0.0


class Follower(Submits):
    """Follows the leader of the store in `file`, with which it has `shared` in common (`messages.shared_by`), until `close`."""

    outbox_depth = open_sessions = 0
    """The leader has all of them."""

    def __init__(self, file: Path, *, shared: str) -> None:
        """Raises: LedgerBusy if the leader does not share the store with this process; LedgerError if it cannot be used."""
        if not is_held(file):
            raise LedgerBusy(
                "the process that holds the store has just gone, or uses another name of its file"
            )
        self._file = file.resolve()
        self._shared = shared
        self._store = Store(file, prepare=_require_this_version)
        self._waiting: Waiting[_Given] = Waiting(check="its disk")
        self._awaited: dict[str, _Given] = {}
        self._counted = Counted([], [])
        self._counting = threading.Lock()
        self._works = True
        self._oldest: tuple[int | None, float] = None, 0.0
        """The oldest row that the leader has not taken, and the time since when it has been the oldest."""
        try:
            if self._store.shared() != shared:
                raise _not_shared()
            self._writer = self._store.writer()
            self._log = Log(self._store.log_file, self._writer, gives_up=lambda: self._waiting.closed)
        except (sqlite3.Error, LedgerError) as error:
            self._store.close()
            raise because(f"the store {file} cannot be used ({error})", error) from error
        self._thread = threading.Thread(target=self._run, name="botkit-follower", daemon=True)
        self._thread.start()

    def ready(self) -> dict[str, bool]:
        """Whether inputs become durable, and the leader takes them."""
        row, since = self._oldest
        taken = row is None or time.monotonic() - since < STUCK_SECONDS
        return {"store": self._works and self._log.durable, "relay": taken}

    @property
    def counts(self) -> Follower:
        """It implements `Counts`: the leader keeps the metrics of all processes."""
        return self

    def newest_hook(self, conversation_id: ConversationId) -> HookBody | None:
        """See `interface.Ledger.newest_hook`."""
        return self._store.newest_hook(conversation_id)

    def newest_hook_of(self, bot_id: str, user_id: str) -> tuple[ConversationId, HookBody] | None:
        """See `interface.Ledger.newest_hook_of`."""
        live = self._store.live_conversation_of(bot_id, user_id)
        if live is not None and (hook := self._store.newest_hook(live)) is not None:
            return live, hook
        return self._store.newest_hook_of(bot_id, user_id)

    def close(self) -> None:
        """Write down what is queued, then stop."""
        self._waiting.close()
        self._thread.join()
        self._log.close()
        self._writer.close()
        self._store.close()

    def hook(self, event: str, status: int, seconds: float) -> None:
        """See `Counts`. Counts are lost if they cannot be written down."""
        with self._counting:
            self._counted.hooks.append((event, status, seconds))

    def duplicate(self) -> None:
        """See `Counts`. Nothing is counted here: the leader knows the duplicates."""

    def handled(self, event: str, handler: str, outcome: str) -> None:
        """See `Counts`."""
        with self._counting:
            self._counted.handlers.append((event, handler, outcome))

    def exposition(self, *, openmetrics: bool = False) -> bytes:
        """See `Telemetry.exposition`. Raises: LedgerError if the leader does not answer."""
        future: Future[bytes] = Future()
        token = uuid4().hex
        given = _Given(encode(MetricsWanted(token, openmetrics)), FutureReceipt(future), token)
        if (refused := self._waiting.admit(given, at_most=MAX_QUEUED)) is not None:
            raise refused
        return future.result()

    def _submit(
        self, input: Input, receipt: Receipt[Committed], loop: asyncio.AbstractEventLoop | None
    ) -> Exception | None:
        event = input.event
        if event is None:
            raise TypeError("only the leader's relay submits inputs without an event")
        token = uuid4().hex if isinstance(event, HookAnswered) else ""
        empty = Conversation(input.conversation_id)
        try:
            data = encode(Submitted(input_to_bytes(input, event), input.hook, token))
        except Exception as error:  # noqa: BLE001 - an event that cannot be encoded: only this input fails
            return error
        given = _Given(
            data, receipt, token, lambda refused: Committed(empty, (), (), refused=refused.decode())
        )
        return self._waiting.admit(given, loop, at_most=MAX_QUEUED)

    # --- in the follower's thread --------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._waiting.closed or (self._works and len(self._waiting)):
                queued = self._waiting.take(MAX_IN_BATCH, _LOOK_SECONDS if self._awaited else _IDLE_SECONDS)
                with busy:
                    self._commit([one for one in queued if one.receipt.begins()])
                    if self._awaited:
                        self._look()
        finally:
            self._waiting.close()
            closed = LedgerClosed("the kit has been closed")
            self._waiting.drop_all(lambda one: one.receipt.settle(closed) if one.receipt.begins() else None)
            for one in self._awaited.values():
                one.receipt.settle(closed)

    def _commit(self, given: list[_Given]) -> None:
        try:
            self._write([one.data for one in given])
            if given:
                self._log.sync()
                self._store.require_file()
        except (LedgerError, sqlite3.Error) as error:
            if self._works:
                fix = {"fix": advice(error, self._file)} if isinstance(error, sqlite3.Error) else {}
                _log.error("commit_failed", inputs=len(given), reason=str(error), **fix)
            self._works = False
            failure = because(
                "the store did not commit; check its disk, and whether one of its processes is stopped", error
            )
            for one in given:
                one.receipt.settle(failure)
            return
        self._works = True
        for one in given:
            if one.token:
                one.deadline = time.monotonic() + _ANSWER_SECONDS
                self._awaited[one.token] = one
            else:
                one.receipt.settle(one.read(b""))

    def _write(self, messages: list[bytes]) -> None:
        """Write messages down, behind what was counted. Without any, find out whether all is well again."""
        oldest, rows = self._writer.execute(SQL["undecided"]).fetchone()
        if oldest != self._oldest[0]:
            self._oldest = oldest, time.monotonic()
        if rows is not None and rows > MAX_UNDECIDED:
            raise LedgerError("the process that holds the store takes no inputs: is it stopped?")
        with self._counting:
            counted, self._counted = self._counted, Counted([], [])
        if counted.hooks or counted.handlers:
            messages = [encode(counted), *messages]
        if messages:
            array = b"\xdd" + len(messages).to_bytes(4, "big") + b"".join(messages)  # In MessagePack.
            if not self._writer.execute(SQL["insert_inputs"], (array, self._shared)).rowcount:
                raise _not_shared()
            ring(self._file)
        elif not self._works:
            self._writer.execute(SQL["probe"])

    def _look(self) -> None:
        """Look for answers of the leader."""
        found: dict[str, bytes] = {}
        try:
            found.update(self._writer.execute(SQL["answers"], (json.dumps(list(self._awaited)),)))
            if found:
                self._log.sync()  # The leader may not have done so yet.
        except (sqlite3.Error, LedgerError) as error:
            _log.error("answers_not_read", reason=str(error))
            return
        now = time.monotonic()
        for token, one in list(self._awaited.items()):
            if token in found:
                one.receipt.settle(one.read(found[token]))
            elif now > one.deadline:
                one.receipt.settle(LeaderLost("the process that holds the store has not answered in time"))
            else:
                continue
            del self._awaited[token]


def _not_shared() -> LedgerBusy:
    return LedgerBusy(
        "another process holds the store and does not share it with this one: it has another configuration, is of another "
        "version, or does not share at all (`botkit serve` does not); give this one its own store.url"
    )


def _require_this_version(connection: sqlite3.Connection) -> None:
    if version_of(connection) != len(MIGRATIONS):
        raise LedgerBusy("another process holds the store, and is of another version or just starting")
