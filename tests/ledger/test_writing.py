"""Commits of an owner of shards on PostgreSQL."""

from __future__ import annotations

import itertools

import pytest

from botkit.handoff.conversation import Instant
from botkit.ledger.batch import Batch
from botkit.ledger.memory import Remembered
from botkit.ledger.postgresql.database import connect
from botkit.ledger.postgresql.migrations import migrate
from botkit.ledger.postgresql.writing import KeysSeen, Rows, write
from tests.ledger.ledger_stage import rules
from tests.postgresql import Server


def _batch(key: str) -> Batch:
    batch = Batch(rules, Remembered(), itertools.count(1, 2))
    batch.keys[key] = (key, Instant(1.0), None)
    return batch


def test_repeated_keys_leave_the_connection_as_it_was(
    postgresql: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Statements that follow a repeated key in its commit are never prepared, and other commits need them."""
    with connect(postgresql.empty(), "start") as connection:
        migrate(connection)
        write(connection, _batch("seen"), Rows())
    with connect(postgresql.url, "writer") as connection:
        for number in range(8):
            with pytest.raises(KeysSeen):
                write(connection, _batch("seen"), Rows(done=[number], failed=[number]))
            write(connection, _batch(f"new {number}"), Rows(done=[number]))
            write(connection, _batch(f"newer {number}"), Rows(failed=[number]))
    assert not caplog.records
