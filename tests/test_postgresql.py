"""The PostgreSQL server of the tests."""

from __future__ import annotations

import psycopg

from tests.postgresql import Server


def test_a_commit_outlives_a_kill_of_the_server(postgresql: Server) -> None:
    url = postgresql.empty()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    postgresql.kill()
    postgresql.start()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT one FROM kept").fetchall() == [(1,)]


def test_it_is_empty_again_for_the_next_test(postgresql: Server) -> None:
    url = postgresql.empty()
    busy = psycopg.connect(url)
    busy.execute("CREATE TABLE left_over (one int)")
    busy.commit()
    busy.execute("SELECT FROM left_over")
    with psycopg.connect(postgresql.empty()) as connection:
        assert connection.execute("SELECT to_regclass('left_over')").fetchone() == (None,)
    busy.close()
