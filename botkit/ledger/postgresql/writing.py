"""Writes a group commit of an owner: the rows of a batch and of what it took, in one transaction and one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from botkit.handoff.conversation import ConversationId
from botkit.ledger import codec
from botkit.ledger.batch import Batch
from botkit.ledger.interface import OutboxItem
from botkit.ledger.memory import Stored
from botkit.ledger.postgresql.awaited import ANSWERS_CHANNEL
from botkit.ledger.postgresql.database import Connection, columns_of, in_one_round_trip
from botkit.ledger.postgresql.door import INPUTS_CHANNEL
from botkit.ledger.postgresql.queries import SQL
from botkit.ledger.postgresql.shards import shard_of


class KeysSeen(Exception):
    """Some keys of the batch were committed before; nothing of it was written."""


@dataclass(slots=True)
class Rows:
    """The consequences of a batch for the rows of `inputs`, and the places of its effects."""

    done: list[int] = field(default_factory=list)
    """Inputs whose consequences are elsewhere, or delivered."""
    failed: list[int] = field(default_factory=list)
    kept: list[tuple[int, int, bytes]] = field(default_factory=list)
    """Inputs that stay as effects, with their places and decisions."""
    moved: list[tuple[int, int]] = field(default_factory=list)
    """Inputs that change their shard, each with the new one."""
    sent_on: list[tuple[int, int]] = field(default_factory=list)
    """Those of them on which another process has to decide."""
    answered: list[tuple[int, str]] = field(default_factory=list)
    named: list[tuple[ConversationId, str]] = field(default_factory=list)
    """Names under which users of live agent sessions are found from now on."""
    forgotten: list[tuple[ConversationId, str]] = field(default_factory=list)
    """Names under which they are found no longer."""
    ranks: dict[int, int] = field(default_factory=dict)
    """The place of each new effect, by its id."""


_DELETE_EFFECTS = frozenset({"drop_lanes", "delete_effects", "delete_inputs"})


def write(connection: Connection, batch: Batch, rows: Rows, *, ahead: float = 0.0) -> int:
    """Write everything in one transaction.

    Args:
        connection: the owner's.
        batch: what was decided.
        rows: the rows that follow from it.
        ahead: by how many seconds this machine's clock is ahead of the server's.

    Returns:
        The number of effects that were deleted: done, or without their lane.

    Raises:
        KeysSeen: a key was committed before, although it was not decided as seen. Nothing of it is durable.
        psycopg.Error: nothing of it is durable, unless the connection was lost: then nobody knows.
    """
    statements = _statements(batch, rows, ahead)
    cursors = []
    if len(statements) == 1:
        cursors = [connection.execute(SQL[name], columns) for name, columns in statements]
    elif statements:
        with in_one_round_trip(connection):
            connection.execute("BEGIN")
            cursors = [connection.execute(SQL[name], columns) for name, columns in statements]
            connection.execute("COMMIT")
    if batch.keys and cursors[0].fetchone() == ("yes",):
        raise KeysSeen
    deleted = sum(
        cursor.rowcount
        for (name, _), cursor in zip(statements, cursors, strict=True)
        if name in _DELETE_EFFECTS
    )
    return deleted - len(set(rows.done))


def _statements(batch: Batch, rows: Rows, ahead: float) -> list[tuple[str, Sequence[Any]]]:
    found: list[tuple[str, Sequence[Any]]] = []

    def add(name: str, given: Sequence[Sequence[Any]]) -> None:
        if given:
            found.append((name, columns_of(given)))

    if batch.keys:  # First: all others depend on it.
        keys = sorted(batch.keys)
        found.append(("insert_new_keys", [keys, keys, [batch.keys[key][2] for key in keys]]))
    if batch.dropped:
        found.append(("drop_lanes", [list(batch.dropped)]))
    add("insert_effects", [_effect(rows.ranks[item_id], *one) for item_id, one in batch.outbox.items()])
    add("insert_steps", batch.story)
    changes = sorted(batch.changes.items(), key=lambda one: one[0])
    add("delete_conversations", [key_of(one) for one, stored in changes if stored is None])
    if conversations := [_conversation(stored) for _, stored in changes if stored is not None]:
        found.append(("upsert_conversations", [ahead, *columns_of(conversations)]))
    add("insert_names", [(*_name(*one), shard_of(one[0])) for one in sorted(rows.named)])
    add(
        "upsert_payloads",
        [(*key_of(one), hook.component_id, hook.body) for one, (hook, _) in sorted(batch.payloads.items())],
    )
    if effects := [item_id // 2 for item_id in batch.completed if item_id % 2]:
        found.append(("delete_effects", [effects]))
    if done := sorted({*rows.done, *(item_id // 2 for item_id in batch.completed if not item_id % 2)}):
        found.append(("delete_inputs", [done]))
    if rows.failed:
        found.append(("fail_inputs", [rows.failed]))
    add("keep_inputs", rows.kept)
    add("move_inputs", rows.moved)
    add("answer", rows.answered)
    # Both are rare, so that it does not matter that the server lets one transaction at a time commit notifications.
    if rows.sent_on:
        found.append(("tell", [INPUTS_CHANNEL, ",".join([f"{row}:{shard}" for row, shard in rows.sent_on])]))
    if rows.answered:
        found.append(("tell", [ANSWERS_CHANNEL, ",".join([str(row) for row, _ in rows.answered])]))
    return found


def names_changed(before: Stored | None, after: Stored | None) -> tuple[frozenset[str], frozenset[str]]:
    """The names under which the user of a live agent session is found from now on, and those under which no longer."""
    former, now = _live_names(before), _live_names(after)
    return now - former, former - now


def _live_names(stored: Stored | None) -> frozenset[str]:
    if stored is None or stored.conversation.session is None:
        return frozenset()
    return stored.names | {stored.conversation.id.user_id}


def key_of(one: ConversationId) -> tuple[str, str, str]:
    """The columns that identify a conversation."""
    return one.bot_id, one.user_id, one.channel


def _name(one: ConversationId, name: str) -> tuple[str, str, str, str]:
    return one.bot_id, name, one.user_id, one.channel


def _conversation(stored: Stored) -> tuple[Any, ...]:
    conversation = stored.conversation
    return (
        *key_of(conversation.id),
        shard_of(conversation.id),
        codec.conversation_to_json(conversation),
        codec.names_to_json(stored.names),
        conversation.open,
        conversation.ended_at is not None,
        conversation.session.id if conversation.session is not None else None,
    )


def _effect(rank: int, item: OutboxItem, kind: str, effect: bytes) -> tuple[Any, ...]:
    hook = item.hook
    return (
        item.id // 2,
        shard_of(item.conversation_id),
        rank,
        *key_of(item.conversation_id),
        item.lane,
        kind,
        effect,
        float(item.created_at),
        hook.component_id if hook is not None else None,
        hook.body if hook is not None else None,
    )
