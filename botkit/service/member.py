"""`Member`: one of any number of processes on a PostgreSQL store. Each takes hooks, and has some of the conversations."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botkit.config.settings import Settings
from botkit.handoff.conversation import ConversationId
from botkit.ledger.interface import Committed, Decide, HookBody, Input
from botkit.ledger.stores import require_psycopg
from botkit.observability.metrics import Telemetry
from botkit.service.role import RelayFactory, RunningRelay, live_sessions

if TYPE_CHECKING:
    from botkit.ledger.postgresql.ledger import PostgresLedger


@dataclass(kw_only=True, eq=False)
class Member:
    """Implements `role.Role`: a ledger and a relay that always run.

    Args:
        settings: the configuration; the same in all processes that share the store.
        decide: the rules.
        relay_factory: creates the relay.
        telemetry: this process' metrics.
    """

    settings: Settings
    decide: Decide
    relay_factory: RelayFactory
    telemetry: Telemetry
    ledger: PostgresLedger = field(init=False)
    relay: RunningRelay = field(init=False)

    def join(self) -> None:
        """See `Role.join`."""
        require_psycopg()
        from botkit.ledger.postgresql.ledger import PostgresLedger

        store = self.settings.store
        self.ledger = PostgresLedger(store.url, self.decide, direct_url=store.direct_url)
        # Made before the ledger starts: conversations come to it from then on.
        self.relay = self.relay_factory(self.settings, self.ledger, self.telemetry)
        self.ledger.start(self.relay.on_commit, self.relay)
        try:
            self.relay.start()
        except BaseException:
            self.ledger.close()
            raise

    def leave(self) -> None:
        """See `Role.leave`. Other processes go on with the conversations at once."""
        self.relay.close()
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
        """See `Role.ready`."""
        return {"store": self.ledger.healthy(), "relay": self.relay.ready()}

    @property
    def counts(self) -> Telemetry:
        """See `Role.counts`."""
        return self.telemetry

    @property
    def outbox_depth(self) -> int:
        """See `Role.outbox_depth`."""
        return self.ledger.depth

    @property
    def open_sessions(self) -> int:
        """See `Role.open_sessions`."""
        return live_sessions(self.ledger)
