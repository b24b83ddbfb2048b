"""`botkit demo` and `botkit sandbox` where they cannot run: they print one sentence and no traceback."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
import responses

from botkit.testing.process import ServiceDidNotStart, ServiceProcess
from botkit.testing.serving import free_ports


@pytest.mark.slow
@pytest.mark.parametrize("offset", [0, 1, 2])
def test_a_taken_port_of_the_demo_is_named(offset: int) -> None:
    port = free_ports(3)
    with socket.create_server(("127.0.0.1", port + offset)):
        command = [sys.executable, "-m", "botkit", "demo", "--port", str(port), "--check"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1
    assert f"port {port + offset}" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_output_of_a_service_that_ends_at_once_is_shown(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "botkit.yaml").write_text("version: 1\n")
    with pytest.raises(ServiceDidNotStart, match="exit code 1"):
        ServiceProcess(tmp_path / "botkit.yaml", port=free_ports(3)).start()
    assert "bots: is missing" in capfd.readouterr().err


@responses.activate
def test_a_service_is_killed_when_its_outbox_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = ServiceProcess(tmp_path / "botkit.yaml", port=8003)
    asked = [
        responses.get(
            f"{service.url}/metrics",
            body=f"# HELP botkit_outbox_depth d\nbotkit_outbox_depth {depth}\nx 0.0\n",
        )
        for depth in ("2.0", "10.0", "0.0")
    ]
    done: list[tuple[str, int]] = []
    for name in ("kill", "start"):
        monkeypatch.setattr(
            service, name, lambda name=name: done.append((name, sum(one.call_count for one in asked)))
        )
    service.kill_and_restart()
    assert done == [("kill", 3), ("start", 3)]
