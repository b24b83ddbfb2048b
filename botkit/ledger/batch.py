"""One group commit: many inputs decided in memory, then written in one transaction.

Deciding comes first and touches nothing, so that an input the rules choke on fails alone; writing comes after, and fails for
all or for none.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from botkit.handoff.conversation import Conversation, ConversationId, Instant
from botkit.handoff.effects import (
    ADDRESSED_BY_PAYLOAD,
    CARRIES_HOOK,
    ArmTimer,
    CancelTimer,
    CountMetric,
    DropLane,
    Effect,
    EndSession,
    agent_lane,
    lane,
)
from botkit.handoff.events import AgentTransfer, Event, FromAgents, HookDeferred, HookHandled, UserMessage
from botkit.ledger import codec, statements
from botkit.ledger.interface import Committed, Decide, HookBody, Input, OutboxItem
from botkit.ledger.memory import MAX_NAMES, Remembered, Staged, Stored

_INNER = (ArmTimer, CancelTimer, DropLane, CountMetric)
_NO_NAMES: frozenset[str] = frozenset()


class Batch:
    """Inputs of one transaction, in order."""

    def __init__(self, decide: Decide, remembered: Remembered, ids: Iterator[int]) -> None:
        self._decide = decide
        self._ids = ids
        self._staged = Staged(remembered)
        self._keys: list[tuple[str, Instant, str | None]] = []
        self._taken: set[str] = set()
        self._outbox: dict[int, tuple[OutboxItem, tuple[Any, ...]]] = {}
        self._settled: list[int] = []
        self._dropped: list[str] = []
        self._payloads: dict[ConversationId, tuple[HookBody, Instant]] = {}

    @property
    def payloads(self) -> dict[ConversationId, tuple[HookBody, Instant]]:
        """The payloads that became the newest of their conversation."""
        return self._payloads

    def take(self, given: Input, key: str, *, seen: bool) -> Committed:
        """Decide on one input. An exception of the rules leaves the batch as it was.

        Args:
            given: the input.
            key: its key, made unique over all conversations; empty if it has none.
            seen: the key was remembered before this batch.
        """
        event = given.event
        if event is None:
            self._settle(given)
            settled = self._staged.get(given.conversation_id)
            conversation = (
                settled.conversation if settled is not None else Conversation(given.conversation_id)
            )
            return Committed(conversation=conversation, items=(), local_effects=())
        where = self._staged.resolve(given.conversation_id, given.aliases)
        stored = self._staged.get(where)
        before = stored.conversation if stored is not None else Conversation(where)
        if seen or key in self._taken:
            self._settle(given)
            return Committed(conversation=before, items=(), local_effects=(), duplicate=True)

        decision = self._decide(before, event)
        if decision.refused:
            self._settle(given)
            return Committed(conversation=before, items=(), local_effects=(), refused=decision.refused)
        items: dict[int, OutboxItem] = {}
        local_effects: list[Effect] = []
        dropped: list[str] = []
        addressed = False
        for effect in decision.effects:
            if isinstance(effect, _INNER):
                local_effects.append(effect)
                if isinstance(effect, DropLane):
                    dropped.append(agent_lane(effect.session_id))
                    items = {
                        one.id: one for one in items.values() if not _drops(dropped[-1], one.lane, one.effect)
                    }
                continue
            addressed = addressed or isinstance(effect, ADDRESSED_BY_PAYLOAD)
            item = OutboxItem(
                id=next(self._ids),
                conversation_id=where,
                lane=lane(effect),
                effect=effect,
                created_at=event.at,
                hook=given.hook if isinstance(effect, CARRIES_HOOK) else None,
            )
            items[item.id] = item
        rows = {item.id: (item, _row(item)) for item in items.values()}
        self._settle(given)
        if key:
            self._taken.add(key)
            self._keys.append((key, event.at, event.session_id if isinstance(event, FromAgents) else None))
        for name in dropped:
            self._drop(name)
        self._outbox.update(rows)
        self._remember(given, where, stored, decision.conversation, event.at, addressed=addressed)
        return Committed(
            conversation=decision.conversation,
            items=tuple(items.values()),
            local_effects=tuple(local_effects),
        )

    def write(self, connection: sqlite3.Connection) -> int:
        """Everything, in one transaction; the caller rolls back if this raises.

        Returns:
            By how many effects the outbox has grown (or, negative, shrunk).

        Raises:
            sqlite3.Error: nothing of the batch is durable.
        """
        execute = connection.execute
        execute(statements.BEGIN)
        grown = len(self._outbox)
        for name in self._dropped:
            grown -= execute(statements.DROP_LANE, (name,)).rowcount
        if self._keys:
            statements.insert_inbox(connection, self._keys)
        if self._outbox:
            statements.insert_outbox(connection, [row for _, row in self._outbox.values()])
        if self._settled:
            grown -= statements.delete_outbox(connection, self._settled)
        for conversation_id, stored in self._staged.changes.items():
            if stored is None:
                execute(statements.DELETE_CONVERSATION, (conversation_id.bot_id, conversation_id.user_id))
            else:
                execute(statements.UPSERT_CONVERSATION, _conversation_row(stored))
        for conversation_id, (hook, at) in self._payloads.items():
            execute(
                statements.UPSERT_PAYLOAD,
                (conversation_id.bot_id, conversation_id.user_id, hook.component_id, hook.body, at),
            )
        execute("COMMIT")
        return grown

    def apply(self) -> None:
        """The transaction is durable: memory follows."""
        self._staged.apply()

    def _settle(self, given: Input) -> None:
        for item_id in given.completes:
            # Decided and done within one batch cannot be (effects go out after their commit), but costs nothing to allow.
            if self._outbox.pop(item_id, None) is None:
                self._settled.append(item_id)

    def _drop(self, name: str) -> None:
        """Forget what waits in an agent's lane, of this batch as well; the end of the session still goes out."""
        self._dropped.append(name)
        for item_id, (item, _) in list(self._outbox.items()):
            if _drops(name, item.lane, item.effect):
                del self._outbox[item_id]

    def _remember(
        self,
        given: Input,
        where: ConversationId,
        stored: Stored | None,
        after: Conversation,
        at: Instant,
        *,
        addressed: bool,
    ) -> None:
        before = stored.conversation if stored is not None else None
        live = after.session is not None
        if after.open or after.ended_session is not None or after.ended_at is not None:
            names = stored.names if stored is not None else _NO_NAMES
            if live and given.hook is not None:
                names = _with_names(names, where, given)
            if before is not after or stored is None or names is not stored.names:
                self._staged.put(where, Stored(after, names))
        elif stored is not None:
            self._staged.put(where, None)
        if given.hook is None or not (after.open or stored is not None or addressed or given.keep_payload):
            return
        # After the end as well: what the user is still to be told may be waiting for a payload that can be answered.
        # Of a bot message the platform awaits one answer (skip or show): it is no address for what an agent says later.
        if stored is None or _brings_an_address(given.event):
            self._payloads[where] = (given.hook, at)


