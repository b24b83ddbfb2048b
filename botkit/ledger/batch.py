"""One group commit: many inputs, decided in memory. The ledger writes it in one transaction.

Deciding changes nothing durable, so an input on which the rules fail fails alone. Writing succeeds for all inputs or for none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import TypeGuard, TypeVar, cast

import msgspec
from msgspec.structs import replace

from botkit.boottime import boottime
from botkit.handoff import effects
from botkit.handoff.conversation import Conversation, ConversationId, Instant
from botkit.handoff.decision import Decision
from botkit.handoff.events import (
    AgentTransfer,
    CallsRequested,
    Event,
    FromAgents,
    FromPlatform,
    HookDeferred,
    HookHandled,
    PlatformSessionClosed,
    UserMessage,
)
from botkit.handoff.reference import number_of
from botkit.handoff.steps import Step, steps_of
from botkit.ledger import codec
from botkit.ledger.interface import Committed, Decide, HookBody, Input, OutboxItem
from botkit.ledger.memory import MAX_NAMES, Remembered, Staged, Stored

EncodedItem = tuple[OutboxItem, str, bytes]
"""An effect, with its kind and its fields as JSON."""


class _Prepared(msgspec.Struct, frozen=True, gc=False):
    """A decision with its effects encoded, before it changes the batch."""

    target: ConversationId
    committed: Committed
    encoded: Sequence[EncodedItem]
    dropped: Sequence[str]
    addressed: bool
    steps: tuple[Step, ...]


_LOCAL = frozenset({effects.ArmTimer, effects.CancelTimer, effects.DropLane, effects.CountMetric})
_ADDRESSED = frozenset(effects.ADDRESSED_BY_PAYLOAD)
_CARRIES_HOOK = frozenset(effects.CARRIES_HOOK)
_NO_NAMES: frozenset[str] = frozenset()


class Batch:
    """The inputs of one transaction, in order."""

    def __init__(self, decide: Decide, remembered: Remembered, ids: Iterator[int]) -> None:
        self.keys: dict[str, tuple[str, Instant, str | None]] = {}
        """New deduplication keys, each with its time and what it was committed with."""
        self.outbox: dict[int, EncodedItem] = {}
        """New effects by id, in the order of the decisions."""
        self.completed: set[int] = set()
        """Ids of stored effects that are done."""
        self.dropped: list[str] = []
        """Agent lanes that lose their stored effects; `EndSession` stays."""
        self.story: list[tuple[Instant, int, str, str]] = []
        """New steps: time, number of the reference, kind and detail."""
        self.payloads: dict[ConversationId, tuple[HookBody, Instant]] = {}
        """The payloads that became the newest of their conversation."""
        self._decide = decide
        self._decided_at = boottime()
        self._ids = ids
        self._staged = Staged(remembered)

    def decide(
        self,
        input: Input,
        key: str,
        *,
        seen: bool,
        seen_with: str | None = None,
        targets: Sequence[ConversationId] = (),
    ) -> tuple[Committed, ...]:
        """Decide on one input. An exception of the rules leaves the batch unchanged.

        Args:
            input: the input.
            key: its deduplication key, unique over all conversations; empty if it has none.
            seen: whether the key was committed before this batch.
            seen_with: what the key was committed with: of a user's message, its requestId.
            targets: the conversations that the input may mean, if they are known already.

        Returns:
            The consequences; for a closure that names no channel, those of every conversation of the user.
        """
        event = input.event
        if event is None:
            self._complete(input)
            before = self._conversation(input.conversation_id)
            return (Committed(conversation=before, items=(), local_effects=()),)
        original = original_of(event)
        target, *others = targets or self.targets(input)
        before = self._conversation(target)
        if seen or key in self.keys:
            self._complete(input)
            if is_retried(original, seen_with if seen else self.keys[key][2]):
                # Another request of the platform, which may wait for a call of its own.
                retried = replace(original, retried=True)
                decision = self._decide(before, retried)
                prepared_again = self._prepare(input, target, before, retried, decision)
                return (self._stage(input, prepared_again, event.at),)
            return (Committed(conversation=before, items=(), local_effects=(), duplicate=True),)
        decision = self._decide(before, event)
        if decision.refused:
            self._complete(input)
            return (Committed(conversation=before, items=(), local_effects=(), refused=decision.refused),)
        prepared = [self._prepare(input, target, before, event, decision)]
        if others and ends_all(event):
            for other in others:
                open_one = self._conversation(other)
                ended = self._decide(open_one, original)
                prepared.append(self._prepare(input, other, open_one, original, ended))
        self._complete(input)
        if key:
            self.keys[key] = (key, event.at, committed_with(original))
        return tuple([self._stage(input, one, event.at) for one in prepared])

    def targets(self, input: Input) -> Sequence[ConversationId]:
        """The conversations that an input may mean, the most likely first. The relay names its own."""
        original = original_of(input.event) if input.event is not None else None
        if isinstance(original, FromPlatform):
            return self._staged.resolve(
                input.conversation_id, input.aliases, original.sessions, in_agent_mode=is_flagged(input)
            )
        if isinstance(original, CallsRequested):
            return self._staged.resolve(input.conversation_id, input.aliases)
        return (input.conversation_id,)

    def _conversation(self, conversation_id: ConversationId) -> Conversation:
        stored = self._staged.get(conversation_id)
        return stored.conversation if stored is not None else Conversation(conversation_id)

    def _prepare(
        self, input: Input, target: ConversationId, before: Conversation, event: Event, decision: Decision
    ) -> _Prepared:
        """The effects of a decision, encoded. It changes nothing, as an effect may turn out not to be encodable."""
        at, hook = event.at, input.hook
        items: list[OutboxItem] = []
        local_effects: list[effects.Effect] = []
        dropped: list[str] = []
        addressed = False
        for effect in decision.effects:
            kind = type(effect)
            if kind in _LOCAL:
                local_effects.append(effect)
                if isinstance(effect, effects.DropLane):
                    dropped.append(effects.agent_lane(effect.session_id))
                    items = [one for one in items if not _drops(dropped[-1], one.lane, one.effect)]
                continue
            outbound = cast(effects.OutboundEffect, effect)
            addressed = addressed or kind in _ADDRESSED
            own = hook if kind in _CARRIES_HOOK else None
            lane = effects.lane(outbound)
            items.append(
                OutboxItem(next(self._ids), target, lane, outbound, at, own, decided_at=self._decided_at)
            )
        encoded = [(item, *codec.effect_to_json(item.effect)) for item in items]
        committed = Committed(decision.conversation, tuple(items), tuple(local_effects))
        return _Prepared(target, committed, encoded, dropped, addressed, steps_of(before, event, decision))

    def _stage(self, input: Input, prepared: _Prepared, at: Instant) -> Committed:
        for name in prepared.dropped:
            self._drop(name)
        for one in prepared.encoded:
            self.outbox[one[0].id] = one
        if prepared.steps:
            self._tell(prepared.steps)
        self._remember(input, prepared, at)
        return prepared.committed

    @property
    def changes(self) -> Mapping[ConversationId, Stored | None]:
        """The conversations that have changed; None for one that is no longer stored."""
        return self._staged.changes

    def durable(self, conversation_id: ConversationId) -> Stored | None:
        """A conversation as it is stored before this commit."""
        return self._staged.durable(conversation_id)

    def apply(self) -> None:
        """The transaction is durable: update the memory."""
        self._staged.apply()

    def _tell(self, steps: tuple[Step, ...]) -> None:
        self.story += [(step.at, number_of(step.session_id), step.kind, step.detail) for step in steps]

    def _complete(self, input: Input) -> None:
        if input.steps:
            self._tell(input.steps)
        for item_id in input.completes:
            # In practice an effect is never completed in its own batch, as it is carried out after its commit.
            if self.outbox.pop(item_id, None) is None:
                self.completed.add(item_id)

    def _drop(self, name: str) -> None:
        """Drop an agent lane, also within this batch. The end of the session stays."""
        self.dropped.append(name)
        for item_id, (item, *_) in list(self.outbox.items()):
            if _drops(name, item.lane, item.effect):
                del self.outbox[item_id]

    def _remember(self, input: Input, prepared: _Prepared, at: Instant) -> None:
        target, after = prepared.target, prepared.committed.conversation
        stored = self._staged.get(target)
        before = stored.conversation if stored is not None else None
        live = after.session is not None
        if after.open or after.ended_session is not None or after.ended_at is not None:
            names = stored.names if stored is not None else _NO_NAMES
            if live and input.hook is not None:
                names = _with_names(names, target, input)
            if before is not after or stored is None or names is not stored.names:
                self._staged.put(target, Stored(after, names))
        elif stored is not None:
            self._staged.put(target, None)
        if input.hook is None or not (
            after.open or stored is not None or prepared.addressed or input.keep_payload
        ):
            return
        # Also after the end: messages to the user may wait for a payload that the platform still accepts. A bot message's payload
        # is excluded: the platform expects one reply to it (skip or show), so it cannot address later messages.
        if stored is None or _brings_an_address(input.event):
            self.payloads[target] = (input.hook, at)


def original_of(event: Event) -> Event:
    """The event itself, also of a hook that handlers have seen."""
    return event.original if isinstance(event, HookHandled) else event


def is_flagged(input: Input) -> bool:
    """Whether the platform says of a hook that an agent has its user."""
    return input.event is not None and getattr(original_of(input.event), "agent_transfer", None) is True


def committed_with(event: Event) -> str | None:
    """What the inbox keeps beside the key: the agent session, or the requestId of a message with an id of the client's."""
    if isinstance(event, FromAgents):
        return event.session_id
    return (event.request_id or None) if isinstance(event, UserMessage) else None


