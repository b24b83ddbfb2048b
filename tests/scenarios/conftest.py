"""The stages of the scenarios. Building one takes half a second, so tests share them; each test has its own users."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import patch

import pytest
import structlog

from botkit.relay.journal import Journal
from tests.doors import DoorName
from tests.scenarios.bot import write_bot
from tests.scenarios.stage import Stage

Stages = Callable[..., Stage]
DOORS: dict[str, DoorName] = {"stream": "serve", "poll": "wsgi", "live-chat": "asgi"}
"""The doors of the usual stages: what runs on several of them runs over several doors. The door of the others is WSGI."""


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stages]:
    """Returns the stage of a name; the first call builds it with the other arguments."""
    built: dict[str, Stage] = {}
    bot_folder = write_bot(tmp_path_factory.mktemp("bot"))

    async def nothing(_: Journal) -> None:
        """Instead of the lines that sum up the failures of the last minute: they would be among those of another test."""

    def get(name: str, **how: Any) -> Stage:
        if name not in built:
            how = {"bot_folder": bot_folder, "door": DOORS.get(name, "wsgi")} | how
            with patch("botkit.relay.engine._each_minute", nothing):
                built[name] = Stage.built(tmp_path_factory.mktemp(name), **how)
        return built[name]

    yield get
    with ThreadPoolExecutor() as closing:
        list(closing.map(Stage.close, built.values()))


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    """The log entries of the test."""
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.fixture
def stage(stages: Stages, logged: list[Any]) -> Iterator[Stage]:
    """The usual stage: one bot, `receive: stream`. Nothing may be logged as an error."""
    yield from _clean(stages("stream"), logged)


@pytest.fixture(params=["stream", "poll"])
def either(request: pytest.FixtureRequest, stages: Stages, logged: list[Any]) -> Iterator[Stage]:
    """The usual stage with each way of receiving: both must behave the same."""
    yield from _clean(stages(request.param, receive=request.param), logged)


LIVE_CHAT = {"agents": {"default": "legacy", "channels": {"facebook": "legacy"}}}
"""Live Chat serves every channel."""


@pytest.fixture(params=["stream", "poll", "live-chat"])
def everywhere(request: pytest.FixtureRequest, stages: Stages, logged: list[Any]) -> Iterator[Stage]:
    """Each agent system with each way of receiving: the rules of the hand-off are the same."""
    if request.param != "live-chat":
        yield from _clean(stages(request.param, receive=request.param), logged)
        return
    stage = stages("live-chat", bot=LIVE_CHAT)
    stage.live_chat_behaves(queue_positions=False)  # As MIAW's organisation does not number its queue.
    yield from _clean(stage, logged)


@pytest.fixture
def live_chat(stages: Stages, logged: list[Any]) -> Iterator[Stage]:
    """A stage with Live Chat for every channel. Nothing may be logged as an error."""
    yield from _clean(stages("live-chat", bot=LIVE_CHAT), logged)


def _clean(stage: Stage, logged: list[Any]) -> Iterator[Stage]:
    yield stage
    stage.everybody_leaves()
    errors = [line for line in logged if line["log_level"] in ("error", "critical")]
    assert errors == [], errors
