"""The kinds of stores by their URL, and what each offers beside its ledger."""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib.util import find_spec

from botkit.errors import LedgerUnusable
from botkit.ledger.sqlite.store import file_of
from botkit.ledger.sqlite.stories import stories_in_file
from botkit.ledger.stories import StoryReader


def is_postgresql(url: str) -> bool:
    """Whether the URL names a PostgreSQL store."""
    return url.partition("://")[0].partition("+")[0] in ("postgresql", "postgres")


def require_psycopg() -> None:
    """Raises: LedgerUnusable if the driver of PostgreSQL stores is not installed."""
    if find_spec("psycopg") is None:
        raise LedgerUnusable(
            "a PostgreSQL store needs psycopg, which is not installed", "pip install 'botkit[postgresql]'"
        )


def stories_in(url: str) -> AbstractContextManager[StoryReader]:
    """The stories in the store that `store.url` names.

    Raises:
        LedgerError: the store cannot be read, or was written by a version without stories.
    """
    return stories_in_file(file_of(url))
