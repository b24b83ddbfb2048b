"""The processes of a measurement: pinned to a core, controlled by lines of text, always ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from benchmarks.machine import SERVICE_CORE
from botkit.testing.waiting import within

BOT_ID = "st-11111111-2222-5333-8444-555555555555"
CLIENT_ID = "cs-11111111-2222-5333-8444-555555555555"
SECRET = "a secret of the benchmark, at least thirty-two bytes long"
AGENT_JOINED = "benchmark: joined"
"""The message to the user when an agent joins; the platform's side recognises it."""

ANSWER_SECONDS = 200.0
"""The limit of the longest action, opening conversations: twice the deadline of `clouds`."""

_UNUSED_SYSTEM = {
    "type": "salesforce-miaw",
    "organization_id": "00D000000000001",
    "organization_base_url": "http://127.0.0.1:9",
    "developer_name": "Bench",
}
"""An agent system for measurements without agents."""

_ROOT = Path(__file__).resolve().parent.parent
_PEER_BOT = Path(__file__).with_name("peer_bot.js")
_START_SECONDS = 30.0
_STOP_SECONDS = 20.0
_LAST_LINES = 20


class Process:
    """A Python process pinned to one core, controlled by lines on its standard streams.

    Args:
        popen: the process.
        stderr: the file of its standard error.
    """

    def __init__(self, popen: subprocess.Popen[str], stderr: IO[str]) -> None:
        self._popen = popen
        self._stderr = stderr
        self.pid = popen.pid

    def line(self) -> str:
        """The next line that it prints.

        Raises:
            RuntimeError: it ended, or printed nothing for `ANSWER_SECONDS`.
        """
        assert self._popen.stdout is not None
        # A process that does not answer is killed, and its output ends.
        watch = threading.Timer(ANSWER_SECONDS, self._popen.kill)
        watch.start()
        try:
            line = self._popen.stdout.readline().strip()
        finally:
            watch.cancel()
        if not line:
            raise RuntimeError(
                f"a process of the benchmark ended with {self._popen.wait(_STOP_SECONDS)}\n{self._last_errors()}"
            )
        return line

    def _last_errors(self) -> str:
        self._stderr.seek(0)
        return "".join(deque(self._stderr, maxlen=_LAST_LINES))

    def write(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self._popen.stdin is not None
        self._popen.stdin.write(line + "\n")
        self._popen.stdin.flush()

    def ask(self, **request: Any) -> dict[str, Any]:
        """Write a line of JSON, and read one."""
        self.write(json.dumps(request))
        answer: dict[str, Any] = json.loads(self.line())
        return answer


@contextmanager
def pinned(core: int, module: str, *arguments: str) -> Iterator[Process]:
    """Run ``python -m module arguments`` of this tree on one core."""
    with _pinned(core, _ROOT, sys.executable, "-m", module, *arguments) as process:
        yield process


def environment(folder: Path) -> Mapping[str, str]:
    """The variables of a process that runs this checkout. It may keep what it compiles, as an installed package does."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, "PYTHONPATH": str(folder), "NODE_ENV": "production"}


@contextmanager
def _pinned(core: int, folder: Path, *command: str) -> Iterator[Process]:
    code = f"import os, sys; os.sched_setaffinity(0, {{{core}}}); os.execvp(sys.argv[1], sys.argv[1:])"
    with (
        tempfile.TemporaryFile("w+", prefix="botkit-bench-") as stderr,
        subprocess.Popen(
            [sys.executable, "-c", code, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            cwd=folder,
            env=environment(folder),
        ) as popen,
    ):
        try:
            yield Process(popen, stderr)
        finally:
            popen.terminate()
            try:
                popen.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                popen.kill()


@contextmanager
def service(configuration: Path, tree: Path | None = None) -> Iterator[tuple[Process, int]]:
    """Run ``botkit serve`` on its core. Yields the process and its port when it is ready.

    Args:
        configuration: the server's file.
        tree: another checkout of this project, whose version is run with its own virtual environment (``.venv``), or with this
            one if it has none. By default this checkout.
    """
    python, folder = python_of(tree)
    command = (python, "-m", "botkit", "serve", "--config", str(configuration), "--port", "0")
    with _pinned(SERVICE_CORE, folder, *command) as process:
        yield process, _ready(process)


def python_of(tree: Path | None) -> tuple[str, Path]:
    """The interpreter that runs the version of this checkout, and its folder; see `service`."""
    folder = (tree or _ROOT).resolve()
    own = folder / ".venv" / "bin" / "python"
    return str(own) if tree is not None and own.exists() else sys.executable, folder


@contextmanager
def application(name: str, configuration: Path) -> Iterator[tuple[Process, int]]:
    """Serve one of `applications` as ``botkit serve`` does. Yields the process and its port when it is ready."""
    with pinned(SERVICE_CORE, "benchmarks.applications", name, str(configuration)) as process:
        yield process, _ready(process)


@contextmanager
def bare_server(server: str, *configuration: str) -> Iterator[tuple[Process, int]]:
    """Run one of `servers`. Yields the process and its port when it is ready."""
    with pinned(SERVICE_CORE, "benchmarks.servers", server, *configuration) as process:
        yield process, _ready(process, "/")


@contextmanager
def peer(checkout: Path) -> Iterator[tuple[Process, int]]:
    """Run a checkout of Kore's Node BotKit on the service's core. Yields the process and its port when it is ready."""
    bot = json.dumps({"botId": BOT_ID, "clientId": CLIENT_ID, "secret": SECRET})
    with _pinned(SERVICE_CORE, _ROOT, "node", str(_PEER_BOT), str(checkout.resolve()), bot) as process:
        yield process, int(process.line().rpartition(":")[2])


def _ready(process: Process, path: str = "/readyz") -> int:
    port = int(process.line().rpartition(":")[2])
    _await_answer(f"http://127.0.0.1:{port}{path}")
    return port


def _await_answer(url: str) -> None:
    """Wait until a server answers at this URL.

    Raises:
        RuntimeError: none answers in time.
    """
    if not within(_START_SECONDS, lambda: _answers(url)):
        raise RuntimeError(f"{url} does not answer")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError):
        return False


def configure(
    folder: Path, system: Mapping[str, object] = _UNUSED_SYSTEM, *, store_url: str | None = None
) -> Path:
    """Write a configuration with one bot and one agent system, and by default a store in `folder`. Returns the server's file."""
    bot = {
        "version": 1,
        "bot": {"id": BOT_ID, "name": "Bench"},
        "kore": {"client_id": CLIENT_ID, "client_secret": SECRET, "callback_hosts": ["127.0.0.1"]},
        "agents": {"default": "salesforce", "systems": {"salesforce": dict(system)}},
        "handoff": {"responses": {"en": {"agentJoinedMessage": AGENT_JOINED}}},
    }
    server = {
        "version": 1,
        "store": {"url": store_url or f"sqlite:///{folder / 'botkit.db'}"},
        "security": {"insecure_http": True},
        "bots": ["bots/*.yaml"],
    }
    (folder / "bots").mkdir()
    (folder / "bots" / "bench.yaml").write_text(json.dumps(bot))
    path = folder / "botkit.yaml"
    path.write_text(json.dumps(server))
    return path
