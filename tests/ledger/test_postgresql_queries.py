"""Every query of the PostgreSQL ledger is used, and fits the schema that the migrations make."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

import botkit.ledger.postgresql
from botkit.ledger.postgresql.database import connect
from botkit.ledger.postgresql.migrations import MIGRATIONS, migrate
from botkit.ledger.postgresql.queries import SQL
from tests.postgresql import Server

PACKAGE = Path(botkit.ledger.postgresql.__file__).parent
PREPARED = {name: query for name, query in SQL.items() if not query.startswith(("LOCK ", "LISTEN "))}


@pytest.fixture
def tables(postgresql: Server) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with connect(postgresql.empty(), "test") as connection:
        migrate(connection)
        yield connection


def test_queries_fit_the_schema(tables: psycopg.Connection[tuple[object, ...]]) -> None:
    for name, query in PREPARED.items():
        tables.execute(f"PREPARE {name} AS {_numbered(query)}")


def test_every_query_is_used_and_every_used_one_is_there() -> None:
    code = "".join(file.read_text() for file in PACKAGE.glob("*.py"))
    assert {name for name in SQL if f'"{name}"' not in code} == set()
    assert set(re.findall(r'SQL\["(\w+)"\]', code)) <= set(SQL)


def test_migrations_are_numbered_without_a_gap_and_say_who_can_live_with_them() -> None:
    files = sorted((PACKAGE / "migrations").glob("*.sql"))
    assert [int(file.name[:4]) for file in files] == [*range(1, len(MIGRATIONS) + 1)]
    for number, script in enumerate(MIGRATIONS, 1):
        found = re.match(r"-- usable from version (\d+)\n", script)
        assert found
        assert 0 < int(found[1]) <= number


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("inputs", ([1, 2],)),
        ("delete_inputs", ([1, 2],)),
        ("delete_effects", ([1, 2],)),
        ("seen_keys", (["a", "b"],)),
        ("newest_hook", ("bot", "user", "channel")),
        ("forget_names", (["bot"], ["name"], ["user"], ["channel"])),
    ],
)
def test_plans_that_are_made_for_empty_tables_are_good_for_full_ones(
    tables: psycopg.Connection[tuple[object, ...]], name: str, values: Any
) -> None:
    tables.execute("VACUUM ANALYZE")
    plan = "\n".join(str(line) for (line,) in tables.execute(f"EXPLAIN {SQL[name]}", values))
    assert "Index" in plan
    assert "Seq Scan" not in plan


def _numbered(query: str) -> str:
    """The query with the server's own placeholders."""
    numbers = count(1)
    return re.sub(r"%(?:\(\w+\))?[bs]", lambda _: f"${next(numbers)}", query).replace("%%", "%")


@pytest.mark.parametrize(
    ("name", "values", "index"),
    [
        ("undecided", (list(range(64)),), "inputs_undecided"),
        ("kept_inputs", {"shard": 3, "after": 5, "rows": 10}, "inputs_kept"),
        ("newest_hook_of_user", {"bot": "bot", "user": "u-7"}, "payloads_pkey"),
    ],
)
def test_frequent_queries_read_no_whole_table(
    postgresql: Server, tables: psycopg.Connection[tuple[object, ...]], name: str, values: Any, index: str
) -> None:
    with psycopg.connect(postgresql.url) as other:
        # A reader elsewhere, such as autovacuum: vacuum marks no page as visible to all, and plans must not depend on it.
        other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM meta")
        tables.execute(
            "INSERT INTO inputs (shard, input, component_id, body, awaited, rank)"
            " SELECT n % 64, 'input', 'default', convert_to(repeat('b', 2000), 'UTF8'), false, CASE WHEN n % 20 > 0 THEN n END"
            " FROM generate_series(1, 3000) AS n"
        )
        tables.execute(
            "INSERT INTO payloads (bot_id, user_id, channel, component_id, body, at)"
            " SELECT 'bot', 'u-' || n, 'rtm', 'default', '{}', n FROM generate_series(1, 3000) AS n"
        )
        tables.execute("VACUUM ANALYZE inputs, payloads")
    plan = "\n".join(str(line) for (line,) in tables.execute(f"EXPLAIN {SQL[name]}", values))
    assert index in plan
    assert "Seq Scan on inputs" not in plan
    assert "Seq Scan on payloads" not in plan
