"""`botkit demo --check`: whole hand-offs from the command line, compared line by line; a wrong line makes it fail."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from botkit.cli.demo_check import PLAYS
from botkit.testing.serving import free_ports
from botkit_sandbox import rehearsal
from botkit_sandbox.rehearsal import Clouds, Line, Mismatch, Rehearsal
from tests.scenarios.stage import JANE, Stage

SECONDS = 280
"""Much longer than the plays take, for busy machines."""
pytestmark = pytest.mark.timeout(SECONDS + 30)

SABOTAGED = """
import runpy, sys
from botkit.cli import demo_check
from botkit_sandbox import rehearsal
at_either = [rehearsal.MIAW, rehearsal.LIVE_CHAT]
demo_check.PLAYS = [next(play for play in demo_check.PLAYS if play.desk == desk) for desk in at_either]
rehearsal.PRE_CHAT = {{**rehearsal.PRE_CHAT, "City": "Atlantis"}}
sys.argv = ["botkit", "demo", "--check", "--port", "{port}"]
runpy.run_module("botkit", run_name="__main__", alter_sys=True)
"""


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


@pytest.mark.slow
def test_the_check_passes_and_prints_both_transcripts_of_every_play() -> None:
    done = _run("-m", "botkit", "demo", "--check", "--port", str(free_ports(3)))
    assert done.returncode == 0, done.stdout + done.stderr
    for title in (
        "receive: stream",
        "receive: poll",
        "kill -9",
        "Live Chat, by channel",
        "since MIAW is down",
    ):
        assert title in done.stdout
    assert done.stdout.count("What the user saw") == len(PLAYS)
    assert done.stdout.count("What the agents saw") == len(PLAYS)
    assert done.stdout.count(": right") == len(PLAYS)
    for line in ("Agent's message 3", "User's message 3", "Omar here, I took over.", "talk to an agent"):
        assert done.stdout.count(line) >= len(PLAYS)


@pytest.mark.slow
def test_the_check_fails_when_something_differs_at_either_desk() -> None:
    done = _run("-c", SABOTAGED.format(port=free_ports(3)))
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.count("wrong:") == 2


def _rehearsed(stage: Stage) -> None:
    Rehearsal(Clouds(stage.clouds.sandbox.addresses()["kore_url"])).play()


def test_the_rehearsal_plays_to_its_end_when_all_is_right(either: Stage) -> None:
    _rehearsed(either)


def test_a_line_of_the_users_that_differs_is_named(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = list(rehearsal._EXPECTED_BY_USER)
    wrong = lines.index(Line(JANE, "Agent's message 2"))
    lines[wrong] = Line(JANE, "Something else")
    monkeypatch.setattr(rehearsal, "_EXPECTED_BY_USER", tuple(lines))
    with pytest.raises(Mismatch, match=rf"line {wrong + 1} of the user's chat is .*Agent's message 2"):
        _rehearsed(stage)


def test_a_line_that_is_missing_at_the_agents_is_named(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (*rehearsal._EXPECTED_BY_AGENTS, Line("User", "never said"))
    monkeypatch.setattr(rehearsal, "_EXPECTED_BY_AGENTS", lines)
    with pytest.raises(Mismatch, match=r"of the agents' console is None; expected .*never said"):
        _rehearsed(stage)


def test_a_line_too_much_is_named(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "_EXPECTED_BY_USER", rehearsal._EXPECTED_BY_USER[:-1])
    with pytest.raises(Mismatch, match=r"of the user's chat is .*; expected None"):
        _rehearsed(stage)


def test_a_story_that_differs_is_named(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "_BEFORE_THE_HANDOFF", rehearsal._BEFORE_THE_HANDOFF[1:])
    with pytest.raises(Mismatch, match="the agents got the transcript"):
        _rehearsed(stage)
