"""Writes a group commit: the rows of a batch, in one transaction.

One statement for many rows releases the interpreter lock once instead of once per row.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Sequence, Set
from functools import cache
from itertools import chain
from typing import Any

from botkit.handoff.conversation import Conversation, ConversationId
from botkit.ledger import codec
from botkit.ledger.batch import Batch, EncodedItem
from botkit.ledger.memory import Stored
from botkit.ledger.sqlite.checkpoints import PAGE_BYTES
from botkit.ledger.sqlite.queries import SQL

ROWS_A_STATEMENT = 64
"""Max rows of a statement; it bounds the number of different statements that sqlite3 keeps prepared."""
_ROW = re.compile(r"VALUES (\([?, ]+\))")


class KeysSeen(Exception):
    """Some keys of the batch were committed before; nothing of it was written."""


def write(connection: sqlite3.Connection, batch: Batch) -> int:
    """Write a batch in the transaction that the caller has begun, and commits; or rolls back if this raises.

    Returns:
        The number of effects by which the outbox has grown (negative: shrunk).

    Raises:
        KeysSeen: a key was committed before, although it was not decided as seen.
        sqlite3.Error: nothing of the batch is durable.
    """
    execute = connection.execute
    if batch.keys and _with_rows(connection, SQL["insert_keys"], list(batch.keys.values())) < len(batch.keys):
        raise KeysSeen
    grown = len(batch.outbox)
    for name in batch.dropped:
        grown -= execute(SQL["drop_lane"], (name,)).rowcount
    if batch.outbox:
        _with_rows(connection, SQL["insert_effects"], [_effect_row(one) for one in batch.outbox.values()])
    if batch.story:
        _with_rows(connection, SQL["insert_steps"], batch.story)
    if batch.completed:
        grown -= _delete_effects(connection, batch.completed)
    for conversation_id, stored in batch.changes.items():
        if stored is None:
            execute(SQL["delete_conversations"], key(conversation_id))
        else:
            _write_conversation(connection, batch.durable(conversation_id), stored)
    for conversation_id, (hook, at) in batch.payloads.items():
        execute(SQL["upsert_payload"], (*key(conversation_id), hook.component_id, hook.body, at))
    return grown


def seen(connection: sqlite3.Connection, keys: Sequence[str]) -> dict[str, str | None]:
    """Those of the keys that were committed before, each with what `inbox.session` says of it."""
    found: dict[str, str | None] = {}
    for part in _parts(keys):
        found.update(connection.execute(_of_rows(SQL["seen_keys"], len(part)), part))
    return found


def delete_conversations(connection: sqlite3.Connection, ids: Sequence[ConversationId]) -> int:
    """Delete these conversations; the number of rows deleted."""
    return _with_rows(connection, SQL["delete_conversations"], [key(one) for one in ids])


def pages(batch: Batch) -> int:
    """About how many pages `write` has written."""
    hooks = [item.hook for item, _, _ in batch.outbox.values() if item.hook is not None]
    hooks += [hook for hook, _ in batch.payloads.values()]
    return 8 + sum([1 + len(hook.body) // PAGE_BYTES for hook in hooks]) + len(batch.changes)


def _write_conversation(connection: sqlite3.Connection, before: Stored | None, after: Stored) -> None:
    if before is not None and _differ_in_state_alone(before, after):
        state = (codec.conversation_to_json(after.conversation), *key(after.conversation.id))
        if connection.execute(SQL["update_state"], state).rowcount:
            return
    connection.execute(SQL["upsert_conversation"], _conversation_row(after))


def _delete_effects(connection: sqlite3.Connection, ids: Set[int]) -> int:
    first, last = min(ids), max(ids)
    if last - first == len(ids) - 1:
        # Mostly: effects are done in about the order in which they were decided.
        return connection.execute(SQL["delete_range_of_effects"], (first, last)).rowcount
    return connection.execute(SQL["delete_effects"], (json.dumps(list(ids)),)).rowcount


def _with_rows(connection: sqlite3.Connection, query: str, rows: Sequence[tuple[Any, ...]]) -> int:
    """Run a query for all of these rows; the number of rows that it has changed."""
    if len(rows) == 1:
        return connection.execute(query, rows[0]).rowcount
    return sum(
        connection.execute(_of_rows(query, len(part)), list(chain.from_iterable(part))).rowcount
        for part in _parts(rows)
    )


def _parts(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[at : at + ROWS_A_STATEMENT] for at in range(0, len(items), ROWS_A_STATEMENT)]


@cache
def _of_rows(query: str, count: int) -> str:
    """The query with its row of values so many times."""
    return _ROW.sub(lambda found: "VALUES " + ", ".join([found[1]] * count), query)


def key(conversation_id: ConversationId) -> tuple[str, str, str]:
    """The columns that identify a conversation."""
    return conversation_id.bot_id, conversation_id.user_id, conversation_id.channel


def _effect_row(one: EncodedItem) -> tuple[Any, ...]:
    item, kind, effect = one
    hook = item.hook
    return (
        item.id,
        *key(item.conversation_id),
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
        *key(conversation.id),
        codec.conversation_to_json(conversation),
        codec.names_to_json(stored.names),
        conversation.open,
        conversation.ended_at,
        _session_id(conversation),
    )


def _differ_in_state_alone(one: Stored, other: Stored) -> bool:
    """Whether the rows of two versions of a conversation have the same columns beside the state."""
    before, after = one.conversation, other.conversation
    return (
        one.names == other.names
        and before.open == after.open
        and before.ended_at == after.ended_at
        and _session_id(before) == _session_id(after)
    )


def _session_id(conversation: Conversation) -> str | None:
    return conversation.session.id if conversation.session is not None else None
