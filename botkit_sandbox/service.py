"""The service as a process of its own beside the sandbox, so that it can be killed like one."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType

import requests
import yaml

from botkit.errors import BotKitError

START_SECONDS = 30.0
STOP_SECONDS = 10.0
LEAVING_SECONDS = 10.0
"""After a kill -9 of the service, its worker sees that, and leaves the port, a moment later."""


def write_configuration(
    folder: Path, addresses: Mapping[str, str], *, port: int, receive: str = "stream"
) -> Path:
    """The two YAML files a bot needs, filled in with the sandbox's addresses and names.

    MIAW serves every channel but facebook, which is Live Chat's; and Live Chat stands in for MIAW.

    Returns:
        The path of the server's file.
    """
    (folder / "bots").mkdir(parents=True, exist_ok=True)
    server = {
        "version": 1,
        "server": {"host": "127.0.0.1", "port": port},
        "store": {"url": f"sqlite:///{folder / 'botkit.db'}"},
        "security": {"insecure_http": True},
        "bots": ["bots/*.yaml"],
    }
    bot = {
        "version": 1,
        "bot": {"id": addresses["bot_id"], "name": "Acme Assistant"},
        "kore": {
            "client_id": addresses["client_id"],
            "client_secret": addresses["client_secret"],
            "callback_hosts": ["127.0.0.1"],
        },
        "agents": {
            "default": "salesforce",
            "channels": {"facebook": "legacy"},
            "fallback": ["legacy"],
            "fallback_after": "3s",
            "systems": {
                "salesforce": {
                    "type": "salesforce-miaw",
                    "organization_id": addresses["organization_id"],
                    "organization_base_url": addresses["salesforce_url"],
                    "developer_name": addresses["developer_name"],
                    "receive": receive,
                    "poll_interval": "500ms",
                },
                "legacy": {
                    "type": "salesforce-live-chat",
                    "live_agent_url": addresses["live_agent_url"],
                    "organization_id": addresses["organization_id"],
                    "deployment_id": addresses["deployment_id"],
                    "button_id": addresses["button_id"],
                },
            },
        },
    }
    path = folder / "botkit.yaml"
    # The service warns of a store that was not there before; here it is meant to be new.
    (folder / "botkit.db").touch(mode=0o600)
    path.write_text(yaml.safe_dump(server), encoding="utf-8")
    (folder / "bots" / "acme.yaml").write_text(yaml.safe_dump(bot), encoding="utf-8")
    return path


class ServiceDidNotStart(BotKitError):
    """The service beside the sandbox is not there; what it said itself tells why."""

    code = "BK-7091"


class Service:
    """`botkit serve` as a subprocess. As a context manager it is ready inside and stopped after."""

    def __init__(self, configuration: Path, *, port: int) -> None:
        self.configuration = configuration
        self._port = port
        self.url = f"http://127.0.0.1:{port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Service:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and wait until it is ready.

        Raises:
            ServiceDidNotStart: its port is taken, it ended, or was not ready within 30 s.
        """
        self._look_at_the_port()
        command = [sys.executable, "-m", "botkit", "serve", "--config", str(self.configuration)]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - our own command
        if _within(START_SECONDS, partial(self._is_ready, self._process)):
            return
        self.kill()
        raise ServiceDidNotStart(
            f"botkit serve was not ready within {START_SECONDS:.0f} s; its own words, if any, stand above"
        )

    def _is_ready(self, process: subprocess.Popen[bytes]) -> bool:
        if process.poll() is not None:
            raise ServiceDidNotStart(
                f"botkit serve ended at once (exit code {process.returncode}); its own words stand above"
            )
        return self._get("/readyz") is not None

    def _get(self, path: str) -> str | None:
        """What it answers there; None if it does not, or with an error."""
        try:
            answer = requests.get(f"{self.url}{path}", timeout=1)
        except requests.RequestException:
            return None
        return answer.text if answer.ok else None

    def _look_at_the_port(self) -> None:
        """Whoever else listens there could be taken for the service."""
        if not _within(LEAVING_SECONDS if self._process is not None else 0.0, self._is_free):
            raise ServiceDidNotStart(
                f"127.0.0.1 port {self._port}, which the service is to listen on, is taken; choose another --port"
            )

    def _is_free(self) -> bool:
        try:
            socket.create_server(("127.0.0.1", self._port)).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """Ask it to stop; kill it when it does not."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(STOP_SECONDS)

    def kill_and_restart(self) -> None:
        """kill -9, then a new process on the same store.

        Not before what was on its way is committed: that may be shown a second time, and plays are compared line by line.
        """
        _within(STOP_SECONDS, lambda: "\nbotkit_outbox_depth 0.0\n" in (self._get("/metrics") or ""))
        self.kill()
        self.start()


def _within(seconds: float, seen: Callable[[], bool]) -> bool:
    """Whether it comes to be so in time."""
    deadline = time.monotonic() + seconds
    while not seen():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
