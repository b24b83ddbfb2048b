"""The interface of a ledger: it takes inputs and returns their committed consequences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Literal, Protocol

from botkit.boottime import BootTime
from botkit.handoff.conversation import Conversation, ConversationId, Instant
from botkit.handoff.decide import Decision
from botkit.handoff.effects import Effect, OutboundEffect
from botkit.handoff.events import Event
from botkit.handoff.record import Record
from botkit.handoff.steps import Step
from botkit.http.values import Forwarding
from botkit.ledger.clocks import ClockEra, Clocks


class HookBody(Record, frozen=True, eq=False):
    """A hook's raw JSON body, with the component that the platform addressed it to.

    `forwarding` is what its parser has found out. It is not stored, and does not count in comparisons.
    """

    body: bytes
    component_id: str = "default"
    forwarding: Forwarding | None = None

    _hidden = frozenset({"body", "forwarding"})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, HookBody):
            return NotImplemented
        return self.body == other.body and self.component_id == other.component_id

    def __hash__(self) -> int:
        return hash((self.body, self.component_id))


class Input(Record, frozen=True):
    """An event on its way into the ledger.

    Args:
        conversation_id: the bot, the most reliable of the user's names, and the channel, empty if it is not known.
        aliases: the platform's other names for the user in this hook. A conversation with a live agent session is found by
            any of them.
        event: the event; None if the input only completes effects.
        hook: the raw body, for events that are hooks.
        completes: outbox ids of effects that are done (delivered, refused or given up). Their rows are deleted in the same
            transaction.
        steps: steps of the hand-off's story that no event tells (`handoff/steps.py`), written in the same transaction.
        keep_payload: store the hook as the user's newest payload even without an agent session, so that jobs can write to
            the user later.
        may_wait: submitted on an event loop, it may wait a moment for the commit of another input (`waiting.MAX_WAIT_SECONDS`).
    """

    conversation_id: ConversationId
    event: Event | None
    hook: HookBody | None = None
    aliases: tuple[str, ...] = ()
    completes: tuple[int, ...] = ()
    keep_payload: bool = False
    steps: tuple[Step, ...] = ()
    may_wait: bool = False


InDoubt = Literal["", "perhaps", "attempted"]
"""Whether a former process may have carried an effect out: "perhaps" if it was killed and may have begun an attempt, "attempted"
if it was shut down while an attempt had no answer yet."""


class OutboxItem(Record, frozen=True, eq=False):
    """An effect in the outbox: stored and not yet done.

    Its id is unique among those that are not done. In a store of one process, ids grow in the order of the decisions.
    `decided_at` and `stored_at` are not stored with it, and do not count in comparisons.
    """

    id: int
    conversation_id: ConversationId
    lane: str
    effect: OutboundEffect
    created_at: Instant
    hook: HookBody | None = None
    in_doubt: InDoubt = ""
    """Whether a former process may have carried it out. That is not stored with it."""
    decided_at: BootTime = BootTime(0.0)
    """When this process decided on it; 0 if an earlier one or another did."""
    stored_at: BootTime = BootTime(0.0)
    """When a former process stored it, by this machine's clock for durations; 0 if that is not known."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OutboxItem):
            return NotImplemented
        return _compared(self) == _compared(other)

    def __hash__(self) -> int:
        return hash(self.id)


def _compared(item: OutboxItem) -> tuple[object, ...]:
    return (item.id, item.conversation_id, item.lane, item.effect, item.created_at, item.hook, item.in_doubt)


class Committed(Record, frozen=True):
    """The durable consequences of one input."""

    conversation: Conversation
    items: tuple[OutboxItem, ...]
    local_effects: tuple[Effect, ...]
    duplicate: bool = False
    """The input had been committed before; nothing changed."""
    refused: str = ""
    """Why the rules refused the input; nothing changed."""


class Moves(Protocol):
    """Conversations that come to this process, or leave it for another. Called in the ledger's thread."""

    def gain(self, undelivered: Sequence[OutboxItem], conversations: Sequence[Conversation]) -> None:
        """Carry on what came.

        Args:
            undelivered: effects that are not done, in order. No commit brings them again.
            conversations: as `Ledger.open_conversations` has them.
        """

    def is_catching_up(self) -> bool:
        """Whether so much has come that some of it still waits for its turn, such as for its event stream. A hint."""

    def lose(self, leaves: Callable[[ConversationId], bool], *, orderly: bool) -> Future[None]:
        """Stop working on the conversations that leave.

        Args:
            leaves: whether a conversation does.
            orderly: let attempts in progress end, for a few seconds, before the future is done. Otherwise another process may
                have the conversations already: start nothing more, and cut off what is in progress.

        Returns:
            Done when nothing more is attempted for them, after 10 s at the latest unless the process stands still. Results of
            attempts are submitted until then. What commits of these conversations bring from now on is left to the next process,
            until `gain` is called again.
        """

    def gone(self) -> None:
        """All that had to leave is another process' now: no commit brings anything of it, so it need not be told apart."""


