"""Listens for notifications of awaited outcomes, where there is no owner. They are hints: after a gap, the rows are searched."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from psycopg import sql as composed

from botkit.errors import LedgerError
from botkit.ledger.postgresql.database import LOST, Connection, connect
from botkit.observability.events import get_logger

_log = get_logger("botkit.ledger")

_RETRY_SECONDS = 0.2
_LOOK_SECONDS = 1.0
"""How often it shows that it lives."""
SESSION: dict[str, str | int] = {
    # One that nobody reads would keep the server from forgetting notifications that all others have heard.
    "idle_session_timeout": 15_000,
    "tcp_user_timeout": 5_000,
}


class Listener:
    """One thread and one connection.

    Args:
        url: of the database, without a pooler in between.
        told: what is called with the text of each notification, by its channel; quick, from this thread.
        missed: called after every connect: some may have been missed.
    """

    def __init__(
        self, url: str, told: Mapping[str, Callable[[str], None]], missed: Callable[[], None]
    ) -> None:
        self._url = url
        self._told = told
        self._missed = missed
        self._stop = threading.Event()
        self._listens = True
        """False from the loss of a connection on, so that the log says it once."""
        self._thread = threading.Thread(target=self._run, name="botkit-listener", daemon=True)

    def start(self) -> None:
        """Start to listen."""
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with connect(self._url, "listener", settings=SESSION) as connection:
                    self._listen(connection)
            except (LOST, LedgerError) as error:
                if self._listens:
                    _log.warning("notifications_lost", error=type(error).__name__)
                self._listens = False
                self._stop.wait(_RETRY_SECONDS)

    def _listen(self, connection: Connection) -> None:
        for channel in self._told:
            connection.execute(composed.SQL("LISTEN {}").format(composed.Identifier(channel)))
        self._listens = True
        self._missed()
        while not self._stop.is_set():
            for one in connection.notifies(timeout=_LOOK_SECONDS):
                self._told[one.channel](one.payload)
                if self._stop.is_set():
                    return
            connection.execute("SELECT 1")
