"""`botkit serve` as a process: start, stop, kill, ports, stores and slow bodies."""

from __future__ import annotations

import asyncio
import errno
import json
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
import pytest
import requests

from botkit.cli import stop_signals
from botkit.cli.serve import _listen
from botkit.testing.waiting import until
from tests.faults.services import children_of
from tests.hooks.hook_payloads import BOT_ID, CLIENT_ID, SECRET, as_body, token, user_message

FAR = 4_000_000_000.0


class Service:
    """`botkit serve` as a process, on a free port."""

    def __init__(self, folder: Path, **server_settings: int) -> None:
        self.folder = folder
        self.server = server_settings
        (folder / "bots").mkdir()
        system = {
            "type": "salesforce-miaw",
            "organization_id": "00D000000000001",
            "organization_base_url": "https://acme.my.salesforce.com",
            "developer_name": "Acme",
        }
        bot = {
            "version": 1,
            "bot": {"id": BOT_ID, "name": "Acme"},
            "kore": {
                "client_id": CLIENT_ID,
                "client_secret": SECRET,
                "callback_hosts": ["bots.kore.example", "127.0.0.1"],
            },
            "agents": {"default": "salesforce", "systems": {"salesforce": system}},
        }
        server = {
            "version": 1,
            "server": {"prefix": "/botkit", **server_settings},
            "store": {"url": f"sqlite:///{folder / 'botkit.db'}"},
            "security": {"insecure_http": True},
            "bots": ["bots/*.yaml"],
        }
        (folder / "bots" / "acme.yaml").write_text(json.dumps(bot))
        (folder / "botkit.yaml").write_text(json.dumps(server))
        self.processes: list[subprocess.Popen[str]] = []
        self.url = self.monitors_url = ""

    def start(self, port: int = 0, *, before: Sequence[str] = ()) -> subprocess.Popen[str]:
        """Start it, by another program if `before` names one."""
        process = self.launch(port, before=before)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("BotKit listens on http://127.0.0.1:"), line
        self.url = line.split()[-1]
        if "health_port" in self.server:
            line = process.stdout.readline()
            assert line.startswith("Monitors are answered on http://127.0.0.1:"), line
            self.monitors_url = line.split()[-1]
        until(self.answers, "for it to answer", seconds=60)
        return process

    def launch(
        self,
        port: int = 0,
        *,
        before: Sequence[str] = (),
        options: Sequence[str] = (),
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
    ) -> subprocess.Popen[str]:
        """Start it with further options, and its outputs at these file descriptors."""
        command = [
            *before,
            sys.executable,
            "-m",
            "botkit",
            "serve",
            "--config",
            str(self.folder / "botkit.yaml"),
            "--port",
            str(port),
            *options,
        ]
        process = subprocess.Popen(command, stdout=stdout, stderr=stderr, text=True)
        self.processes.append(process)
        return process

    def answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/readyz", timeout=30).status_code == 200
        except requests.ConnectionError:
            return False

    def post(self, message: str = "hi", request_id: int = 1, by: requests.Session | None = None) -> int:
        # No server listens on this port, so effects stay in the store.
        base = f"http://127.0.0.1:9/api/botsdk/stream/{BOT_ID}"
        urls = {f"{call}Url": f"{base}/{call}/1" for call in ("sendUserMessage", "sendBotMessage")}
        urls["baseUrl"] = base
        payload = user_message(message, request_id=request_id, **urls)
        headers = {"token": token(expires=FAR)}
        url = f"{self.url}/sdk/bots/{BOT_ID}/on_user_message"
        return (by or requests).post(url, data=as_body(payload), headers=headers, timeout=30).status_code

    @property
    def port(self) -> int:
        return _port_of(self.url)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        connection = sqlite3.connect(self.folder / "botkit.db")
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()


def _port_of(url: str) -> int:
    return int(url.split(":")[2].split("/")[0])


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with _ended(Service(tmp_path)) as service:
        yield service


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service for tests that do not change its state."""
    with _ended(Service(tmp_path_factory.mktemp("running"))) as service:
        service.start()
        yield service


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with few connections, and a listener for monitors."""
    limits = {"max_connections": 32, "max_connections_per_address": 24, "health_port": 0}
    with _ended(Service(tmp_path_factory.mktemp("small"), **limits)) as service:
        service.start()
        yield service


@contextmanager
def _ended(service: Service) -> Iterator[Service]:
    try:
        yield service
    finally:
        for process in service.processes:
            if process.poll() is None:
                process.terminate()
            if process.stdout is not None and not process.stdout.closed:
                process.communicate(timeout=60)


