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


def test_repeated_keys_are_no_errors_to_the_server(postgresql: Server) -> None:
    """Its log would have a line, with the statement, of each event that the agents' side lists again."""
    log = postgresql.folder / "log"
    with connect(postgresql.empty(), "start") as connection:
        migrate(connection)
        before = len(log.read_bytes())
        batch = _batch("seen")
        batch.keys["new"] = ("new", Instant(1.0), None)
        write(connection, _batch("seen"), Rows())
        for rows in (Rows(), Rows(answered=[(1, "")], sent_on=[(1, 2)])):
            with pytest.raises(KeysSeen):
                write(connection, batch, rows)
        assert connection.execute("SELECT key FROM inbox").fetchall() == [("seen",)]
        assert connection.execute("SELECT count(*) FROM answers").fetchone() == (0,)
        write(connection, _batch("new"), Rows(answered=[(1, "")]))
        assert connection.execute("SELECT count(*) FROM answers").fetchone() == (1,)
    assert b"ERROR" not in log.read_bytes()[before:]
