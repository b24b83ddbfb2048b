"""`botkit serve` as a process of its own beside the sandbox, so that a test or the demo can kill it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import requests
import yaml

from botkit.errors import BotKitError
from botkit.testing.payload_parts import merged
from botkit.testing.serving import is_free
from botkit.testing.waiting import within

START_SECONDS = 90.0
STOP_SECONDS = 10.0
LEAVING_SECONDS = 10.0
"""After a kill -9 of the service, its last thread may hold the port for a moment."""


def write_configuration(
    folder: Path,
    addresses: Mapping[str, str],
    *,
    port: int,
    receive: str = "stream",
    server: Mapping[str, Any] | None = None,
    bot: Mapping[str, Any] | None = None,
) -> Path:
    """Write the two YAML files that a bot needs, with the sandbox's addresses and names.

    MIAW serves every channel but facebook; Live Chat serves facebook, and is the fallback of MIAW.

    Args:
        folder: where the files and the store go.
        addresses: see `botkit_sandbox.server.Sandbox.addresses`.
        port: where the service listens.
        receive: how MIAW's events are received: ``stream`` or ``poll``.
        server: changes to the server's file, merged at every depth.
        bot: changes to the bot's file, merged at every depth.

    Returns:
        The path of the server's file, `botkit.yaml`.
    """
    (folder / "bots").mkdir(parents=True, exist_ok=True)
    server_file = {
        "version": 1,
        "server": {"host": "127.0.0.1", "port": port},
        "store": {"url": f"sqlite:///{folder / 'botkit.db'}"},
        "security": {"insecure_http": True},
        "bots": ["bots/*.yaml"],
    }
    bot_file = {
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
    # The service warns of a new store; here the store is always new, so an empty file prevents the warning.
    (folder / "botkit.db").touch(mode=0o600)
    path.write_text(yaml.safe_dump(merged(server_file, server or {})), encoding="utf-8")
    text = yaml.safe_dump(merged(bot_file, bot or {}), allow_unicode=True)
    (folder / "bots" / "acme.yaml").write_text(text, encoding="utf-8")
    return path


class ServiceDidNotStart(BotKitError):
    """`botkit serve` did not start beside the sandbox.

    Its own output says why.
    """

    code = "BK-7091"


class ServiceProcess:
    """`botkit serve` as a subprocess. As a context manager it is ready on entry and stopped on exit.

    Args:
        configuration: the server's file.
        port: where that file says the service listens.
    """

    def __init__(self, configuration: Path, *, port: int) -> None:
        self.configuration = configuration
        self._port = port
        self.url = f"http://127.0.0.1:{port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> ServiceProcess:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the service and wait until it is ready.

        Raises:
            ServiceDidNotStart: the port is taken, the process ended, or it was not ready in time.
        """
        self._require_free_port()
        command = [sys.executable, "-m", "botkit", "serve", "--config", str(self.configuration)]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - our own command
        if within(START_SECONDS, partial(self._is_ready, self._process)):
            return
        self.kill()
        raise ServiceDidNotStart(
            f"botkit serve was not ready within {START_SECONDS:.0f} s; see its output above"
        )

    def _is_ready(self, process: subprocess.Popen[bytes]) -> bool:
        if process.poll() is not None:
            raise ServiceDidNotStart(
                f"botkit serve ended at once (exit code {process.returncode}); see its output above"
            )
        return self._get("/readyz") is not None

    def _get(self, path: str) -> str | None:
        """The body of the response; None without a successful response."""
        try:
            answer = requests.get(f"{self.url}{path}", timeout=1)
        except requests.RequestException:
            return None
        return answer.text if answer.ok else None

    def _require_free_port(self) -> None:
        """Another program on the port could be mistaken for the service."""
        if not within(LEAVING_SECONDS if self._process is not None else 0.0, partial(is_free, self._port)):
            raise ServiceDidNotStart(
                f"127.0.0.1 port {self._port}, which the service is to listen on, is taken; choose another --port"
            )

    def stop(self) -> None:
        """Stop the service gracefully; kill it after 10 s."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Kill the service as `kill -9` does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(STOP_SECONDS)

    def kill_and_restart(self) -> None:
        """Kill the service as `kill -9` does, then start it again on the same store.

        It is killed when its outbox is empty: an effect that is under way may be carried out twice after a kill, and the plays of
        the demo are compared line by line.
        """
        within(STOP_SECONDS, lambda: "\nbotkit_outbox_depth 0.0\n" in (self._get("/metrics") or ""))
        self.kill()
        self.start()
