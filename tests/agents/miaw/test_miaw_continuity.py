"""Gaps in the ids of a stream's events."""

from __future__ import annotations

import pytest

from botkit.agents.miaw.continuity import GAP, Continuity


@pytest.mark.parametrize("ids", [["11"], ["11", "12", "13"], ["11", "11"], ["10", "11"], ["9", "10", "11"]])
def test_ids_that_follow_one_another_or_came_before_are_no_gap(ids: list[str]) -> None:
    assert Continuity("10").doubt(ids) == ""


@pytest.mark.parametrize("ids", [["12"], ["11", "13"], ["11", "13", "14"], ["13", "11", "12"]])
def test_a_missing_id_is_a_gap(ids: list[str]) -> None:
    assert Continuity("10").doubt(ids) == GAP


def test_a_gap_is_told_once() -> None:
    continuity = Continuity("10")
    assert [continuity.doubt([one]) for one in ("12", "13", "11", "14")] == [GAP, "", "", ""]


@pytest.mark.parametrize("ids", [["a", "c"], ["", ""], ["1.5", "7.5"], ["-3", "-9"], ["9" * 40], ["٣", "٧"]])
def test_ids_that_do_not_count_tell_nothing(ids: list[str]) -> None:
    assert Continuity("").doubt(ids) == ""


def test_the_first_id_of_a_stream_that_begins_anywhere_is_no_gap() -> None:
    continuity = Continuity("")
    assert [continuity.doubt(["500"]), continuity.doubt(["502"])] == ["", GAP]


def test_a_ping_repeats_the_last_id() -> None:
    assert Continuity("10").doubt(["11", "11", "12"]) == ""
