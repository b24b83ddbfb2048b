"""`try_it.py`: the emulated Kore, the service as a process, and the desk, started by the command in its first line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from botkit.testing.serving import free_ports
from botkit.testing.waiting import until
from botkit_sandbox.rehearsal import Clouds
from tests.examples.conftest import EXAMPLE

pytestmark = pytest.mark.slow


@pytest.mark.timeout(180)  # Its own waits are longer than the usual limit, for busy machines.
def test_it_brings_up_the_desk_between_a_user_and_an_agent(installed: Path, tmp_path: Path) -> None:
    port = free_ports(4)
    clouds = Clouds(f"http://127.0.0.1:{port}")
    with clouds.http, (tmp_path / "said").open("w+") as said:
        process = subprocess.Popen(
            [sys.executable, str(EXAMPLE / "try_it.py"), str(port)],
            env={**os.environ, "PYTHONPATH": str(installed)},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            _play(clouds, f"http://127.0.0.1:{port + 3}")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(45)
        said.seek(0)
        assert f"http://127.0.0.1:{port + 3}/" in said.read()


def _play(clouds: Clouds, desk: str) -> None:
    until(lambda: _answers(desk), "for the desk to come up", seconds=40)
    user = clouds.post("kore/users", name="Ada Lovelace", email="ada@example.com")["id"]
    clouds.post(f"kore/users/{user}/say", text="talk to an agent")
    until(lambda: "/agent/" in requests.get(desk, timeout=30).text, "for the user at the desk")
    case = requests.get(desk, timeout=30).text.partition('action="/agent/')[2].partition('"')[0]
    requests.post(f"{desk}/agent/{case}", {"agent": "Jane", "text": "Hello Ada", "do": "end"}, timeout=30)

    def chat() -> list[Mapping[str, Any]]:
        return list(clouds.user(user)["messages"])

    until(lambda: any("Hello Ada" in m["text"] for m in chat()), "for the agent's words")


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=1).ok
    except requests.RequestException:
        return False
