"""What an owner takes next, of what it was told and of what it has found."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from botkit.handoff.conversation import ConversationId, Instant
from botkit.handoff.events import UserMessage
from botkit.ledger.interface import HookBody, Input
from botkit.ledger.postgresql.database import Connection, connect
from botkit.ledger.postgresql.migrations import migrate
from botkit.ledger.postgresql.taking import Taking
from botkit.ledger.rows import input_to_bytes
from tests.postgresql import Server

HERE, ELSEWHERE = 7, 8


@pytest.fixture
def store(postgresql: Server) -> Iterator[Connection]:
    with connect(postgresql.empty(), "test") as connection:
        migrate(connection)
        yield connection


def _written(store: Connection, shard: int) -> int:
    """The row of a hook that a door of another process has written down."""
    event = UserMessage(key="1", at=Instant(1.0), text="hello", agent_transfer=None)
    given = Input(ConversationId("st-1", "ada"), event, HookBody(b"{}"))
    row = store.execute(
        "INSERT INTO inputs (shard, input, component_id, body, awaited) VALUES (%s, %s, 'default', '{}', false) RETURNING id",
        (shard, input_to_bytes(given, event)),
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_what_was_told_of_a_shard_that_has_left_is_for_its_next_owner(store: Connection) -> None:
    taking = Taking({})
    one, other = _written(store, HERE), _written(store, ELSEWHERE)
    assert taking.told(f"{other}:{ELSEWHERE},{one}:{HERE}", {HERE, ELSEWHERE})
    taken = taking.next(store, {HERE}, set(), at_most=10)
    assert [(each.row, each.shard) for each in taken] == [(one, HERE)]


def test_what_was_there_before_is_remembered_until_it_is_decided(store: Connection) -> None:
    taking = Taking({})
    one = _written(store, HERE)
    taking.gained([HERE])
    taking.find_missed(store, {HERE}, set())
    (taken,) = taking.next(store, {HERE}, set(), at_most=10)
    assert (taken.row, taken.inherited) == (one, True)
    store.execute("DELETE FROM inputs")
    taking.find_missed(store, {HERE}, set())
    assert not taking._inherited
