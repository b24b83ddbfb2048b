"""A relay that carries nothing out and notes what it is told: for tests of what stands in front of it."""

from __future__ import annotations

from collections.abc import Sequence

from botkit.config.settings import Settings
from botkit.ledger.interface import Committed, Ledger
from botkit.observability.metrics import Telemetry


class NotingRelay:
    """What was committed, what an earlier process had left, and whether it was closed."""

    def __init__(self, settings: Settings, ledger: Ledger, telemetry: Telemetry) -> None:
        self.ledger = ledger
        self.committed: list[Committed] = []
        self.resumed: list[int] = []
        self.closed = False

    def on_commit(self, batch: Sequence[Committed], /) -> None:
        self.committed.extend(batch)

    def start(self) -> None:
        self.resumed = [item.id for item in self.ledger.undelivered()]

    def ready(self) -> bool:
        return True

    def close(self) -> None:
        self.closed = True
