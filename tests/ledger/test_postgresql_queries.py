"""Every query of the PostgreSQL ledger is used, and fits the schema that the migrations make."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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
_PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[bs]")
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


GROWING = {"answers", "conversations", "inbox", "inputs", "live_names", "outbox", "payloads", "story"}
READS_WHOLE_TABLES = {
    # When shards are gained.
    "names",
    # Sweeps, once a minute.
    *(
        "ended_conversations",
        "delete_old_keys",
        "delete_old_payloads",
        "delete_old_steps",
        "delete_old_answers",
    ),
    # What operators ask, and copies of a store.
    *("beginnings", "live_session", "steps", "stories_with_record", "counts", "unfinished_inputs"),
    *("all_conversations", "all_effects", "all_payloads", "all_keys", "all_steps"),
}
"""Queries that need not find each row by its index."""


@pytest.mark.parametrize("vacuumed", [False, True])
def test_plans_that_are_made_for_empty_tables_are_good_for_full_ones(
    tables: psycopg.Connection[tuple[Any, ...]], vacuumed: bool
) -> None:
    """They are kept. The server thinks of tables that it has never vacuumed as small, of others as empty if they were."""
    if vacuumed:
        tables.execute("VACUUM ANALYZE")
    tables.execute("SET plan_cache_mode = force_generic_plan")
    scans = [
        (name, scan)
        for name in PREPARED.keys() - READS_WHOLE_TABLES
        for scan in _scans(_generic_plan(tables, name))
    ]
    for name, scan in scans:
        condition = scan.get("Index Cond", "")
        assert condition, (name, scan)
        # Most stores are of one bot: its id alone finds all of a table.
        assert not re.fullmatch(r"\(bot_id = [^()]*(\(.*\))?\)", condition), (name, scan)
    assert len(scans) > 30


def _generic_plan(tables: psycopg.Connection[tuple[Any, ...]], name: str) -> Mapping[str, Any]:
    """The root of the plan that the server keeps for a query, whatever its values are."""
    tables.execute(f"PREPARE {name} AS {_numbered(PREPARED[name])}")
    values = ", ".join(["NULL"] * len(_PLACEHOLDER.findall(PREPARED[name])))
    execute = f"EXECUTE {name} ({values})" if values else f"EXECUTE {name}"
    ((plan,),) = tables.execute(f"EXPLAIN (FORMAT JSON) {execute}").fetchall()
    root: Mapping[str, Any] = plan[0]["Plan"]
    return root


def _scans(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """How a plan finds rows in tables that grow. A bitmap is filled by an index, and places come from elsewhere in the plan."""
    is_scan = node["Node Type"] not in ("ModifyTable", "LockRows", "Bitmap Heap Scan", "Tid Scan")
    if is_scan and (node.get("Relation Name") in GROWING or node["Node Type"] == "Bitmap Index Scan"):
        yield node
    for one in node.get("Plans", ()):
        yield from _scans(one)


def _numbered(query: str) -> str:
    """The query with the server's own placeholders."""
    numbers = count(1)
    return _PLACEHOLDER.sub(lambda _: f"${next(numbers)}", query).replace("%%", "%")


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
