"""What is deleted of a PostgreSQL store because it is old."""

from __future__ import annotations

import pytest

from botkit.handoff.conversation import Instant
from botkit.ledger.postgresql import reading
from botkit.ledger.postgresql.database import connect
from botkit.ledger.postgresql.migrations import migrate
from botkit.ledger.postgresql.queries import SQL
from tests.postgresql import Server


def test_old_keys_go_some_at_a_time_and_those_of_live_sessions_stay(
    postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "SWEEP_KEYS", 2)
    with connect(postgresql.empty(), "start") as connection:
        migrate(connection)
        connection.execute(
            "INSERT INTO inbox SELECT 'k' || n, n / 3, CASE WHEN n % 4 = 0 THEN 'live' WHEN n % 4 = 1 THEN 'over' END"
            " FROM generate_series(1, 20) AS n"
        )
        connection.execute(
            "INSERT INTO conversations VALUES ('bot', 'user', '', 0, '', '', true, NULL, 'live')"
        )
        assert reading.forget(connection, Instant(5.0), None) == 14 - 3
        left = connection.execute("SELECT substr(key, 2)::int AS n FROM inbox ORDER BY n").fetchall()
        assert [n for (n,) in left] == [4, 8, 12, *range(15, 21)]
        assert reading.forget(connection, Instant(5.0), None) == 0


def test_a_sweep_reads_no_whole_table(postgresql: Server) -> None:
    with connect(postgresql.empty(), "start") as connection:
        migrate(connection)
        connection.execute("INSERT INTO inbox SELECT 'k' || n, n, NULL FROM generate_series(1, 3000) AS n")
        connection.execute("VACUUM ANALYZE inbox")
        old = {"after": 0.0, "before": 100.0, "rows": 10}
        plan = connection.execute(f"EXPLAIN {SQL['delete_old_keys']}", old).fetchall()
        assert "Index Scan using inbox_at" in str(plan)
        assert "Tid Scan" in str(plan)
        assert "Seq Scan on inbox" not in str(plan)
