"""Bodies that never come on one HTTP/2 connection: the hooks of others are taken all the same."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ResponseReceived

from botkit.asgi.bodies import MAX_PENDING
from botkit.hooks.bodies import MAX_CONCURRENT, MAX_OF_CONNECTION
from botkit.testing.serving import free_ports
from botkit.testing.waiting import until
from tests.cli.test_serve import FAR, Service
from tests.hooks.hook_payloads import BOT_ID, token

ROOT = Path(__file__).resolve().parents[2]
PATH = f"/botkit/sdk/bots/{BOT_ID}/on_user_message"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


class Stalling:
    """An HTTP/2 connection with hooks whose bodies never come."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 30)
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._h2.initiate_connection()
        self.answered = 0

    def begin(self, count: int) -> None:
        """Begin so many hooks."""
        headers = [(":method", "POST"), (":path", PATH), (":scheme", "http"), (":authority", "here")]
        headers += [("token", token(expires=FAR)), ("content-length", "1000")]
        for _ in range(count):
            self._h2.send_headers(self._h2.get_next_available_stream_id(), headers)
        self._socket.sendall(self._h2.data_to_send())

    def read(self) -> int:
        """Read what has come. Returns the number of answers so far."""
        for event in self._h2.receive_data(self._socket.recv(65_536)):
            self.answered += isinstance(event, ResponseReceived)
        self._socket.sendall(self._h2.data_to_send())
        return self.answered

    def close(self) -> None:
        self._socket.close()


@contextmanager
def serving(folder: Path, interface: str, *more: str) -> Iterator[Service]:
    """A kit in granian."""
    service, port = Service(folder), free_ports(1)
    command = [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        interface,
        "--factory",
        "--port",
        str(port),
        *more,
    ]
    process = subprocess.Popen(
        [*command, f"tests.faults.http2_app:{interface}"],
        cwd=ROOT,
        env={**os.environ, "BOTKIT_CONFIG": str(folder / "botkit.yaml")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    service.url = f"http://127.0.0.1:{port}/botkit"
    try:
        until(service.answers, "for the service", seconds=60)
        yield service
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_wsgi_application_takes_the_hooks_of_others(tmp_path: Path) -> None:
    with serving(tmp_path, "wsgi", "--blocking-threads", str(2 * MAX_CONCURRENT)) as service:
        stalling = Stalling(service.port)
        stalling.begin(MAX_CONCURRENT)
        until(lambda: stalling.read() >= MAX_CONCURRENT - MAX_OF_CONNECTION, "for the refusals", seconds=60)
        assert [service.post(request_id=number) for number in range(10)] == [200] * 10
        stalling.close()


def test_an_asgi_application_takes_the_hooks_of_others(tmp_path: Path) -> None:
    with serving(tmp_path, "asgi") as service:
        stalling = Stalling(service.port)
        stalling.begin(MAX_PENDING + 1)
        until(lambda: stalling.read() >= 1, "for the refusal", seconds=60)
        # Those that are pending make room when they have had a moment.
        until(lambda: service.post() == 200, "for a hook to be taken", seconds=60)
        assert [service.post(request_id=number) for number in range(2, 12)] == [200] * 10
        stalling.close()
