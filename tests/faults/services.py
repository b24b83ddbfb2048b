"""BotKit between the clouds: as a kit in this process, which starts quickly and can be inspected, or as a real process."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import pytest
import requests

from botkit.config.load import load
from botkit.kit import BotKit
from botkit.testing.payload_parts import merged
from botkit.testing.process import write_configuration
from botkit.testing.serving import free_ports
from botkit.testing.waiting import until
from tests.doors import DoorName, opened
from tests.faults.stage import Stage

START_SECONDS = 60.0
"""Much longer than a start takes, for busy machines."""

Program = Literal["serve", "wsgi", "wsgi in a thread"]
PROGRAMS: dict[Program, list[str]] = {
    "serve": ["-m", "botkit", "serve"],
    "wsgi": ["-m", "tests.faults.wsgi_service"],
    "wsgi in a thread": ["-m", "tests.faults.wsgi_service", "--in-another-thread"],
}
"""`botkit serve`, which is ASGI, and an application behind a WSGI server, also where the main thread ends first."""
_WSGI = pytest.param("wsgi", marks=pytest.mark.slow)
EACH_DOOR, EACH_PROGRAM = ["asgi", _WSGI], ["serve", _WSGI]
"""The parameters of a fixture: `make test` takes the one, `make test-slow` the other."""
ROOT = Path(__file__).parent.parent.parent


def configuration(
    folder: Path,
    stage: Stage,
    *,
    receive: str = "stream",
    salesforce_url: str = "",
    changes: Mapping[str, Mapping[str, Any]] | None = None,
) -> Path:
    """Write both YAML files, with retries quick enough for tests. `changes` are merged into the bot's file.

    Kore is given time: on a busy machine an answer that comes after the time-out is a message that is shown twice.
    """
    addresses = dict(stage.clouds.sandbox.addresses())
    if salesforce_url:
        addresses["salesforce_url"] = salesforce_url
    quick = {
        "kore": {"timeout": "15s"},
        "agents": {
            "fallback": [],
            "systems": {
                "salesforce": {"poll_interval": "100ms", "timeout": "1s"},
                "legacy": {"timeout": "1s"},
            },
        },
        "delivery": {"give_up_after": "1m", "first_retry": "50ms", "slowest_retry": "400ms"},
    }
    bot = merged(quick, changes or {})
    return write_configuration(folder, addresses, port=8003, receive=receive, bot=bot)


class InProcess:
    """A kit behind a door in this process. `restart` closes it gracefully; the server stays."""

    def __init__(self, configuration: Path, stage: Stage, *, door: DoorName = "wsgi") -> None:
        self._configuration = configuration
        self._stage = stage
        self._door = opened(door)
        self.url, self.stop = self._door.url, self._door.stop
        self.kit: BotKit

    def __enter__(self) -> InProcess:
        self.start()
        self._stage.hooks_go_to(self.url)
        return self

    def __exit__(self, *_: object) -> None:
        self._door.close()
        self.stop()

    def start(self) -> None:
        self.kit = BotKit(load(self._configuration), share=False)
        self._door.open(self.kit)

    def restart(self) -> None:
        self._door.close()
        self.start()

    def metric(self, name: str) -> float:
        """The sum over all labels of one metric."""
        return metric(self.kit.telemetry.exposition().decode(), name)


class Process:
    """A service as a process that can be killed. Every start takes the same port, which no connection can take in between."""

    def __init__(self, configuration: Path, stage: Stage, *, program: Program = "serve") -> None:
        self._configuration = configuration
        self._command = [sys.executable, *PROGRAMS[program], "--config", str(configuration)]
        self._stage = stage
        self._log = configuration.parent / "serve.log"
        self._port = free_ports(1)
        self.folder = ROOT
        """Where its program is; another version of it may be started next."""
        self.possible_duplicates = 0.0
        """The sum of botkit_possible_duplicates_total over all processes so far."""
        self.process: subprocess.Popen[bytes]

    def __enter__(self) -> Process:
        self.start()
        self._stage.hooks_go_to(self.url)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(START_SECONDS)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, wait until it is ready, and add its possible duplicates."""
        self.spawn()
        until(self.ready, "until the service is ready", seconds=START_SECONDS)
        self.possible_duplicates += self.metric("botkit_possible_duplicates_total")

    def spawn(self) -> None:
        """Start it; it may not be ready."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self._command, "--port", str(self._port)],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def ready(self) -> bool:
        assert self.process.poll() is None, f"the service ended: {self._log.read_text()[-2000:]}"
        try:
            return requests.get(f"{self.url}/readyz", timeout=30).ok
        except requests.RequestException:
            return False

    def kill(self) -> None:
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(START_SECONDS)

    def kill_and_restart(self) -> None:
        self.kill()
        self.start()

    def users_with_deliveries(self) -> set[str]:
        """Ids of the users to whom messages are on their way, according to the store."""
        store = f"file:{self._configuration.parent / 'botkit.db'}?mode=ro"
        with closing(sqlite3.connect(store, uri=True)) as connection:
            rows = connection.execute("SELECT DISTINCT user_id FROM outbox WHERE lane = 'user'").fetchall()
        return {user_id for (user_id,) in rows}

    def metric(self, name: str) -> float:
        return metric(until(self._metrics, "until the metrics can be read", seconds=START_SECONDS), name)

    def _metrics(self) -> str | None:
        try:
            return requests.get(f"{self.url}/metrics", timeout=30).text
        except requests.ConnectionError:
            return None


def children_of(pid: int) -> list[int]:
    """Living children of a process."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # It ended meanwhile.
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def is_alive(pid: int) -> bool:
    """Whether a process that is not our child still runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def metric(exposition: str, name: str) -> float:
    """The sum of a metric's samples in Prometheus' text form."""
    lines = [line for line in exposition.splitlines() if re.match(rf"{name}(\{{|\s)", line)]
    return sum(float(line.rpartition(" ")[2]) for line in lines)
