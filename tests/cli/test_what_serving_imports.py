"""What `botkit serve` imports: imports are most of its start, and after a kill every conversation waits for that."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.config.folder import BOT, SERVER, Folder

# Runs `botkit serve` until its service has started.
_SERVE = """
import sys
from botkit.cli import main, uvicorn_server

async def start(hooks, *_, **__):
    await hooks.start()
    print(*sys.modules)
    await hooks.close()

uvicorn_server.serve_until_stopped = start
main(["serve", "--config", sys.argv[1], "--port", "0"])
"""
NOT_NEEDED = {
    "flask": "only `init_app` mounts a kit in Flask",
    "werkzeug": "it belongs to Flask",
    "jinja2": "it belongs to Flask",
    "requests": "the relay's carrier is libcurl; handlers that read from the platform import this one",
    "urllib3": "it belongs to requests, and files for the agents need it",
    "psycopg": "the store is SQLite",
    "aiohttp": "only the sandbox uses it",
    "botkit_sandbox": "the emulated clouds",
    "botkit.agents.live_chat": "the configuration names MIAW alone",
    "botkit.agents.miaw.doctor": "the doctor's checks",
    "botkit.client": "for notebooks and scripts",
    "botkit.flask": "only `init_app` mounts a kit in Flask",
    "botkit.operate": "the other commands",
    "botkit.testing": "for the tests of bots",
}
"""Names of packages, and why serving does without them."""


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """Every module that a service has imported when it has started: one bot, MIAW, SQLite, no handlers."""
    folder = Folder(tmp_path_factory.mktemp("served"))
    folder.server(SERVER)
    folder.bot(BOT)
    command = [sys.executable, "-c", _SERVE, "botkit.yaml"]
    done = subprocess.run(command, cwd=folder.path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return frozenset(done.stdout.split())


@pytest.mark.parametrize("package", NOT_NEEDED)
def test_serving_does_without(package: str, imported: frozenset[str]) -> None:
    assert "botkit.relay.engine" in imported
    assert not [name for name in imported if name == package or name.startswith(f"{package}.")]
