"""Checks of a PostgreSQL store and of its server. They change nothing, and may run beside the service."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botkit.checks import Outcome, failed, passed, warned
from botkit.config.settings import StoreSettings
from botkit.config.values import store_place
from botkit.errors import LedgerUnusable

if TYPE_CHECKING:
    from botkit.ledger.postgresql.database import Connection

_COMMITS = 20
_SLOW_SECONDS = 0.020


@dataclass(frozen=True, slots=True)
class StoreServer:
    """The server of a store; psycopg is imported only when a check looks."""

    settings: StoreSettings
    monotonic: Callable[[], float] = time.perf_counter

    def store(self) -> Outcome:
        """The server can be reached and is good enough, and this user has the rights that a store needs."""
        from botkit.ledger.postgresql import server

        try:
            with self._committing() as connection:
                server.examine(connection)
                version = server.version(connection)
                tables = server.describe_tables(connection)
            if self.settings.direct_url:
                with self._owning() as owning, self._committing() as committing:
                    server.examine_both(committing, owning)
        except LedgerUnusable as unusable:
            return failed(unusable.what, unusable.fix)
        return passed(f"{store_place(self.settings.url)}, version {version}; {tables}")

    def notifications(self) -> Outcome:
        """No pooler in between swallows notifications, or the limits of a session."""
        from botkit.ledger.postgresql import server
        from botkit.ledger.postgresql.database import connect

        try:
            with self._owning() as listener, self._committing() as notifier:
                server.examine_notifications(listener, notifier)
            with connect(
                self.settings.direct_url or self.settings.url, "doctor", settings=server.START
            ) as owning:
                server.examine_session(owning)
        except LedgerUnusable as unusable:
            return failed(unusable.what, unusable.fix)
        return passed("a notification to ourselves arrives")

    def speed(self) -> Outcome:
        """Commits are durable in time: each hook waits for one."""
        try:
            with self._committing() as connection:
                seconds = sorted(self._commits(connection))
        except LedgerUnusable as unusable:
            return failed(unusable.what, unusable.fix)
        median, worst = statistics.median(seconds), seconds[-1]
        seen = f"a commit takes {median * 1000:.1f} ms, the slowest of {_COMMITS} {worst * 1000:.1f} ms"
        if median > _SLOW_SECONDS:
            return warned(
                f"{seen}: each hook waits for one",
                "move the server closer, or put it on faster disks; a synchronous standby adds its own time",
            )
        return passed(seen)

    def _committing(self) -> Connection:
        """A connection to where hooks are committed."""
        return _connect(self.settings.url)

    def _owning(self) -> Connection:
        """A connection to where shards are owned and notifications are heard."""
        return _connect(self.settings.direct_url or self.settings.url)

    def _commits(self, connection: Connection) -> Iterator[float]:
        from botkit.ledger.postgresql.server import commit_nothing

        for _ in range(_COMMITS):
            began = self.monotonic()
            commit_nothing(connection)
            yield self.monotonic() - began


def _connect(url: str) -> Connection:
    from botkit.ledger.postgresql.database import connect

    return connect(url, "doctor", pooled=True)  # perhaps it is one, and that is what a check shall find
