"""The processes of a house: `botkit serve`, each with a configuration of its own, on one store."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import aiohttp
import jwt

from botkit.testing.serving import free_ports
from tests.faults.services import metric
from tests.hostile.controls import Controls
from tests.hostile.scale import CALL_SECONDS

BOT_ID = "st-11111111-2222-5333-8444-555555555555"
SECRET = "a secret of the cluster, at least thirty-two bytes long"
START_SECONDS = 90.0
STOP_SECONDS = 30.0
GIVE_UP_SECONDS = 300
"""The product's default."""
ROOT = Path(__file__).resolve().parents[2]
_DUPLICATES = "botkit_possible_duplicates_total"


class Member:
    """One process, which can be killed, frozen and started again on its port.

    Args:
        name: of the member; the client id of its JWT app ends with it.
        folder: for its configuration and its log.
        store: the store's URL; empty for a file in its folder.
        system: the section of the agent system.
        give_up_seconds: how long a call is repeated that fails.
        call_seconds: the time limit of a call.
        patches: what is changed in the program beside clock and crashes, see `patches`.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        *,
        store: str,
        system: Mapping[str, object],
        give_up_seconds: int = GIVE_UP_SECONDS,
        call_seconds: int = CALL_SECONDS,
        patches: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.client_id = f"cs-{name}"
        self.port = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.door_url = self.url
        """Where hooks are posted."""
        self.process: subprocess.Popen[bytes] | None = None
        self.pids: list[int] = []
        """Of all its processes so far, the newest last."""
        self.frozen = False
        self.cut_off = False
        """Whether it cannot reach the database."""
        self._counted = 0.0
        """What its former processes had counted."""
        self._seen = 0.0
        """What its newest process had counted when it was last asked."""
        self._configuration = _configure(
            folder / name, self.client_id, store, system, give_up_seconds, call_seconds
        )
        self.folder = self._configuration.parent
        path = self.folder / "controls"
        self.controls = Controls(path)
        self.syncs = self.folder / "syncs"
        """How far the log of SQLite is synced; see `power`."""
        self._patches = [
            f"stepped-clock={path}",
            f"chosen-crash={path}",
            f"noted-syncs={self.syncs}",
            "stamped-calls",
            *patches,
        ]
        self._log = self.folder / "serve.log"

    @property
    def up(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def token(self) -> str:
        """Signed for this member's JWT app."""
        return jwt.encode(
            {"appId": self.client_id, "exp": int(time.time()) + 24 * 3600}, SECRET, algorithm="HS256"
        )

    def spawn(self) -> None:
        """Start it; it may not be ready."""
        self._counted, self._seen = self._counted + self._seen, 0.0
        with self._log.open("ab") as log:
            self.process = _run(self._configuration, self.port, log, self._patches)
        self.pids.append(self.process.pid)

    async def ready(self, session: aiohttp.ClientSession) -> None:
        """Wait until it serves."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            if not self.up:
                raise RuntimeError(f"{self.name} has ended: {self.last_words()}")
            try:
                async with session.get(f"{self.url}/readyz") as response:
                    if response.ok:
                        return
            except (aiohttp.ClientError, TimeoutError):
                pass
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} is not ready: {self.last_words()}")
            await asyncio.sleep(0.1)

    async def kill(self, session: aiohttp.ClientSession) -> float:
        """kill -9, with its counter read before; wait until it has ended. Returns when it was killed (epoch)."""
        await self.possible_duplicates(session)
        at = time.time()
        self._signal(signal.SIGKILL)
        assert self.process is not None
        # A process with thousands of connections takes a while to end: both emulated sides must not stand still for it.
        await asyncio.to_thread(self.process.wait, 10)
        return at

    async def terminate(self, session: aiohttp.ClientSession) -> None:
        """SIGTERM, with its counter read before; wait until it has ended."""
        await self.possible_duplicates(session)
        self._signal(signal.SIGTERM)
        assert self.process is not None
        await asyncio.to_thread(self.process.wait, STOP_SECONDS)

    def freeze(self) -> None:
        """Let it stand still."""
        self.frozen = True
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)
        self.frozen = False

    def stop(self) -> None:
        """Stop it in good order."""
        if self.process is not None and self.up:
            self._signal(signal.SIGCONT)
            self._signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
                self.process.wait(10)

    async def possible_duplicates(self, session: aiohttp.ClientSession) -> float:
        """What it has counted so far, with its processes that are gone; of one that does not answer, what was last seen."""
        try:
            async with session.get(f"{self.url}/metrics") as response:
                self._seen = metric(await response.text(), _DUPLICATES)
        except (aiohttp.ClientError, TimeoutError):
            pass
        return self._counted + self._seen

    def last_words(self) -> str:
        """The end of its log."""
        return self._log.read_text()[-3000:]

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)


def _run(configuration: Path, port: int, log: IO[bytes], patches: Sequence[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.hostile.patches", "serve"]
    command += ["--config", str(configuration), "--port", str(port)]
    environment = os.environ | {"BOTKIT_TEST_PATCHES": " ".join(patches)}
    # As an installed package, it is compiled once: a process that is killed must not compile everything again.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
    )


def _configure(
    folder: Path,
    client_id: str,
    store: str,
    system: Mapping[str, object],
    give_up_seconds: int,
    call_seconds: int,
) -> Path:
    bot = {
        "version": 1,
        "bot": {"id": BOT_ID, "name": "Hostile"},
        "kore": {
            "client_id": client_id,
            "client_secret": SECRET,
            "callback_hosts": ["127.0.0.1"],
            "timeout": f"{call_seconds}s",
        },
        "agents": {
            "default": "salesforce",
            "systems": {"salesforce": {**system, "timeout": f"{call_seconds}s"}},
        },
        # What waits for its next attempt does not make a row long.
        "delivery": {"give_up_after": f"{give_up_seconds}s", "slowest_retry": "5s"},
    }
    server = {
        "version": 1,
        "store": {"url": store or f"sqlite:///{folder / 'botkit.db'}"},
        "security": {"insecure_http": True},
        "bots": ["bots/*.yaml"],
    }
    (folder / "bots").mkdir(parents=True)
    (folder / "bots" / "hostile.yaml").write_text(json.dumps(bot))
    path = folder / "botkit.yaml"
    path.write_text(json.dumps(server))
    return path
