"""`botkit serve` while nothing reads its output: the log shipper has stopped, or a pager waits for a key."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from botkit.observability.outputs import MAX_BYTES
from botkit.testing.serving import free_ports
from botkit.testing.waiting import until
from tests.cli.test_serve import Service
from tests.faults.services import metric
from tests.pipes import Pipe

pytestmark = pytest.mark.slow

MANY = 500
NOTHING_THERE = f"HEAD /{'a' * 199} HTTP/1.1\r\nHost: here\r\n\r\n".encode()
"""A request whose line in the log is long."""


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """A full one."""
    pipe = Pipe()
    pipe.fill()
    yield pipe
    pipe.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    for process in service.processes:
        process.kill()
        process.wait(60)


def started(service: Service, pipe: Pipe, *options: str) -> None:
    """Start the service with both outputs in the pipe."""
    port = free_ports(1)
    service.url = f"http://127.0.0.1:{port}/botkit"
    service.launch(port, options=options, stdout=pipe.writer, stderr=pipe.writer)
    until(service.answers, "for it to answer", seconds=60)


def test_it_serves_and_stops_although_nobody_reads_its_log(service: Service, pipe: Pipe) -> None:
    started(service, pipe, "--log-level", "debug", "--access-log")
    with requests.Session() as session:
        assert [service.post(request_id=number, by=session) for number in range(100)] == [200] * 100
    assert requests.get(f"{service.url}/healthz", timeout=30).json() == {"status": "ok"}
    assert requests.get(f"{service.url}/readyz", timeout=30).status_code == 200
    (process,) = service.processes
    process.terminate()
    assert process.wait(30) == 0
    assert service.rows("SELECT value FROM meta WHERE name = 'stopped'") == [("yes",)]
    assert pipe.lines() == []


def test_a_reader_that_comes_back_finds_how_many_lines_are_missing(service: Service, pipe: Pipe) -> None:
    started(service, pipe, "--access-log")
    requested = 0
    with (
        socket.create_connection(("127.0.0.1", service.port), 30) as connection,
        connection.makefile("rb") as answers,
    ):
        while not dropped(service):
            for _ in range(MANY):
                connection.sendall(NOTHING_THERE)
                assert answers.readline().startswith(b"HTTP/1.1 404")
                while answers.readline() != b"\r\n":
                    pass
            requested += MANY
    missing = dropped(service) + 1  # The line of this request is dropped, too.
    until(lambda: any("log_lines_dropped" in line for line in pipe.lines()), "for the line that counts")
    lines = [json.loads(line) for line in pipe.lines() if line.startswith("{")]
    (notice,) = [line for line in lines if line["event"] == "log_lines_dropped"]
    assert (notice["count"], notice["level"], notice["logger"]) == (missing, "error", "botkit.outputs")
    before = lines[: lines.index(notice)]
    assert sum(len(json.dumps(line)) for line in before) < 3 * MAX_BYTES
    assert len([line for line in before if line["event"] == "request"]) + missing >= requested
    assert requests.get(f"{service.url}/healthz", timeout=30).status_code == 200
    until(lambda: re.search(r'"path": "/botkit/healthz"', pipe.lines()[-1]), "for the lines after the gap")


def dropped(service: Service) -> float:
    return metric(requests.get(f"{service.url}/metrics", timeout=30).text, "botkit_log_lines_dropped_total")


def test_why_it_does_not_start_is_no_reason_to_hang(service: Service, pipe: Pipe) -> None:
    (service.folder / "bots" / "acme.yaml").write_text("version: 1\n")
    process = service.launch(stdout=pipe.writer, stderr=pipe.writer)
    assert process.wait(60) == 1
