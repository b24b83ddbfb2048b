"""Reads the stories of hand-offs from an SQLite store, also while a service writes to it. It never changes the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from botkit.errors import LedgerError
from botkit.ledger.sqlite.queries import SQL
from botkit.ledger.stories import StoryQueries, StoryReader

_QUERIES = StoryQueries(
    beginnings=SQL["beginnings"],
    with_record=SQL["stories_with_record"],
    steps=SQL["steps"],
    live_session=SQL["live_session"],
    waiting=SQL["waiting_effects"],
)


@contextmanager
def stories_in_file(path: Path) -> Iterator[StoryReader]:
    """The stories in the file of a store.

    Raises:
        LedgerError: it does not exist, cannot be read, or was written by a version without stories.
    """
    if not path.is_file():
        raise LedgerError(f"there is no store at {path}; does store.url name the one of the service?")
    try:
        with closing(
            sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5.0)
        ) as connection:
            if connection.execute(SQL["has_stories"]).fetchone() is None:
                raise LedgerError(
                    f"the store {path} is of a version that keeps no stories; start the service once"
                )
            yield StoryReader(connection.execute, _QUERIES)
    except sqlite3.Error as error:
        raise LedgerError(
            f"the store {path} cannot be read: {error}; run it as the service's user"
        ) from error
