"""What the door and the relay see of a ledger: inputs go in, committed consequences come out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from botkit.handoff.conversation import Conversation, ConversationId, Instant
from botkit.handoff.decide import Decision
from botkit.handoff.effects import Effect, OutboundEffect
from botkit.handoff.events import Event


@dataclass(frozen=True, slots=True)
class HookBody:
    """A hook's raw JSON body, kept whole, with the component the platform addressed it to."""

    body: bytes = field(repr=False)
    component_id: str = "default"


@dataclass(frozen=True, slots=True)
class Input:
    """Something that happened, on its way into the ledger.

    Args:
        conversation_id: the bot, and the most dependable of the user's names.
        aliases: the other names the platform gave the user in this hook. A conversation with a live agent session is
            found by any of them.
        event: what happened; None where there is nothing but what it settles.
        hook: the raw body, for events that are hooks.
        completes: outbox ids whose effect is done with this input (delivered, refused or given up); their rows go in
            the same transaction.
        keep_payload: remember the hook as the user's newest payload also where no agent session asks for it, so that they can be
            written to outside a hook.
    """

    conversation_id: ConversationId
    event: Event | None
    hook: HookBody | None = field(default=None, repr=False)
    aliases: tuple[str, ...] = ()
    completes: tuple[int, ...] = ()
    keep_payload: bool = False


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """An effect that is written down and not yet done. Ids grow in the order effects were decided."""

    id: int
    conversation_id: ConversationId
    lane: str
    effect: OutboundEffect
    created_at: Instant
    hook: HookBody | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Committed:
    """What one input led to, now durable."""

    conversation: Conversation
    items: tuple[OutboxItem, ...]
    local_effects: tuple[Effect, ...]
    duplicate: bool = False
    """The input had been seen before; nothing changed."""
    refused: str = ""
    """Why the rules did not do what was asked for; nothing changed."""


class Ledger(Protocol):
    """Durable memory. `submit` may be called from any thread; everything is decided in one place, in order."""

    def start(self, on_commit: Callable[[Sequence[Committed]], None]) -> None:
        """Begin taking inputs. `on_commit` is called in the ledger's thread after each commit, in commit order."""

    def submit(self, given: Input) -> Future[Committed]:
        """Decide and commit. The future is done once it is durable.

        It fails with errors.LedgerError when the store is in trouble (trying again may help), and with any other
        exception when the rules failed on this input or it cannot be written (trying again will not).
        """

    def open_conversations(self) -> Sequence[Conversation]:
        """Conversations with an agent session or a deferred webhook, for the relay to resume after a restart."""

    def undelivered(self) -> Sequence[OutboxItem]:
        """Every effect that is not done, oldest first, for the relay to resume after a restart.

        A few megabytes of hooks come along; the other items are without theirs (`hook_of` has it).
        """

    def hook_of(self, item_id: int) -> HookBody | None:
        """The hook an effect in the outbox carries. Reads the store: any thread but the relay's loop."""

    def conversation(self, conversation_id: ConversationId) -> Conversation | None:
        """The current state, if the conversation has or recently had an agent session. Any thread."""

    def newest_hook(self, conversation_id: ConversationId) -> HookBody | None:
        """The newest payload of a conversation that has (or recently had) an agent session.

        It may read the store: any thread but the relay's loop.
        """

    def newest_hook_at_hand(self, conversation_id: ConversationId) -> HookBody | None:
        """The same if it is in memory, None if it is not. Any thread."""

    def sweep(self, before: Instant) -> int:
        """Forget inbox keys, ended conversations and payloads older than this; how many rows went."""

    def healthy(self) -> bool:
        """Whether commits succeed: the writer thread lives and the last commit did not fail."""

    def close(self) -> None:
        """Commit what was submitted, then stop. Marks a clean shutdown."""


Decide = Callable[[Conversation, Event], Decision]
"""`handoff.decide.decide` bound to the rules of the conversation's bot."""