def _brings_an_address(event: Event | None) -> bool:
    about = event.original if isinstance(event, HookHandled) else event
    return isinstance(about, UserMessage | AgentTransfer | HookDeferred)


def _drops(name: str, item_lane: str, effect: Effect) -> bool:
    return item_lane == name and not isinstance(effect, EndSession)


def _with_names(names: frozenset[str], where: ConversationId, given: Input) -> frozenset[str]:
    new = {where.user_id, given.conversation_id.user_id, *given.aliases} - names
    if not new or len(names) + len(new) > MAX_NAMES:
        return names
    return names | new


def _row(item: OutboxItem) -> tuple[Any, ...]:
    kind, effect = codec.effect_to_json(item.effect)
    hook = item.hook
    return (
        item.id,
        item.conversation_id.bot_id,
        item.conversation_id.user_id,
        item.lane,
        kind,
        effect,
        item.created_at,
        hook.component_id if hook is not None else None,
        hook.body if hook is not None else None,
    )


def _conversation_row(stored: Stored) -> tuple[Any, ...]:
    conversation = stored.conversation
    return (
        conversation.id.bot_id,
        conversation.id.user_id,
        codec.conversation_to_json(conversation),
        codec.names_to_json(stored.names),
        conversation.open,
        conversation.ended_at,
        conversation.session.id if conversation.session is not None else None,
    )
