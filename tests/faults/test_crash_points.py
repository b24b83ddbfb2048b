"""A scripted hand-off with a crash at point k, for every k: nothing is lost, and everything is in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.crash_stage import CrashDoor, Lives
from tests.faults.history import Violations, violations
from tests.hooks.hook_payloads import agent_transfer, user_message

TYPED = ["typed early", "first", "second", "third"]
SAID = ["eins", "zwei", "drei"]
MOMENTS = ["on_handoff_started", "on_agent_joined Jane", "on_agent_joined Omar", "on_handoff_ended"]
TOLD = ["looking", "send bye", "Jane joined", "Jane left", "Omar joined", "ended"]


def play(lives: Lives) -> None:
    """A hand-off, from the message before it to the message after it."""
    platform, desk = lives.platform, lives.desk

    def types(text: str) -> None:
        lives.posts("on_user_message", user_message, text, agent_transfer=True)

    def told(text: str) -> None:
        lives.until(f"the user is told {text}", lambda: text in platform.told)

    lives.posts("on_user_message", user_message, "an agent please", agent_transfer=False)
    lives.posts("on_agent_transfer", agent_transfer)
    types("typed early")
    lives.until("a conversation is opened", lambda: desk.opened)
    desk.joins("Jane")
    told("Jane joined")
    types("first")
    desk.says("eins", "Jane")
    types("second")
    desk.transfers("Jane")
    told("Jane left")
    desk.joins("Omar")
    desk.says("zwei", "Omar")
    types("third")
    desk.says("drei", "Omar")
    lives.until("the last word is shown", lambda: "drei" in platform.shown)
    types("bye")
    told("ended")
    lives.until("the session is closed", lambda: desk.closed)
    lives.until("the user is given back", lambda: platform.cleared)
    lives.posts("on_user_message", user_message, "thanks, bot", agent_transfer=False)
    lives.until("the bot gets it", lambda: "thanks, bot" in platform.to_bot)
    lives.until("the handlers have been called", lambda: platform.asked)
    lives.until("nothing is under way", lambda: lives.life.ledger.depth == 0)


def judge(lives: Lives) -> None:
    """Everything arrived once and in order, or was counted as a possible duplicate."""
    platform, desk = lives.platform, lives.desk
    assert len(desk.opened) == 1
    assert desk.closed == desk.opened
    arrived = list(desk.arrived.values())
    assert violations(TYPED, arrived) == Violations()
    repeated = 0
    for sent, seen in (
        (SAID, platform.shown),
        (TOLD, platform.told),
        (["an agent please", "thanks, bot"], platform.to_bot),
    ):
        found = violations(sent, seen)
        assert found == Violations(repeated=found.repeated)
        repeated += len(found.repeated)
    repeated += platform.cleared - 1
    repeated += platform.asked - 1
    # Handlers are called at least once, in order; a crash repeats the one that was running.
    called = violations(MOMENTS, platform.moments)
    assert called == Violations(repeated=called.repeated)
    assert len(called.repeated) <= lives.crashes
    assert repeated <= lives.possible_duplicates


@pytest.fixture(scope="module", params=["wsgi", "asgi"])
def door(request: pytest.FixtureRequest) -> CrashDoor:
    """Where the platform's hooks come in: with a relay in its own thread, or on the loop that answers hooks."""
    door: CrashDoor = request.param
    return door


@pytest.fixture(scope="module")
def points(door: CrashDoor, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The points of a hand-off without a crash."""
    lives = Lives(tmp_path_factory.mktemp("unharmed") / "botkit.db", door=door)
    play(lives)
    judge(lives)
    lives.life.end()
    assert lives.possible_duplicates == 0
    return lives.life.points.names


def test_a_hand_off_has_points_of_every_kind(points: list[str]) -> None:
    assert len(points) > 60
    assert {"before COMMIT", "after COMMIT", "before start", "after send", "after end"} <= set(points)
    # Between an attempt by callback and the commit of its result.
    assert {"before the answer to PassToBot", "before results are submitted"} <= set(points)
    # Between the commit of a hook and its acknowledgement.
    assert points.count("before an answer to a hook") == 8
    assert points.count("after a handler") == len(MOMENTS)


def crash(door: CrashDoor, store: Path, points: list[str], *fatal: int) -> None:
    lives = Lives(store, *fatal, door=door)
    try:
        play(lives)
        judge(lives)
    except AssertionError as error:
        where = f"crashes at points {fatal}, the first at {points[fatal[0] - 1]!r}"
        raise AssertionError(f"{where}: {error}") from error
    finally:
        lives.life.end()


@pytest.mark.parametrize("rest", range(4))
def test_a_crash_at_any_point_loses_nothing_and_keeps_the_order(
    door: CrashDoor, points: list[str], tmp_path: Path, rest: int
) -> None:
    for fatal in range(1 + rest, len(points) + 1, 4):
        crash(door, tmp_path / f"{fatal}.db", points, fatal)


@pytest.mark.parametrize("second", [1, 2, 3, 5])
def test_a_crash_while_recovering_from_a_crash_does_not_either(
    door: CrashDoor, points: list[str], tmp_path: Path, second: int
) -> None:
    for fatal in range(second, len(points) + 1, 17):
        crash(door, tmp_path / f"{fatal}.db", points, fatal, second)
