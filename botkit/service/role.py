"""`Role`: what a process is in its store.

On SQLite it is the leader or a follower (`leadership.py`); on PostgreSQL a member, or a visitor if it ends soon.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Protocol

from botkit.config.settings import Settings
from botkit.handoff.conversation import ConversationId
from botkit.ledger.interface import Committed, HookBody, Input, Ledger, Moves
from botkit.ledger.sharing.leader import Counts
from botkit.observability.metrics import Telemetry


class RunningRelay(Moves, Protocol):
    """The relay as a role uses it; implemented by `relay.Relay`."""

    def on_commit(self, batch: Sequence[Committed], /) -> None: ...

    def start(self) -> None: ...

    def ready(self) -> bool: ...

    def close(self) -> None: ...


RelayFactory = Callable[[Settings, Ledger, Telemetry], RunningRelay]


class Role(Protocol):
    """Thread-safe."""

    def join(self) -> None:
        """Open the store, or find the process that has it.

        Raises:
            LedgerBusy: another process holds the store and does not share it, or has another configuration.
            LedgerError: the store cannot be used.
        """

    def leave(self) -> None:
        """Finish the deliveries in progress, and leave the others in the store."""

    def submit(self, input: Input) -> Future[Committed]:
        """See `ledger.interface.Ledger.submit`."""

    def submit_then(self, input: Input, then: Callable[[Committed | Exception], None]) -> Callable[[], None]:
        """See `ledger.interface.Ledger.submit_then`. `then` may be called in any thread."""

    def newest_hook(self, conversation_id: ConversationId) -> HookBody | None:
        """See `ledger.interface.Ledger.newest_hook`."""

    def newest_hook_of(self, bot_id: str, user_id: str) -> tuple[ConversationId, HookBody] | None:
        """See `ledger.interface.Ledger.newest_hook_of`."""

    def ready(self) -> dict[str, bool]:
        """Whether inputs are committed, and effects carried out."""

    @property
    def counts(self) -> Counts:
        """The metrics that this process counts in and shows."""

    @property
    def outbox_depth(self) -> int:
        """Effects that are not carried out yet, of the conversations that this process has."""

    @property
    def open_sessions(self) -> int:
        """Live agent sessions, of the conversations that this process has."""


def live_sessions(ledger: Ledger) -> int:
    """The number of live agent sessions in a ledger."""
    return sum(1 for one in ledger.open_conversations() if one.session is not None)
