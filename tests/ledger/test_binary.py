"""Parameters and columns in PostgreSQL's binary format, which the server understands as psycopg's."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from botkit.ledger.postgresql.binary import ENCODERS
from botkit.ledger.postgresql.database import INPUTS_FAULT
from botkit.ledger.postgresql.prepared import Answer, Statement
from botkit.ledger.postgresql.prepared import Server as FarSide
from tests.postgresql import Server

VALUES: list[tuple[str, Any]] = [
    ("text", "grüße 🎉"),
    ("text[]", ["a", None, "grüße", ""]),
    ("text[]", []),
    ("bytea[]", [b"\0\1", None, b""]),
    ("bigint[]", [-(2**63), 0, 2**63 - 1]),
    ("bigint[]", []),
    ("smallint[]", [-(2**15), 63]),
    ("boolean[]", [True, False]),
]


def _executed(connection: psycopg.Connection[Any], query: str, values: Any) -> Answer:
    statement = Statement(query, 1)
    connection.execute("DEALLOCATE ALL")
    return statement.executed(FarSide(connection.pgconn), values)


@pytest.fixture
def connection(postgresql: Server) -> Any:
    with psycopg.connect(postgresql.url, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize(("type_", "value"), VALUES)
def test_the_server_takes_a_value_as_it_is(
    connection: psycopg.Connection[Any], type_: str, value: object
) -> None:
    query = f"SELECT %(value)b::{type_} IS NOT DISTINCT FROM %(same)b::{type_}, %(value)b::{type_}::text"
    same, text = _executed(connection, query, {"value": value, "same": value}).rows[0]
    theirs = connection.execute(f"SELECT %s::{type_}::text", (value,)).fetchone()
    assert (same, (text,)) == (True, theirs)


def test_every_type_of_a_parameter_is_tried() -> None:
    assert {type_ for type_, _ in VALUES} == set(ENCODERS)


def test_columns_are_read_as_they_are(connection: psycopg.Connection[Any]) -> None:
    query = """
        SELECT 1::bigint, 2::smallint, 3::int, 'grüße', '\\x00ff'::bytea, true, 1.5::float8, NULL::text,
            '{a,NULL}'::text[], '{1,2}'::bigint[], '{}'::smallint[], '{7}'::smallint[]
    """
    assert _executed(connection, query, ()).fetchall() == [
        (1, 2, 3, "grüße", b"\0\xff", True, 1.5, None, ["a", None], [1, 2], [], [7])
    ]


def test_it_tells_how_many_rows_a_statement_has_changed(connection: psycopg.Connection[Any]) -> None:
    connection.execute("CREATE TEMPORARY TABLE numbers AS SELECT * FROM generate_series(1, 5) AS number")
    deleted = _executed(connection, "DELETE FROM numbers WHERE number = ANY (%b::bigint[])", ([2, 3, 9],))
    assert (deleted.rowcount, deleted.fetchone()) == (2, None)


@pytest.mark.parametrize("value", ["a zero \0 byte", "half a \ud83d pair"])
def test_a_text_that_cannot_be_stored_is_a_fault_of_its_input(
    connection: psycopg.Connection[Any], value: str
) -> None:
    with pytest.raises(INPUTS_FAULT):
        _executed(connection, "SELECT %b::text[]", ([value],))
    assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("query", ["SELECT %s", "SELECT %b", "SELECT %(name)s::text"])
def test_a_parameter_says_its_type(query: str) -> None:
    with pytest.raises(ValueError, match="no format or type"):
        Statement(query, 1)
