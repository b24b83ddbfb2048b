"""A stage whose agents use a webhook desk: installed like any package, with its server on a free port."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import structlog

from botkit.testing.serving import Server
from botkit.testing.waiting import until
from examples.webhook_desk.desk import create_app
from tests.scenarios.bot import write_bot
from tests.scenarios.stage import Person, Stage

EXAMPLE = Path(__file__).parents[2] / "examples" / "webhook_desk"
KEY = "a-key-of-the-tests"


class Desk:
    """The example's desk server, and its agents' actions."""

    def __init__(self) -> None:
        app = create_app(KEY)
        self.conversations: dict[str, dict[str, Any]] = app.extensions["desk"]
        self._server = Server(app)
        self.url, self.close = self._server.url, self._server.close

    def agent(self, id: str, text: str = "", *, name: str = "Jane", do: str = "say") -> None:
        form = {"agent": name, "text": text, "do": do}
        requests.post(f"{self.url}/agent/{id}", form, allow_redirects=False, timeout=30).raise_for_status()

    def of(self, person: Person) -> list[str]:
        """The ids of this user's conversations."""
        every = list(self.conversations.items())
        return [id for id, one in every if one["user"].get("Kore_User_Id") == person.id]

    def case_of(self, person: Person) -> str:
        """Waits until this user is at the desk."""
        return until(lambda: self.of(person), f"for {person.user.name} at the desk; {person.chat()}")[-1]

    def lines(self, id: str) -> list[str]:
        """The user's messages, oldest first."""
        return [text for who, text in list(self.conversations[id]["lines"].values()) if who == "User"]

    def gets(self, id: str, text: str) -> None:
        until(lambda: text in self.lines(id), f"for {text!r} at the desk; it has {self.lines(id)}")


@dataclass(frozen=True)
class Place:
    """A stage and its desk."""

    stage: Stage
    desk: Desk


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip installed the example with its entry point, without downloads."""
    target = tmp_path_factory.mktemp("installed")
    options = [
        "--quiet",
        "--disable-pip-version-check",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
        "--target",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, str(target), str(EXAMPLE)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture(scope="session")
def importable(installed: Path) -> Iterator[Path]:
    """The folder, as part of this process's import path."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(installed))
        importlib.invalidate_caches()
        yield installed
    sys.modules.pop("webhook_desk", None)


@pytest.fixture(scope="session")
def bot_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bot(tmp_path_factory.mktemp("bot"))


def desk_stage(folder: Path, bot_folder: Path, **desk_settings: Any) -> Stage:
    """Both clouds, and a service with the desk as agent system, and with Salesforce for Facebook.

    The desk is named `second`, the system that one of the bot's dialogs requests.
    """
    desk = {"type": "webhook-desk", "key": KEY, "poll_interval": "50ms", **desk_settings}
    agents = {"default": "second", "channels": {"facebook": "salesforce"}, "systems": {"second": desk}}
    return Stage.built(folder, bot_folder, bot={"agents": agents})


@pytest.fixture(scope="session")
def shared_place(
    importable: Path, bot_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    desk = Desk()
    stage = desk_stage(tmp_path_factory.mktemp("desk"), bot_folder, url=desk.url)
    yield Place(stage, desk)
    stage.close()
    desk.close()


@pytest.fixture
def place(shared_place: Place) -> Iterator[Place]:
    """The shared place. Nothing may be logged as an error."""
    with structlog.testing.capture_logs() as logged:
        yield shared_place
        shared_place.stage.everybody_leaves()
    assert [line for line in logged if line["log_level"] in ("error", "critical")] == []
