"""Reads the stories of hand-offs from a PostgreSQL store, also while services write to it. It never changes the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg

from botkit.errors import LedgerError
from botkit.ledger.postgresql.database import address, connect, reason
from botkit.ledger.postgresql.migrations import version_of
from botkit.ledger.postgresql.queries import SQL
from botkit.ledger.stories import StoryQueries, StoryReader

_QUERIES = StoryQueries(
    beginnings=SQL["beginnings"],
    with_record=SQL["stories_with_record"],
    steps=SQL["steps"],
    live_session=SQL["live_session"],
    waiting=SQL["waiting_effects"],
)


@contextmanager
def stories_in_database(url: str) -> Iterator[StoryReader]:
    """The stories in a database.

    Raises:
        LedgerError: it cannot be read, or has no store.
    """
    with connect(url, "explain", pooled=True) as connection:

        def execute(query: str, values: Mapping[str, Any]) -> Iterable[tuple[Any, ...]]:
            return connection.execute(query, values)

        try:
            if version_of(connection) == 0:
                raise LedgerError(
                    f"there is no store at {address(url)}; does store.url name the one of the service?"
                )
            yield StoryReader(execute, _QUERIES)
        except psycopg.Error as error:
            raise LedgerError(f"the store at {address(url)} cannot be read ({reason(error)})") from error