def test_it_serves_hooks_at_the_printed_address(running: Service) -> None:
    assert running.url.endswith("/botkit")
    assert running.post() == 200
    assert requests.get(f"{running.url}/healthz", timeout=30).json() == {"status": "ok"}
    assert requests.get(f"{running.url.removesuffix('/botkit')}/healthz", timeout=30).status_code == 404


@pytest.mark.parametrize(
    "how",
    [signal.SIGTERM, *(pytest.param(one, marks=pytest.mark.slow) for one in (signal.SIGINT, signal.SIGHUP))],
)
def test_it_stops_in_good_order(service: Service, how: signal.Signals) -> None:
    process = service.start()
    assert service.post() == 200
    process.send_signal(how)
    assert process.wait(60) == 0
    assert service.rows("SELECT value FROM meta WHERE name = 'stopped'") == [("yes",)]
    assert len(service.rows("SELECT id FROM outbox")) == 1


def test_a_service_that_ignores_hang_ups_goes_on_doing_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert signal.SIGHUP not in stop_signals()
    finally:
        signal.signal(signal.SIGHUP, before)
    assert signal.SIGHUP in stop_signals()


def test_killing_it_releases_the_port_and_the_store(service: Service) -> None:
    process = service.start()
    assert children_of(process.pid) == []
    assert service.post("before") == 200
    process.kill()
    process.wait(60)
    service.start(service.port)
    assert service.post("before") == 200
    assert service.post("after", request_id=2) == 200
    assert len(service.rows("SELECT id FROM outbox")) == 2
    assert "botkit_possible_duplicates_total 1.0" in requests.get(f"{service.url}/metrics", timeout=30).text


@pytest.mark.slow
def test_it_starts_at_once_after_a_kill(service: Service) -> None:
    process = service.start()
    process.kill()
    service.start()
    assert service.post() == 200


def _known_connection(service: Service) -> socket.socket:
    """A connection on which a hook with a valid token has come."""
    connection = socket.create_connection(("127.0.0.1", service.port), 30)
    lines = [
        f"POST /botkit/sdk/bots/{BOT_ID}/on_user_message HTTP/1.1",
        "Host: here",
        f"Token: {token(expires=FAR)}",
        "Content-Length: 0",
    ]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    assert connection.recv(1000).startswith(b"HTTP/1.1 412")
    return connection


