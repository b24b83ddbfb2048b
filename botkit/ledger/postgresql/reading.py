"""Reads the store: what an owner takes on, hooks and payloads; and sweeps what is old."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from botkit.boottime import BootTime, boottime
from botkit.handoff.conversation import ConversationId, Instant
from botkit.ledger import codec
from botkit.ledger.interface import HookBody, OutboxItem
from botkit.ledger.memory import Stored
from botkit.ledger.postgresql.database import Connection
from botkit.ledger.postgresql.other_clocks import by_this_clock
from botkit.ledger.postgresql.queries import SQL
from botkit.ledger.rows import decision_from_bytes
from botkit.ledger.sizes import fitting

ROWS_AT_ONCE = 2_000
"""Max rows of one answer, so that the reader can show in between that it lives: thousands of effects may wait."""
MAX_HOOK_BYTES_AT_ONCE = 4 * 1024 * 1024
"""Max bytes of hooks read with the effects of shards. After an outage of a target, gigabytes of them may wait."""
Between = Callable[[], None]
_HOOKS = SQL["hooks_of_inputs"], SQL["hooks_of_effects"]
_SIZES = SQL["sizes_of_inputs"], SQL["sizes_of_effects"]
SWEEP_KEYS = 5_000
"""Keys are small, and there are hundreds for each other row."""
SWEEP_ROWS = 500
SWEEP_PAYLOADS = 50


def _nothing() -> None:
    """Nobody has to be told that the reader lives."""


@dataclass(frozen=True, slots=True)
class Gained:
    """What comes with shards: every stored conversation, and the effects that are not done, in their order."""

    stored: Sequence[Stored]
    items: Sequence[OutboxItem]
    last_rank: int


def of_shards(
    connection: Connection,
    shards: Sequence[int],
    between: Between = _nothing,
    ahead: float = 0.0,
    server_ahead: float | None = None,
) -> Gained:
    """Everything that is decided in these shards.

    Args:
        connection: to the store.
        shards: which.
        between: called after each answer of the server.
        ahead: by how many seconds this machine's clock is ahead of the server's.
        server_ahead: the server's time of day, less this machine's clock for durations; None if it is not known.
    """
    found: list[tuple[int, OutboxItem, int]] = []
    """Effects with their places and the bytes of their hooks."""
    stored: list[Stored] = []
    for shard in shards:
        for number, rank, *key, lane, kind, effect, created_at, stored_at, size in _by_rank(
            connection, SQL["effects"], shard, between
        ):
            fields = codec.effect_from_json(kind, effect)
            item = OutboxItem(number * 2 + 1, ConversationId(*key), lane, fields, Instant(created_at))
            if stored_at is not None and server_ahead is not None:
                item = replace(item, stored_at=BootTime(stored_at - server_ahead))
            found.append((rank, item, size))
        for row, rank, decided, _, size in _by_rank(connection, SQL["kept_inputs"], shard, between):
            found.append((rank, decision_from_bytes(decided, row * 2, None), size))
        stored += [
            Stored(
                by_this_clock(codec.conversation_from_json(state), ahead=ahead, theirs=theirs),
                codec.names_from_json(names),
            )
            for state, names, theirs in connection.execute(SQL["conversations"], (shard,))
        ]
        between()
    found.sort(key=lambda one: one[0])
    near = found[: fitting([size for *_, size in found], MAX_HOOK_BYTES_AT_ONCE)]
    hooks = hooks_of(connection, [item.id for _, item, size in near if size])
    items = [replace(item, hook=hooks.get(item.id)) for _, item, _ in found]
    return Gained(stored, items, max((rank for rank, *_ in found), default=0))


def _by_rank(connection: Connection, query: str, shard: int, between: Between) -> Iterator[tuple[Any, ...]]:
    """The rows of a shard in the order of their ranks, which stand in their second column."""
    after = 0
    while True:
        rows = connection.execute(query, {"shard": shard, "after": after, "rows": ROWS_AT_ONCE}).fetchall()
        between()
        yield from rows
        if len(rows) < ROWS_AT_ONCE:
            return
        after = rows[-1][1]


def depth_of(connection: Connection, shards: Sequence[int]) -> int:
    """The number of effects in these shards that are written down."""
    row = connection.execute(SQL["depth"], {"shards": shards}).fetchone()
    return int(row[0]) if row is not None else 0


def undecided(connection: Connection, shards: Sequence[int]) -> set[int]:
    """The rows in these shards that nobody has decided on, or whose decision nobody has written down."""
    return {row for row, _ in connection.execute(SQL["undecided"], (shards,))}


def seen(connection: Connection, keys: Sequence[str]) -> dict[str, str | None]:
    """Those of these keys that were committed, each with what `inbox.session` says of it."""
    return dict(connection.execute(SQL["seen_keys"], (keys,)).fetchall())


def hooks_of(connection: Connection, item_ids: Sequence[int]) -> dict[int, HookBody]:
    """The hooks of effects, by the ids of their items."""
    return {item_id: HookBody(*hook) for item_id, *hook in _of_items(connection, _HOOKS, item_ids)}


def first_hooks_of(
    connection: Connection, item_ids: Sequence[int], max_bytes: int
) -> dict[int, HookBody | None]:
    """The hooks of the first of some effects: as many as `max_bytes` allow, and of one at least."""
    sizes = dict(_of_items(connection, _SIZES, item_ids))
    first = item_ids[: max(1, fitting([sizes.get(item_id, 0) for item_id in item_ids], max_bytes))]
    return {**dict.fromkeys(first), **hooks_of(connection, first)}


def _of_items(
    connection: Connection, queries: tuple[str, str], item_ids: Sequence[int]
) -> Iterator[tuple[Any, ...]]:
    """Rows about effects, from both tables, with the ids of their items first. `queries`: of inputs, and of the outbox."""
    for odd, query in enumerate(queries):
        ids = [item_id // 2 for item_id in item_ids if item_id % 2 == odd]
        if ids:
            for number, *row in connection.execute(query, (ids,)):
                yield (number * 2 + odd, *row)


def newest_hook(connection: Connection, one: ConversationId) -> HookBody | None:
    """The stored payload of a conversation."""
    row = connection.execute(SQL["newest_hook"], (one.bot_id, one.user_id, one.channel)).fetchone()
    return HookBody(*row) if row is not None else None


def newest_hook_of(
    connection: Connection, bot_id: str, user_id: str
) -> tuple[ConversationId, HookBody] | None:
    """The newest payload of a user on any channel, and its conversation: the one with an agent session first."""
    row = connection.execute(SQL["newest_hook_of_user"], {"bot": bot_id, "user": user_id}).fetchone()
    if row is None:
        return None
    found, channel, *hook = row
    return ConversationId(bot_id, found, channel), HookBody(*hook)


# --- sweeps ----------------------------------------------------------------------------------------------------------


def server_ahead(connection: Connection) -> float:
    """The server's time of day, less this machine's clock for durations. It is exact to half of the time that asking takes."""
    began = boottime()
    (now,) = connection.execute(SQL["clock"]).fetchone() or (0.0,)
    return float(now) - (began + boottime()) / 2


def ended_before(connection: Connection, shards: Sequence[int], before: Instant) -> list[ConversationId]:
    """Some conversations of these shards that ended before this and have no effects in the outbox."""
    wanted = {"shards": shards, "before": float(before), "rows": SWEEP_ROWS}
    return [ConversationId(*row) for row in connection.execute(SQL["ended_conversations"], wanted)]


def _forget_keys(connection: Connection, before: Instant) -> int:
    total: int = 0
    after = 0.0
    while True:
        old = {"after": after, "before": float(before), "rows": SWEEP_KEYS}
        gone, last = connection.execute(SQL["delete_old_keys"], old).fetchone() or (0, 0.0)
        total += gone
        if gone < SWEEP_KEYS:
            return total
        after = last


def forget(connection: Connection, before: Instant, stories_before: Instant | None) -> int:
    """Delete the keys, and some payloads and steps, that are older than this; the number of rows deleted."""
    old = {"before": float(before), "rows": SWEEP_ROWS}
    gone = _forget_keys(connection, before)
    gone += connection.execute(SQL["delete_old_payloads"], {**old, "rows": SWEEP_PAYLOADS}).rowcount
    connection.execute(SQL["delete_old_answers"], old)
    if stories_before is not None:
        old_steps = {"before": float(stories_before), "rows": SWEEP_ROWS}
        gone += connection.execute(SQL["delete_old_steps"], old_steps).rowcount
    return gone