class Ledger(Protocol):
    """Durable memory. Inputs are decided in one thread, in order; `submit` may be called from any."""

    def start(self, on_commit: Callable[[Sequence[Committed]], None], moves: Moves | None = None) -> None:
        """Start accepting inputs.

        Args:
            on_commit: called in the ledger's thread after each commit, in commit order.
            moves: told of the conversations that come and leave, in the order of the commits. A ledger that no other process
                shares never calls it: `undelivered` and `open_conversations` have everything.
        """

    def submit(self, input: Input) -> Future[Committed]:
        """Decide and commit an input. The future is done once it is durable.

        It fails with errors.LedgerError if the store fails (trying again may help), and with any other exception if the rules
        fail on this input or it cannot be stored (trying again will not help).
        """

    def submit_then(self, input: Input, then: Callable[[Committed | Exception], None]) -> Callable[[], None]:
        """Like `submit`, without a future, which costs more than most inputs.

        Inputs that are submitted on an event loop share a commit, which begins when the loop's turn has ended.

        Args:
            input: the input.
            then: called once, with the consequences or with the error of `submit`: in the ledger's thread, before `on_commit` for
                a hook and after it for any other input, or at once if the input is not accepted. It must be quick, and raise
                nothing.

        Returns:
            A function that drops the input if its commit has not begun; `then` is not called then.
        """

    def hurry(self) -> None:
        """Commit now what may wait. Any thread."""

    def open_conversations(self) -> Sequence[Conversation]:
        """Conversations with an agent session or a deferred webhook, for the relay to resume after a restart."""

    def undelivered(self) -> Sequence[OutboxItem]:
        """Every effect that is not done, oldest first, for the relay to resume after a restart.

        The first few megabytes of hooks are included; later items come without theirs (`hook_of` reads it). Those that the former
        process may have carried out are in doubt.
        """

    def hook_of(self, item_id: int) -> HookBody | None:
        """The hook of an effect in the outbox. It reads the store: never call it on the relay's loop."""

    def hooks_of(self, item_ids: Sequence[int], max_bytes: int) -> Mapping[int, HookBody | None]:
        """`hook_of` of several effects, at most a few hundred.

        Only of the first ones: of as many as `max_bytes` allow, and of one at least. The others are not in the result.
        """

    def are_known(self, inputs: Sequence[Input]) -> Sequence[bool]:
        """Whether each of these inputs has been committed, as its event's key tells; at most a few thousand.

        It reads the store: never call it on the relay's loop.
        """

    def conversation(self, conversation_id: ConversationId) -> Conversation | None:
        """The state of a conversation with a current or recent agent session. Any thread."""

    def newest_hook(self, conversation_id: ConversationId) -> HookBody | None:
        """The newest payload of a conversation with a current or recent agent session.

        It may read the store: never call it on the relay's loop.
        """

    def newest_hook_of(self, bot_id: str, user_id: str) -> tuple[ConversationId, HookBody] | None:
        """The conversation of a user to write to, and its newest payload: the one with an agent session, else the newest.

        It may read the store, like `newest_hook`.
        """

    def cached_newest_hook(self, conversation_id: ConversationId) -> HookBody | None:
        """The newest payload if it is cached, else None. Any thread."""

    def sweep(self, before: Instant, *, stories_before: Instant | None = None) -> int:
        """Delete inbox keys, ended conversations and payloads older than this; the number of rows deleted.

        A store with a server of its own goes by that one's clock (`clocks`), because processes with different clocks use it.
        Steps of stories are deleted if they are older than `stories_before`; None keeps them.
        """

    def clocks(self) -> Clocks:
        """What is known of the clocks by which the times in the store were written. It may read the store, like `newest_hook`."""

    def note_clocks(self, eras: Sequence[ClockEra]) -> None:
        """Keep for the next process how this machine's clock was set. It writes to the store: never call it on the relay's loop.

        Args:
            eras: oldest first; the last one is the present.

        Raises:
            LedgerError: they could not be stored.
        """

    def healthy(self) -> bool:
        """Whether commits succeed: the ledger's thread lives and the last commit did not fail."""

    def may_act(self) -> bool:
        """Whether this process certainly still has its conversations, so that an attempt may start. Any thread; it is quick."""

    def leave_in_doubt(self, effects: Mapping[int, ConversationId] | None = None) -> None:
        """These effects may have been carried out, and are not done: the next process gets them as `OutboxItem.in_doubt`.

        For conversations that leave gracefully, it is called before their loss is done.

        Args:
            effects: conversations by the ids of effects. None: it is not known which, as after a crash.
        """

    def close(self) -> None:
        """Commit submitted inputs, then stop. Records a clean shutdown, and which effects are in doubt."""


Decide = Callable[[Conversation, Event], Decision]
"""`handoff.decide.decide` bound to the rules of the conversation's bot."""
