"""The kinds of stores by their URL, and what each offers beside its ledger."""

from __future__ import annotations

from contextlib import AbstractContextManager

from botkit.errors import LedgerUnusable
from botkit.ledger.copying import Source, Target
from botkit.ledger.kinds import is_postgresql
from botkit.ledger.sqlite.copying import source_in_file, target_in_file
from botkit.ledger.sqlite.store import file_of
from botkit.ledger.sqlite.stories import stories_in_file
from botkit.ledger.stories import StoryReader


def require_psycopg() -> None:
    """Raises: LedgerUnusable if the driver of PostgreSQL stores is not installed."""
    try:
        import psycopg  # noqa: F401
    except ImportError as error:  # also without libpq, which its extra "binary" brings
        raise LedgerUnusable(
            "a PostgreSQL store needs psycopg, which is not installed", "pip install 'botkit[postgresql]'"
        ) from error


def stories_in(url: str) -> AbstractContextManager[StoryReader]:
    """The stories in the store that `store.url` names.

    Raises:
        LedgerError: the store cannot be read, or was written by a version without stories.
    """
    if is_postgresql(url):
        require_psycopg()
        from botkit.ledger.postgresql.stories import stories_in_database

        return stories_in_database(url)
    return stories_in_file(file_of(url))


def source_at(url: str) -> AbstractContextManager[Source]:
    """The store that a URL names, to be read by a copy.

    Raises:
        LedgerBusy: a process uses it.
        LedgerError: it cannot be read, or is of another version.
    """
    if is_postgresql(url):
        require_psycopg()
        from botkit.ledger.postgresql.copying import source_in_database

        return source_in_database(url)
    return source_in_file(file_of(url))


def target_at(url: str) -> AbstractContextManager[Target]:
    """The empty store that a URL names, to be written by a copy. It is made if it is not there.

    Raises:
        LedgerBusy: a process uses it.
        LedgerError: it cannot be used, or is not empty.
    """
    if is_postgresql(url):
        require_psycopg()
        from botkit.ledger.postgresql.copying import target_in_database

        return target_in_database(url)
    return target_in_file(file_of(url))
