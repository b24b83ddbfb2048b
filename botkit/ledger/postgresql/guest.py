"""`PostgresGuest`: a process that uses a store for a moment, such as a command that writes to a user. It owns nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from botkit.errors import LedgerClosed, LedgerError
from botkit.handoff.conversation import Conversation, ConversationId
from botkit.ledger.interface import Committed, HookBody, Input
from botkit.ledger.postgresql import reading
from botkit.ledger.postgresql.awaited import ANSWERS_CHANNEL, Awaited
from botkit.ledger.postgresql.door import Door
from botkit.ledger.postgresql.listener import Listener
from botkit.ledger.postgresql.readers import Readers
from botkit.ledger.postgresql.server import prepare
from botkit.ledger.receipts import Receipt, Submits


class PostgresGuest(Submits):
    """Writes inputs down for their owners, and reads. What it leaves behind waits for a process that owns conversations.

    Args:
        url: ``postgresql://user:password@host/database``.
        direct_url: the same database without a pooler in between.
    """

    depth = 0

    def __init__(self, url: str, *, direct_url: str = "") -> None:
        self._url, self._direct_url, pooled = url, direct_url, bool(direct_url)
        self._readers = Readers(url, pooled=pooled)
        self._awaited = Awaited(self._readers.lent)
        self._door = Door(url, pooled=pooled, taken=lambda _: None, answers=self._awaited.add)
        self._listener = Listener(
            direct_url or url, {ANSWERS_CHANNEL: self._awaited.told}, missed=self._awaited.look
        )
        self._started = False

    def start(self) -> None:
        """Begin. Raises: LedgerError if the database cannot be used."""
        prepare(self._url, self._direct_url)
        self._readers.start()
        self._listener.start()
        self._door.start()
        self._started = True

    def close(self) -> None:
        """Commit submitted inputs, then stop."""
        if not self._started:
            return
        self._door.close()
        self._listener.close()
        self._awaited.close()
        self._readers.close()

    def _submit(
        self, input: Input, receipt: Receipt[Committed], loop: asyncio.AbstractEventLoop | None
    ) -> LedgerError | None:
        if not self._started:
            return LedgerClosed("the ledger has not been started")
        return self._door.submit(input, receipt, loop)

    def healthy(self) -> bool:
        """Whether commits succeed."""
        return self._started and self._door.working

    def open_conversations(self) -> Sequence[Conversation]:
        """See `interface.Ledger.open_conversations`."""
        return ()

    def newest_hook(self, conversation_id: ConversationId) -> HookBody | None:
        """See `interface.Ledger.newest_hook`."""
        with self._readers.lent() as connection:
            return reading.newest_hook(connection, conversation_id)

    def newest_hook_of(self, bot_id: str, user_id: str) -> tuple[ConversationId, HookBody] | None:
        """See `interface.Ledger.newest_hook_of`."""
        with self._readers.lent() as connection:
            return reading.newest_hook_of(connection, bot_id, user_id)
