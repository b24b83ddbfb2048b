"""A proxy that holds event streams back while every other call passes: agents are heard all the same, by polling.

Times that BotKit waits before it suspects a stream are shortened here; `tests/relay/test_held_streams.py` has the real ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from botkit.relay import engine
from botkit.relay.inbound import stream as streaming
from botkit.relay.inbound import stream_health, stream_path
from botkit.testing.waiting import until
from tests.faults.services import InProcess
from tests.faults.stage import CLOSED, Stage, Talk

Kit = Callable[..., InProcess]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BEAT_SECONDS", 0.1)
    monkeypatch.setattr(streaming, "HEADERS_SECONDS", 1.0)
    for name in ("FIRST_BYTES_SECONDS", "ECHO_SECONDS", "MISSED_SECONDS"):
        monkeypatch.setattr(stream_health, name, 0.4)


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


def held(running: InProcess) -> float:
    return running.metric("botkit_streams_held")


def connects(stage: Stage) -> int:
    return len(stage.requests("eventStream opened"))


@pytest.mark.parametrize("what", ["events", "headers", "buffer", "last"])
def test_a_whole_hand_off_behind_a_proxy_that_holds_streams(
    stage: Stage, kit: Kit, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    # What passes with a full buffer makes the stream look well until it is silent again.
    monkeypatch.setattr(stream_health, "QUIET_SECONDS", 1.0)
    stage.salesforce_behaves(ping_seconds=0.3)
    stage.salesforce_fails("hold-stream", held=what)
    kit()
    talk = stage.new_user()
    talk.talks()
    for number in range(3):
        talk.agent_says(f"said {number}")
        talk.types(f"typed {number}")
    talk.both_sides_have_everything()
    talk.agents("agent_ends", "Jane Doe")
    talk.hears(CLOSED)
    talk.is_the_bots_again()
    assert talk.shown() == talk.said


@pytest.mark.parametrize("what", ["events", "buffer"])
def test_a_stream_that_is_held_from_the_middle_on(stage: Stage, kit: Kit, what: str) -> None:
    running = kit()
    talk = stage.new_user()
    talk.talks()
    talk.agent_says("on the stream")
    talk.both_sides_have_everything()
    stage.salesforce_fails("hold-stream", held=what)
    talk.types("are you there?")
    talk.agent_says("yes")
    talk.both_sides_have_everything()
    until(lambda: held(running) == 1, "until the stream is known to be held")
    talk.agent_says("and still here")
    talk.both_sides_have_everything()


def test_a_silent_stream_is_checked_without_a_message_of_the_user(
    stage: Stage, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_health, "QUIET_SECONDS", 0.5)
    stage.salesforce_behaves(ping_seconds=0.1)
    kit()
    talk = stage.new_user()
    talk.talks()
    stage.salesforce_fails("hold-stream")
    talk.agent_says("nobody asked")
    talk.both_sides_have_everything()


def test_when_the_proxy_lets_go_the_stream_is_used_again_and_nothing_comes_twice(
    stage: Stage, kit: Kit, logged: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_path, "FIRST_PAUSE_SECONDS", 0.5)
    stage.salesforce_behaves(ping_seconds=0.2)
    stage.salesforce_fails("hold-stream")
    running = kit()
    talks = [stage.new_user() for _ in range(3)]
    for talk in talks:
        talk.talks()
        talk.agent_says("while it is held")
    until(lambda: held(running) == 3, "until all are followed by polling")
    stage.salesforce_recovers()
    until(lambda: held(running) == 0, "until the streams are used again")
    for talk in talks:
        talk.agent_says("on the stream again")
        talk.both_sides_have_everything()
    assert [line["event"] for line in logged if line["event"].startswith("streams_")] == [
        "streams_held",
        "streams_pass_again",
    ]


def _all_hear(talks: list[Talk]) -> None:
    for talk in talks:
        talk.agent_says("can you hear me?")
    for talk in talks:
        talk.both_sides_have_everything(seconds=30)


def test_forty_conversations_are_followed_by_polling_and_the_log_says_so_once(
    stage: Stage, kit: Kit, logged: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # One slot for new connections: held streams must not keep the others from it.
    monkeypatch.setattr(engine, "MAX_CONNECTING", 1)
    stage.salesforce_behaves(auto_assign=False)
    stage.salesforce_fails("hold-stream", held="headers")
    running = kit(changes={"agents": {"systems": {"salesforce": {"poll_interval": "500ms"}}}})
    talks = [stage.new_user() for _ in range(40)]
    for talk in talks:
        talk.waits()
        talk.agents("accept", "Jane Doe")
    _all_hear(talks)
    until(lambda: held(running) == 40, "until all are followed by polling")
    asked = [one for one in logged if one["event"] == "streams_held"]
    assert len(asked) == 1
    assert asked[0]["system"] == "salesforce"
    assert connects(stage) == 0
    sent = [json.loads(one.request_body) for one in stage.requests("sendMessage")]
    assert len(sent) == len({one["message"]["id"] for one in sent})
