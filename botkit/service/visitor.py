"""`Visitor`: a process that uses a PostgreSQL store for a moment. It writes inputs down, and has none of the conversations."""

from __future__ import annotations

from dataclasses import dataclass, field

from botkit.config.settings import Settings
from botkit.ledger.stores import require_psycopg
from botkit.observability.metrics import Telemetry
from botkit.service.role import Running


@dataclass(kw_only=True, eq=False)
class Visitor:
    """Implements `role.Role`: a door of the store, without a relay.

    Args:
        settings: the configuration; the same in all processes that share the store.
        telemetry: this process' metrics.
    """

    settings: Settings
    telemetry: Telemetry
    store: Running = field(init=False)

    def join(self) -> None:
        """See `Role.join`."""
        require_psycopg()
        from botkit.ledger.postgresql.guest import PostgresGuest

        guest = PostgresGuest(self.settings.store.url, direct_url=self.settings.store.direct_url)
        guest.start()
        self.store = Running(guest, None, self.telemetry)

    def leave(self) -> None:
        """See `Role.leave`."""
        self.store.close()
