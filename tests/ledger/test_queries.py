"""Every query of the SQLite ledger is used, and fits the schema that the migrations make."""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import botkit.ledger.sqlite
from botkit.ledger.sqlite.migrations import MIGRATIONS, migrate
from botkit.ledger.sqlite.queries import SQL

PACKAGE = Path(botkit.ledger.sqlite.__file__).parent


@pytest.fixture(scope="module")
def store() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        yield connection


@pytest.mark.parametrize("name", SQL)
def test_a_query_fits_the_schema(store: sqlite3.Connection, name: str) -> None:
    query = SQL[name]
    values: Any = [None] * query.count("?") if "?" in query else defaultdict(lambda: None)
    assert store.execute(f"EXPLAIN {query}", values).fetchall()


def test_every_query_is_used_and_every_used_one_is_there() -> None:
    code = "".join(file.read_text() for file in PACKAGE.rglob("*.py"))
    assert set(re.findall(r'SQL\["(\w+)"\]', code)) == set(SQL)


def test_migrations_are_numbered_without_a_gap() -> None:
    numbers = sorted(int(file.name[:4]) for file in (PACKAGE / "migrations").glob("*.sql"))
    assert numbers == [*range(1, len(MIGRATIONS) + 1)]
