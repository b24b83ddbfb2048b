"""`Role`: what a process is in its store.

On SQLite it is the leader or a follower (`leadership.py`); on PostgreSQL a member, or a visitor if it ends soon.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Protocol

from botkit.config.settings import Settings
from botkit.handoff.conversation import Conversation, ConversationId
from botkit.ledger.interface import Committed, HookBody, Input, Ledger, Moves
from botkit.ledger.sqlite.sharing.taking import Counts
from botkit.observability.metrics import Telemetry


class RunningRelay(Moves, Protocol):
    """The relay as a role uses it; implemented by `relay.Relay`."""

    def on_commit(self, batch: Sequence[Committed], /) -> None: ...

    def start(self) -> None: ...

    def ready(self) -> bool: ...

    def close(self) -> None: ...


RelayFactory = Callable[[Settings, Ledger, Telemetry], RunningRelay]


class Submitting(Protocol):
    """What a ledger, a follower and a guest have in common; see `ledger.interface.Ledger`. `then` may be called in any thread."""

    def submit(self, input: Input) -> Future[Committed]: ...

    def submit_then(
        self, input: Input, then: Callable[[Committed | Exception], None]
    ) -> Callable[[], None]: ...

    def newest_hook(self, conversation_id: ConversationId) -> HookBody | None: ...

    def newest_hook_of(self, bot_id: str, user_id: str) -> tuple[ConversationId, HookBody] | None: ...


class Held(Submitting, Protocol):
    """A ledger, or a guest, as `Running` uses it."""

    @property
    def depth(self) -> int: ...

    def healthy(self) -> bool: ...

    def open_conversations(self) -> Sequence[Conversation]: ...

    def close(self) -> None: ...


class Store(Submitting, Protocol):
    """What this process uses of its store. Thread-safe."""

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


class Role(Protocol):
    """Thread-safe."""

    def join(self) -> None:
        """Open the store.

        Raises:
            LedgerBusy: another process holds the store and does not share it, or has another configuration.
            LedgerError: the store cannot be used.
        """

    def leave(self) -> None:
        """Finish the deliveries in progress, and leave the others in the store."""

    @property
    def store(self) -> Store:
        """The store as this process has it at present. Raises: LedgerClosed if it has left."""


class Running:
    """A ledger with the relay that carries out its effects, or a guest without a relay. Implements `Store`."""

    def __init__(self, ledger: Held, relay: RunningRelay | None, counts: Telemetry) -> None:
        self.ledger = ledger
        self.relay = relay
        self.counts = counts
        self.submit = ledger.submit
        self.submit_then = ledger.submit_then
        self.newest_hook = ledger.newest_hook
        self.newest_hook_of = ledger.newest_hook_of

    def ready(self) -> dict[str, bool]:
        """See `Store.ready`."""
        store = {"store": self.ledger.healthy()}
        return store if self.relay is None else {**store, "relay": self.relay.ready()}

    @property
    def outbox_depth(self) -> int:
        """See `Store.outbox_depth`."""
        return self.ledger.depth

    @property
    def open_sessions(self) -> int:
        """See `Store.open_sessions`."""
        return sum(1 for one in self.ledger.open_conversations() if one.session is not None)

    def close(self) -> None:
        """Finish the deliveries in progress, and leave the others in the store."""
        if self.relay is not None:
            self.relay.close()
        self.ledger.close()
