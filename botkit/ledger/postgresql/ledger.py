"""`PostgresLedger`: the ledger of one of any number of processes on one PostgreSQL database."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import get_args
from uuid import uuid4

from botkit.errors import LedgerClosed, LedgerError
from botkit.handoff.conversation import Conversation, ConversationId, Instant
from botkit.handoff.events import SubmittedEvent
from botkit.ledger.batch import are_known
from botkit.ledger.clocks import ClockEra, Clocks
from botkit.ledger.interface import Committed, Decide, HookBody, Input, Moves, OutboxItem
from botkit.ledger.memory import PayloadCache
from botkit.ledger.postgresql import reading
from botkit.ledger.postgresql.awaited import Awaited
from botkit.ledger.postgresql.database import FsyncIsOff
from botkit.ledger.postgresql.door import Door
from botkit.ledger.postgresql.owner import Owner
from botkit.ledger.postgresql.readers import Readers
from botkit.ledger.postgresql.server import prepare
from botkit.ledger.receipts import Receipt, Submits

_SUBMITTED = get_args(SubmittedEvent)
MAX_UNDELIVERED = 100_000
"""Max effects of this process' shards; then hooks are refused, because the relay holds the effects in memory."""


class PostgresLedger(Submits):
    """See `interface.Ledger`. Any number of processes per database; each owns some of the conversations.

    Args:
        url: ``postgresql://user:password@host/database``.
        decide: the rules; called in the owner's thread only, one input after the other.
        direct_url: the same database without a pooler in between.
    """

    def __init__(self, url: str, decide: Decide, *, direct_url: str = "") -> None:
        self._url = url
        self._direct_url = direct_url
        direct, pooled = direct_url or url, bool(direct_url)
        self._local: dict[int, tuple[int, Input]] = {}
        self._payloads = PayloadCache()
        self._readers = Readers(url, pooled=pooled)
        self._awaited = Awaited(self._readers.lent)
        self._owner = Owner(
            direct,
            member=f"{socket.gethostname()[:20]}/{os.getpid()}/{uuid4().hex[:6]}",
            decide=decide,
            local=self._local,
            payloads=self._payloads,
            awaited=self._awaited,
        )
        self._door = Door(url, pooled=pooled, taken=self._taken, answers=self._awaited.add)
        self._started = self._closed = False
        self._lock = threading.Lock()

    # --- start and end -----------------------------------------------------------------------------------------------

    def start(self, on_commit: Callable[[Sequence[Committed]], None], moves: Moves | None = None) -> None:
        """See `interface.Ledger.start`. Raises: LedgerError if the database cannot be used."""
        if self._started:
            return
        prepare(self._url, self._direct_url)
        self._started = True
        self._readers.start()
        try:
            self._owner.start(on_commit, moves)
        except LedgerError:
            self._started = False
            self._readers.close()
            raise
        self._door.start()

    def leave_in_doubt(self, effects: Mapping[int, ConversationId] | None = None) -> None:
        """See `interface.Ledger.leave_in_doubt`."""
        self._owner.leave_in_doubt(effects)

    def close(self) -> None:
        """See `interface.Ledger.close`. The shards are free for other processes at once."""
        with self._lock:
            if not self._started or self._closed:
                return
            self._closed = True
        self._door.close()
        self._owner.close()
        self._awaited.close()
        self._readers.close()

    # --- inputs, from any thread ---------------------------------------------------------------------------------------

    def _submit(
        self, input: Input, receipt: Receipt[Committed], loop: asyncio.AbstractEventLoop | None
    ) -> LedgerError | None:
        if not self._started:
            return LedgerClosed("the ledger has not been started")
        if input.completes or not isinstance(input.event, _SUBMITTED):
            return self._owner.submit(input, receipt, loop)
        if input.hook is not None and self.depth >= MAX_UNDELIVERED:
            return LedgerError("the outbox is full; the log names the target")
        if not self._owner.is_durable:
            return FsyncIsOff()
        if self._owner.refused is not None:
            return self._owner.refused  # Nobody would decide on it.
        return self._door.submit(input, receipt, loop)

    def hurry(self) -> None:
        """See `interface.Ledger.hurry`."""
        self._owner.hurry()

    def _taken(self, inputs: Mapping[int, tuple[int, Input]]) -> None:
        """The door has written inputs down: those of this process' shards need not be read again."""
        shards = self._owner.shards
        self._local.update((row, one) for row, one in inputs.items() if one[0] in shards)

    # --- reading, from any thread ----------------------------------------------------------------------------------------

    @property
    def depth(self) -> int:
        """The number of effects in this process' shards that are not done."""
        return self._owner.depth

    def healthy(self) -> bool:
        """See `interface.Ledger.healthy`."""
        return self._started and not self._closed and self._owner.healthy() and self._door.working

    def may_act(self) -> bool:
        """See `interface.Ledger.may_act`."""
        return self._owner.may_act()

    def undelivered(self) -> Sequence[OutboxItem]:
        """Nothing: everything comes by `Moves.gain`."""
        return ()

    def open_conversations(self) -> Sequence[Conversation]:
        """Those of this process' shards."""
        found = (stored.conversation for stored in self._owner.remembered.all())
        return [conversation for conversation in found if conversation.open]

    def conversation(self, conversation_id: ConversationId) -> Conversation | None:
        """See `interface.Ledger.conversation`. None for one of another process."""
        stored = self._owner.remembered.get(conversation_id)
        return stored.conversation if stored is not None else None

    def hook_of(self, item_id: int) -> HookBody | None:
        """See `interface.Ledger.hook_of`."""
        with self._readers.lent() as connection:
            return reading.hooks_of(connection, [item_id]).get(item_id)

    def hooks_of(self, item_ids: Sequence[int], max_bytes: int) -> Mapping[int, HookBody | None]:
        """See `interface.Ledger.hooks_of`."""
        with self._readers.lent() as connection:
            return reading.first_hooks_of(connection, item_ids, max_bytes)

    def are_known(self, inputs: Sequence[Input]) -> Sequence[bool]:
        """See `interface.Ledger.are_known`."""
        with self._readers.lent() as connection:
            return are_known(inputs, partial(reading.seen, connection))

    def newest_hook(self, conversation_id: ConversationId) -> HookBody | None:
        """See `interface.Ledger.newest_hook`."""
        if (cached := self.cached_newest_hook(conversation_id)) is not None:
            return cached
        with self._readers.lent() as connection:
            return reading.newest_hook(connection, conversation_id)

    def newest_hook_of(self, bot_id: str, user_id: str) -> tuple[ConversationId, HookBody] | None:
        """See `interface.Ledger.newest_hook_of`."""
        with self._readers.lent() as connection:
            return reading.newest_hook_of(connection, bot_id, user_id)

    def cached_newest_hook(self, conversation_id: ConversationId) -> HookBody | None:
        """See `interface.Ledger.cached_newest_hook`."""
        return self._payloads.get(conversation_id) if self._owner.owns(conversation_id) else None

    def clocks(self) -> Clocks:
        """See `interface.Ledger.clocks`."""
        with self._readers.lent() as connection:
            return Clocks(server_ahead=reading.server_ahead(connection))

    def note_clocks(self, eras: Sequence[ClockEra]) -> None:
        """Nothing: shards go to processes on other machines."""

    def sweep(self, before: Instant, *, stories_before: Instant | None = None) -> int:
        """See `interface.Ledger.sweep`. Conversations of this process' shards; keys, payloads and stories of all."""
        total = 0
        while True:
            gone = self._owner.sweep(before).result()
            with self._readers.lent() as connection:
                gone += reading.forget(connection, before, stories_before)
            if not gone:
                return total
            total += gone
