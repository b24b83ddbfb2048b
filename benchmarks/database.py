"""Databases on a PostgreSQL server for measurements, and the server's own processor time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from benchmarks.machine import cpu_seconds, cpu_seconds_of_ended_children
from botkit.ledger.postgresql.ownership import LOCK
from botkit.ledger.postgresql.shards import SHARDS
from botkit.testing.waiting import within

_SHARES = f"""
    SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = {LOCK}
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) GROUP BY pid
"""
_SHARE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Database:
    """A new database, and the server's first process if that is on this machine."""

    url: str
    server_pid: int | None

    def share(self, processes: int) -> None:
        """Wait until so many processes share the users evenly."""
        import psycopg

        def shared() -> bool:
            held = [number for (number,) in connection.execute(_SHARES)]
            return len(held) == processes and sum(held) == SHARDS and max(held) - min(held) < processes

        with psycopg.connect(self.url, autocommit=True) as connection:
            if not within(_SHARE_SECONDS, shared):
                raise RuntimeError(f"{processes} processes do not share the users")

    def server_seconds(self) -> float:
        """The processor time of all processes of the server so far; 0 if it is elsewhere."""
        if self.server_pid is None:
            return 0.0
        # Those whose connection has ended are counted by their parent.
        return cpu_seconds(self.server_pid) + cpu_seconds_of_ended_children(self.server_pid)


@contextmanager
def new_database(server_url: str) -> Iterator[Database]:
    """Make a database on the server of this URL, whose user may do so, and drop it afterwards."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    name = f"botkit_bench_{uuid4().hex[:8]}"
    parts = {key: str(value) for key, value in conninfo_to_dict(server_url).items()}
    user, password, host = parts.get("user", ""), parts.get("password", ""), parts.get("host", "127.0.0.1")
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        connection.execute("CHECKPOINT")
        server = _parent(connection.info.backend_pid)
        secret = f":{password}" if password else ""
        try:
            yield Database(f"postgresql://{user}{secret}@{host}:{parts.get('port', '5432')}/{name}", server)
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _parent(backend: int) -> int | None:
    """The parent of a server's process, if it runs here."""
    try:
        status = Path(f"/proc/{backend}/status").read_text()
    except OSError:
        return None
    if not status.startswith("Name:\tpostgres"):
        return None
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("PPid:"))