def test_idle_connections_do_not_block_others(running: Service) -> None:
    with ExitStack() as open_connections:
        for _ in range(300):
            connection = open_connections.enter_context(
                socket.create_connection(("127.0.0.1", running.port), 5)
            )
            connection.sendall(b"GET /botkit/healthz HTTP/1.1\r\nHost: here\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
        assert running.post(request_id=3) == 200


def test_silent_connections_shut_nobody_out(small: Service) -> None:
    with ExitStack() as open_connections:
        for port in (small.port, _port_of(small.monitors_url)):
            for _ in range(200):
                open_connections.enter_context(socket.create_connection(("127.0.0.1", port), 5))
        assert small.post() == 200
        assert requests.get(f"{small.url}/healthz", timeout=30).status_code == 200
        for page in ("healthz", "readyz", "metrics"):
            assert requests.get(f"{small.monitors_url}/{page}", timeout=30).status_code == 200


def test_connections_with_a_token_that_are_idle_shut_nobody_out(small: Service) -> None:
    with ExitStack() as open_connections:
        for _ in range(40):
            open_connections.enter_context(_known_connection(small))
        assert small.post() == 200
        assert requests.get(f"{small.url}/healthz", timeout=30).status_code == 200


def test_monitors_are_answered_while_all_connections_are_taken(small: Service) -> None:
    with ExitStack() as open_connections:
        busy = [open_connections.enter_context(_known_connection(small)) for _ in range(32)]
        for one in busy:
            one.sendall(b"POST ")
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{small.url}/healthz", timeout=30)
        assert requests.get(f"{small.monitors_url}/healthz", timeout=30).json() == {"status": "ok"}
        assert requests.get(f"{small.monitors_url}/readyz", timeout=30).status_code == 200
        assert "botkit_hooks_total" in requests.get(f"{small.monitors_url}/metrics", timeout=30).text


def test_monitors_cannot_post_hooks(small: Service) -> None:
    hook = f"{small.monitors_url}/sdk/bots/{BOT_ID}/on_user_message"
    assert requests.post(hook, headers={"token": token(expires=FAR)}, timeout=30).status_code == 404


@pytest.mark.slow
def test_connections_leave_half_of_the_files_to_the_rest_and_hold_up_no_end(tmp_path: Path) -> None:
    with (
        _ended(Service(tmp_path, max_connections=4096, health_port=0)) as service,
        ExitStack() as open_connections,
        requests.Session() as monitor,
    ):
        process = service.start(before=["sh", "-c", 'ulimit -n 200; exec "$@"', "sh"])
        for _ in range(300):
            open_connections.enter_context(socket.create_connection(("127.0.0.1", service.port), 5))
        assert service.post() == 200
        assert monitor.get(f"{service.monitors_url}/readyz", timeout=30).status_code == 200
        process.terminate()
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{service.monitors_url}/healthz", timeout=30)
    (line,) = [json.loads(line) for line in errors.splitlines() if "fewer_connections" in line]
    assert line["limit"] == 100


def test_incomplete_bodies_neither_block_the_service_nor_stay_open(running: Service) -> None:
    head = (
        f"POST /botkit/sdk/bots/{BOT_ID}/on_user_message HTTP/1.1\r\nHost: here\r\n"
        f"token: {token(expires=FAR)}\r\nContent-Length: 1000\r\n\r\n"
    )
    with ExitStack() as open_connections:
        stalled = []
        for _ in range(200):
            connection = open_connections.enter_context(
                socket.create_connection(("127.0.0.1", running.port), 5)
            )
            connection.sendall(head.encode())
            stalled.append(connection)
        assert requests.get(f"{running.url}/healthz", timeout=30).status_code == 200
        until(lambda: running.post() == 200, "for hooks to be taken again", seconds=60)
        for connection in stalled:
            connection.settimeout(45)
            said = connection.recv(1000)
            assert said == b"" or said.startswith((b"HTTP/1.1 408", b"HTTP/1.1 503")), said
    assert running.post("after", request_id=2) == 200


def test_it_does_not_announce_an_address_if_the_store_is_invalid(service: Service) -> None:
    (service.folder / "botkit.db").write_text("this is no database, but it is long enough to be one" * 100)
    process = service.launch()
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said == ""
    assert "BK-3000" in errors
    assert "Traceback" not in errors


@pytest.mark.slow
def test_it_prints_the_path_of_the_store_and_warns_of_a_new_one(service: Service) -> None:
    process = service.start()
    store = service.folder / "botkit.db"
    assert process.stdout is not None
    assert process.stdout.readline() == f"The store is {store}\n"
    process.terminate()
    _, errors = process.communicate(timeout=60)
    (line,) = [json.loads(line) for line in errors.splitlines() if "new_store" in line]
    assert (line["event"], line["level"], line["file"]) == ("new_store", "warning", str(store))
    again = service.start()
    again.terminate()
    _, errors = again.communicate(timeout=60)
    assert "new_store" not in errors


def test_many_files_may_be_open(running: Service) -> None:
    soft, hard = resource.prlimit(running.processes[0].pid, resource.RLIMIT_NOFILE)
    assert soft == (65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)) or soft > 65_536


async def test_the_second_part_of_an_answer_does_not_wait_for_an_acknowledgement_of_the_first() -> None:
    at_once: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        at_once.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    listener = _listen("127.0.0.1", 0)
    async with await asyncio.start_server(accept, sock=listener):
        _, writer = await asyncio.open_connection(*listener.getsockname())
        assert await at_once
        writer.close()


@pytest.mark.slow
def test_a_port_in_use_is_reported(service: Service) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = service.launch(taken.getsockname()[1])
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "cannot listen on 127.0.0.1" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (OSError(errno.EADDRINUSE, "in use"), "stop what listens there"),
        (OSError(errno.EADDRNOTAVAIL, "no address"), "no such address on this machine"),
        (OSError(errno.EACCES, "no"), "1024 or more"),
        (OSError(errno.EAFNOSUPPORT, "no"), "server.host"),
        (socket.gaierror(socket.EAI_NONAME, "not known"), "correct the host"),
    ],
)
def test_why_it_cannot_listen_is_told_with_what_helps(
    monkeypatch: pytest.MonkeyPatch, error: OSError, fix: str
) -> None:
    class Unable(socket.socket):
        def bind(self, address: object) -> None:
            raise error

    monkeypatch.setattr(socket, "socket", Unable)
    with pytest.raises(click.ClickException) as failed:
        _listen("192.0.2.1", 80)
    assert fix in failed.value.message


def test_a_store_in_use_is_reported(running: Service) -> None:
    second = running.launch()
    _, said = second.communicate(timeout=60)
    assert second.returncode == 1
    assert "BK-3001" in said
    assert "Traceback" not in said


def test_an_invalid_configuration_is_reported(service: Service) -> None:
    (service.folder / "bots" / "acme.yaml").write_text("version: 1\n")
    process = service.launch()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "acme.yaml" in said
    assert "Traceback" not in said