def is_retried(event: Event, seen_with: str | None) -> TypeGuard[UserMessage]:
    """Whether a known message comes with another requestId: the user's client has sent it again."""
    return isinstance(event, UserMessage) and seen_with is not None and seen_with != event.request_id


def ends_all(event: Event) -> bool:
    """Whether the input is about every conversation that it may mean: a closure, unless a handler has answered it."""
    if isinstance(event, HookHandled):
        return event.proceed and isinstance(event.original, PlatformSessionClosed)
    return isinstance(event, PlatformSessionClosed)


def _brings_an_address(event: Event | None) -> bool:
    return event is not None and isinstance(original_of(event), UserMessage | AgentTransfer | HookDeferred)


def _drops(name: str, item_lane: str, effect: effects.Effect) -> bool:
    return item_lane == name and not isinstance(effect, effects.EndSession)


def _with_names(names: frozenset[str], target: ConversationId, input: Input) -> frozenset[str]:
    new = {target.user_id, input.conversation_id.user_id, *input.aliases} - names
    if not new or len(names) + len(new) > MAX_NAMES:
        return names
    return names | new


def unique_key(input: Input) -> str:
    """The event's deduplication key, made unique over all conversations.

    The event's own key comes first: keys of hooks begin with the platform's growing requestId, so neighbours in time are
    neighbours in the table.
    """
    event = input.event
    if event is None or not event.key:
        return ""
    key = event.key
    if len(key) > _LONGEST_KEY or "\0" in key:
        key = f"{key[:_KEPT_OF_KEY]}{_digest(key)}".replace("\0", "")
    return f"{key} {input.conversation_id.bot_id} {input.conversation_id.user_id}"


