"""`Visitor`: a process that uses a PostgreSQL store for a moment. It writes inputs down, and has none of the conversations."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botkit.config.settings import Settings
from botkit.handoff.conversation import ConversationId
from botkit.ledger.interface import Committed, HookBody, Input
from botkit.ledger.stores import require_psycopg
from botkit.observability.metrics import Telemetry

if TYPE_CHECKING:
    from botkit.ledger.postgresql.guest import PostgresGuest


@dataclass(kw_only=True, eq=False)
class Visitor:
    """Implements `role.Role`: a door of the store, without a relay.

    Args:
        settings: the configuration; the same in all processes that share the store.
        telemetry: this process' metrics.
    """

    settings: Settings
    telemetry: Telemetry
    ledger: PostgresGuest = field(init=False)

    def join(self) -> None:
        """See `Role.join`."""
        require_psycopg()
        from botkit.ledger.postgresql.guest import PostgresGuest

        store = self.settings.store
        self.ledger = PostgresGuest(store.url, direct_url=store.direct_url)
        self.ledger.start()

    def leave(self) -> None:
        """See `Role.leave`."""
        self.ledger.close()

    def submit(self, input: Input) -> Future[Committed]:
        """See `Role.submit`."""
        return self.ledger.submit(input)

    def submit_then(self, input: Input, then: Callable[[Committed | Exception], None]) -> Callable[[], None]:
        """See `Role.submit_then`."""
        return self.ledger.submit_then(input, then)

    def newest_hook(self, conversation_id: ConversationId) -> HookBody | None:
        """See `Role.newest_hook`."""
        return self.ledger.newest_hook(conversation_id)

    def newest_hook_of(self, bot_id: str, user_id: str) -> tuple[ConversationId, HookBody] | None:
        """See `Role.newest_hook_of`."""
        return self.ledger.newest_hook_of(bot_id, user_id)

    def ready(self) -> dict[str, bool]:
        """See `Role.ready`. It carries nothing out."""
        return {"store": self.ledger.healthy()}

    @property
    def counts(self) -> Telemetry:
        """See `Role.counts`."""
        return self.telemetry

    @property
    def outbox_depth(self) -> int:
        """See `Role.outbox_depth`."""
        return 0

    @property
    def open_sessions(self) -> int:
        """See `Role.open_sessions`."""
        return 0
