"""`botkit demo --check`: whole hand-offs from the command line, judged line by line; a wrong line must make it fail."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

SECONDS = 55

ONE_STAGE_ONLY = """
import runpy, sys
from botkit.cli import demo
from botkit.sandbox import rehearsal
{sabotage}
rehearsal.PATIENCE_SECONDS = 3.0
sys.argv = ["botkit", "demo", "--check", "--port", "{port}"]
runpy.run_module("botkit", run_name="__main__", alter_sys=True)
"""

ANOTHER_ANSWER = """
lines = list(rehearsal._EXPECTED_BY_USER)
lines[lines.index(rehearsal.Line(rehearsal.JANE, "Agent's message 2"))] = rehearsal.Line(rehearsal.JANE, "something else")
rehearsal._EXPECTED_BY_USER = tuple(lines)
"""

ANOTHER_FIELD = 'rehearsal.PRE_CHAT = {**rehearsal.PRE_CHAT, "City": "Atlantis"}'


def _three_free_ports() -> int:
    for port in range(31_000 + os.getpid() % 4_000 * 3, 60_000, 3):
        try:
            with (
                socket.create_server(("127.0.0.1", port)),
                socket.create_server(("127.0.0.1", port + 1)),
                socket.create_server(("127.0.0.1", port + 2)),
            ):
                return port
        except OSError:
            continue
    raise RuntimeError("no three free ports in a row on this machine")


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={**os.environ, "COLUMNS": "200"},
        check=False,
    )


def test_the_check_passes_and_prints_both_transcripts_of_every_play() -> None:
    done = _run("-m", "botkit", "demo", "--check", "--port", str(_three_free_ports()))
    assert done.returncode == 0, done.stdout + done.stderr
    for title in ("receive: stream", "receive: poll", "kill -9"):
        assert title in done.stdout
    assert done.stdout.count("What the user saw") == 3
    assert done.stdout.count("What the agents saw") == 3
    assert done.stdout.count(": right") == 3
    for line in ("Agent's message 3", "User's message 3", "Omar here, I took over.", "talk to an agent"):
        assert done.stdout.count(line) >= 3


@pytest.mark.parametrize("sabotage", [ANOTHER_ANSWER, ANOTHER_FIELD], ids=["an answer", "a pre-chat field"])
def test_the_check_fails_when_something_differs(sabotage: str) -> None:
    program = ONE_STAGE_ONLY.format(sabotage=sabotage, port=_three_free_ports())
    done = _run("-c", program)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.count("wrong:") == 3
