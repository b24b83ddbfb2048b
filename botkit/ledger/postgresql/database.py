"""Connections to PostgreSQL: how they are opened, and what each is for."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from botkit.errors import LedgerError

Connection = psycopg.Connection[tuple[Any, ...]]

CONNECT_SECONDS = 5
IDLE_SECONDS = 5
"""The server closes the session of an owner that has been silent for so long, and with it lets go of its shards."""
STATEMENT_SECONDS = 8
_NETWORK: dict[str, Any] = {
    # A machine that has vanished is noticed within five seconds.
    "keepalives": 1,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 5_000,
}
LOST = (psycopg.OperationalError, psycopg.InterfaceError)
"""Errors after which a connection is not to be used again; of a commit, nobody knows whether it succeeded."""
INPUTS_FAULT = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.ProgrammingError,
    ValueError,
    OverflowError,
)
"""Errors of an input whose values PostgreSQL cannot store (a zero byte in a text, half a surrogate pair)."""


def connect(url: str, purpose: str, *, settings: dict[str, str | int] | None = None) -> Connection:
    """Open a connection; each statement is a transaction of its own.

    Args:
        url: ``postgresql://user:password@host/database``.
        purpose: shown in ``pg_stat_activity`` after ``botkit``.
        settings: of the server for this session.

    Raises:
        LedgerError: what is wrong, without the password.
    """
    given = {"statement_timeout": STATEMENT_SECONDS * 1000, "lock_timeout": 0, **(settings or {})}
    options = " ".join(f"-c {name}={value}" for name, value in given.items())
    try:
        return psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            application_name=f"botkit {purpose}",
            options=options,
            # A pooler in transaction mode knows no prepared statements of the session; psycopg would make them by itself.
            prepare_threshold=1,
            **_NETWORK,
        )
    except psycopg.Error as error:
        raise LedgerError(f"the store cannot be reached at {address(url)} ({reason(error)})") from error


def address(url: str) -> str:
    """Host, port and database of a URL, for messages: never user or password."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error:
        return "the address in store.url"
    return f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"


def reason(error: psycopg.Error) -> str:
    """Why a statement or a connection failed, in one line. The server's details, which quote values, are left out."""
    text = error.diag.message_primary or str(error)
    return text.strip().partition("\n")[0].rpartition("FATAL:  ")[2] or type(error).__name__
