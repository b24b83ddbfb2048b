"""A scripted hand-off with a crash at point k, for every k: nothing is lost, and everything is in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.crash_script import MOMENTS, judge, play
from tests.faults.crash_stage import CrashDoor, Lives
from tests.faults.services import EACH_DOOR


@pytest.fixture(scope="module", params=EACH_DOOR)
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
    # Between that and its commit.
    assert points.count("while a result waits") > 5
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


@pytest.mark.parametrize("rest", [0, *(pytest.param(rest, marks=pytest.mark.slow) for rest in (1, 2, 3))])
def test_a_crash_at_any_point_loses_nothing_and_keeps_the_order(
    door: CrashDoor, points: list[str], tmp_path: Path, rest: int
) -> None:
    for fatal in range(1 + rest, len(points) + 1, 4):
        crash(door, tmp_path / f"{fatal}.db", points, fatal)


@pytest.mark.slow
@pytest.mark.parametrize("second", [1, 2, 3, 5])
def test_a_crash_while_recovering_from_a_crash_does_not_either(
    door: CrashDoor, points: list[str], tmp_path: Path, second: int
) -> None:
    for fatal in range(second, len(points) + 1, 17):
        crash(door, tmp_path / f"{fatal}.db", points, fatal, second)
