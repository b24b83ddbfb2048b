"""From nothing to a hand-off: the commands that `botkit init` prints, typed one after the other, beside the emulated clouds."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from botkit.testing.actors import Case
from botkit.testing.clouds import Clouds
from botkit.testing.serving import free_ports
from botkit.testing.stage import Stage
from botkit.testing.waiting import until
from tests.scenarios.stage import JANE

MINUTES = 5
pytestmark = pytest.mark.timeout(180)
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
}


@pytest.fixture
def stage() -> Iterator[Stage]:
    clouds = Clouds()
    yield Stage(clouds)
    clouds.close()


def typed(command: str, folder: Path) -> str:
    """Type a command in a folder, and return what it prints."""
    done = subprocess.run(
        shlex.split(command),
        cwd=folder,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def running(command: str, folder: Path, url: str) -> Iterator[None]:
    """The service, started by this command, until it is interrupted."""
    with (folder / "output").open("w") as output:
        process = subprocess.Popen(
            shlex.split(command),
            cwd=folder,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        until(lambda: process.poll() is not None or is_ready(url), "for the service", seconds=60)
        yield
    finally:
        process.terminate()
        process.wait(30)


def is_ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/readyz", timeout=30).ok
    except requests.RequestException:
        return False


def test_the_printed_commands_lead_to_a_hand_off(stage: Stage, tmp_path: Path) -> None:
    started = time.monotonic()
    port = free_ports(1)
    page = stage.clouds.sandbox.addresses()["page_url"]
    said = typed(f"botkit init acme-bot --sandbox {page} --port {port}", tmp_path)
    folder, *commands = re.findall(r"^  (?:cd )?(.+)$", said.partition("Next:\n")[2], re.MULTILINE)
    assert len(commands) == 2
    typed(commands[0], tmp_path / folder)
    url = f"http://127.0.0.1:{port}"
    with running(commands[1], tmp_path / folder, url):
        stage.hooks_go_to(
            url
        )  # the sandbox was told no port: with the usual one its hooks go there by themselves
        ada = stage.person()
        ada.says("ping botkit")
        ada.hears("BotKit is here.")
        case: Case = ada.asks_for_an_agent("talk to an agent")
        case.accepted_by(JANE)
        case.told_by(JANE, "How can I help?")
        ada.hears("How can I help?")
        ada.says("my parcel is late")
        case.gets("my parcel is late")
        ada.says("endagentchat")
        ada.is_with_the_bot()
    assert time.monotonic() - started < MINUTES * 60
    assert "The handlers are ping" in (tmp_path / folder / "output").read_text()