def are_known(inputs: Sequence[Input], seen: Callable[[Sequence[str]], Container[str]]) -> Sequence[bool]:
    """See `interface.Ledger.are_known`; `seen`: those of some keys that were committed."""
    keys = [unique_key(input) for input in inputs]
    found = seen([key for key in keys if key])
    return [key in found for key in keys]


_LONGEST_KEY = 300
_KEPT_OF_KEY = 100
"""Other sides may name an entry as they like. A longer name, or one with a zero byte, cannot be a key in PostgreSQL."""


def _digest(key: str) -> str:
    return hashlib.blake2b(key.encode(errors="replace"), digest_size=16).hexdigest()


# --- the order of inputs in a batch ----------------------------------------------------------------------------------

T = TypeVar("T")


def in_order(queued: Sequence[tuple[Input, T]]) -> Sequence[tuple[Input, T]]:
    """The same inputs, with the numbered user messages of each conversation in the order of their numbers.

    Two messages of a user may arrive on two connections, whose threads reach the ledger in either order. The platform numbers
    its requests by the millisecond (docs/protocols/kore-xo-botkit.md, 2.3), so messages that meet in one commit are reordered.
    They swap places among themselves only. Committed messages keep their place: nothing waits for a message that may never come.
    """
    if len(queued) < 2:
        return queued
    highest: dict[ConversationId, int] = {}
    late: set[ConversationId] = set()
    for input, _ in queued:
        number = _number(input.event)
        if number is not None:
            user = input.conversation_id
            if number < highest.get(user, number):
                late.add(user)
            else:
                highest[user] = number
    return _reordered(queued, late) if late else queued


def _reordered(queued: Sequence[tuple[Input, T]], late: set[ConversationId]) -> list[tuple[Input, T]]:
    places: dict[ConversationId, list[tuple[int, int]]] = {user: [] for user in late}
    for place, (input, _) in enumerate(queued):
        number = _number(input.event)
        if number is not None and input.conversation_id in late:
            places[input.conversation_id].append((number, place))
    found = list(queued)
    for numbered in places.values():
        for (_, place), (_, source) in zip(numbered, sorted(numbered), strict=True):
            found[place] = queued[source]
    return found


def _number(event: Event | None) -> int | None:
    """The platform's number of a user's message, whether or not handlers have seen it."""
    original = event.original if type(event) is HookHandled else event
    return original.request_number if type(original) is UserMessage else None
