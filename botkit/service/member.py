"""`Member`: one of any number of processes on a PostgreSQL store. Each takes hooks, and has some of the conversations."""

from __future__ import annotations

from dataclasses import dataclass, field

from botkit.config.settings import Settings
from botkit.ledger.interface import Decide
from botkit.ledger.stores import require_psycopg
from botkit.observability.metrics import Telemetry
from botkit.service.role import RelayFactory, Running


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
    store: Running = field(init=False)

    def join(self) -> None:
        """See `Role.join`."""
        require_psycopg()
        from botkit.ledger.postgresql.ledger import PostgresLedger

        ledger = PostgresLedger(
            self.settings.store.url, self.decide, direct_url=self.settings.store.direct_url
        )
        # Made before the ledger starts: conversations come to it from then on.
        relay = self.relay_factory(self.settings, ledger, self.telemetry)
        ledger.start(relay.on_commit, relay)
        self.store = Running(ledger, relay, self.telemetry)
        try:
            relay.start()
        except BaseException:
            ledger.close()
            raise

    def leave(self) -> None:
        """See `Role.leave`. Other processes go on with the conversations at once."""
        self.store.close()
