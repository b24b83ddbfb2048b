"""The log lines of refused hooks."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from botkit.errors import HookInvalid, HookNotFound, HookUnauthorized
from botkit.handlers.refused_hooks import MAX_REASONS, STRANGERS, RefusedHooks
from botkit.observability.events import get_logger


class Refusals(RefusedHooks):
    now = 0.0
    lines: list[EventDict]


@pytest.fixture
def hooks() -> Refusals:
    made = Refusals(log=get_logger("test"), monotonic=lambda: made.now)
    made.lines = []
    return made


def refuse(
    hooks: Refusals,
    refused: HookUnauthorized | HookInvalid | HookNotFound,
    bot: str = "st-1",
    *,
    counts_as: str = STRANGERS,
) -> None:
    with capture_logs() as lines:
        hooks.refused(refused, bot=bot, counts_as=counts_as)
    hooks.lines += lines


def test_a_line_says_who_why_and_what_to_change(hooks: Refusals) -> None:
    refuse(hooks, HookUnauthorized(reason="another secret", fix="kore.client_secret"))
    assert hooks.lines == [
        {
            "event": "hook_refused",
            "log_level": "warning",
            "code": "BK-2001",
            "status": 401,
            "bot": "st-1",
            "reason": "another secret",
            "fix": "kore.client_secret",
            "count": 1,
        }
    ]


def test_a_reason_has_one_line_a_minute_with_the_count_since_the_last(hooks: Refusals) -> None:
    for second in (0, 1, 59, 60, 61, 125):
        hooks.now = second
        refuse(hooks, HookUnauthorized(reason=f"the token expired {second} s ago"))
    assert [line["count"] for line in hooks.lines] == [1, 3, 2]


def test_reasons_and_bots_have_lines_of_their_own(hooks: Refusals) -> None:
    refuse(hooks, HookUnauthorized(reason="one"))
    refuse(hooks, HookUnauthorized(reason="two"))
    refuse(hooks, HookUnauthorized(reason="one"), bot="st-2")
    refuse(hooks, HookInvalid("one"))
    assert len(hooks.lines) == 4


def test_a_flood_of_invented_bots_has_a_bounded_number_of_lines_and_is_counted(hooks: Refusals) -> None:
    for number in range(1_000):
        hooks.now += 0.01
        refuse(hooks, HookUnauthorized(reason="unknown"), bot=f"st-{number}")
    assert len(hooks.lines) == MAX_REASONS + 1
    assert hooks.lines[-1]["event"] == "hooks_refused"
    hooks.now += 60
    refuse(hooks, HookUnauthorized(reason="unknown"), bot="st-5000")
    refuse(hooks, HookUnauthorized(reason="unknown"), bot="st-5001")
    assert [line["bot"] for line in hooks.lines[-2:]] == ["st-5000", "st-5001"]


def test_a_scanner_cannot_hide_the_line_of_a_configured_bot(hooks: Refusals) -> None:
    for number in range(100):
        refuse(hooks, HookUnauthorized(reason="unknown"), bot=f"st-{number}")
    refuse(hooks, HookUnauthorized(reason="another secret"), bot="st-own", counts_as="st-own")
    assert hooks.lines[-1]["bot"] == "st-own"
    for number in range(100):
        refuse(hooks, HookInvalid(f"{number}"), bot="st-own", counts_as="st-own")
    assert (hooks.lines[-1]["event"], hooks.lines[-1]["bot"]) == ("hooks_refused", "st-own")
    assert len(hooks.lines) == 2 * (MAX_REASONS + 1)


def test_what_a_caller_names_is_cut_and_cleaned(hooks: Refusals) -> None:
    refuse(hooks, HookNotFound("no such\n\x1b[31mevent" + "x" * 1_000))
    reason = hooks.lines[0]["reason"]
    assert reason.startswith("no such??[31mevent")
    assert len(reason) == 300


@pytest.mark.parametrize("mark", ["\u202e", "\u2066", "\u2028", "\u0085", "\ud800"])
def test_characters_that_change_how_a_line_looks_are_replaced(hooks: Refusals, mark: str) -> None:
    refuse(hooks, HookNotFound(f"the path {mark}x"))
    assert hooks.lines[0]["reason"] == "the path ?x"
