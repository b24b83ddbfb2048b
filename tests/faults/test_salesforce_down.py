"""Salesforce refuses, hangs, fails or does not answer: hooks are acknowledged, nothing is lost, and order is kept."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from botkit.testing.waiting import until
from tests.faults.services import InProcess
from tests.faults.stage import CLOSED, END_WORD, EXPIRED, UNREACHABLE, Stage, Talk

Kit = Callable[..., InProcess]

BOTH = pytest.mark.parametrize("receive", ["stream", "poll"])
OUTAGES = pytest.mark.parametrize(
    "outage",
    [
        pytest.param({"kind": "refuse"}, id="refusing"),
        pytest.param({"kind": "silence"}, id="silent"),
        pytest.param({"kind": "status", "status": 500}, id="500"),
        pytest.param({"kind": "status", "status": 429, "retry_after": 1}, id="429-retry-after"),
    ],
)


def acknowledged(talk: Talk, text: str) -> bool:
    """Whether the hook was answered, while the outage lasts."""
    return talk.stage.answers_to(text) == [200]


def cut_off(stage: Stage, outage: dict[str, object]) -> None:
    """The outage begins; open streams break as well."""
    how = dict(outage)
    stage.salesforce_fails(str(how.pop("kind")), **how)
    stage.salesforce_fails("drop-streams")


@BOTH
@OUTAGES
def test_an_outage_in_the_middle_loses_nothing_and_keeps_the_order(
    stage: Stage, kit: Kit, receive: str, outage: dict[str, object]
) -> None:
    kit(receive=receive)
    talk = stage.new_user()
    talk.talks()
    cut_off(stage, outage)
    for number in range(3):
        talk.types(f"while it is down {number}")
        talk.agent_says(f"said meanwhile {number}")
        assert acknowledged(talk, f"while it is down {number}")
    assert talk.arrived() == []
    stage.salesforce_recovers()
    talk.both_sides_have_everything()


@pytest.mark.parametrize(
    "outage", [{"kind": "refuse"}, {"kind": "silence"}, {"kind": "status", "status": 500}]
)
def test_an_outage_at_the_hand_off_only_delays_it(stage: Stage, kit: Kit, outage: dict[str, object]) -> None:
    kit()
    cut_off(stage, outage)
    talk = stage.new_user()
    talk.asks_for_an_agent()
    talk.hears("looking for an agent")
    talk.types("typed early 1")
    talk.types("typed early 2")
    assert acknowledged(talk, "typed early 1")
    stage.salesforce_recovers()
    talk.reaches_the_agents()
    talk.accepted()
    talk.both_sides_have_everything()


@pytest.mark.parametrize(("receive", "kind"), [("stream", "refuse"), ("poll", "status")])
def test_after_the_configured_time_the_user_is_told_and_given_back_and_salesforce_closed_later(
    stage: Stage, kit: Kit, receive: str, kind: str
) -> None:
    kit(receive=receive, changes={"delivery": {"give_up_after": "1s"}})
    talk = stage.new_user()
    talk.talks()
    cut_off(stage, {"kind": kind})
    talk.types("nobody takes this")
    talk.hears(UNREACHABLE)
    talk.hears("nobody takes this")
    talk.is_the_bots_again()
    stage.salesforce_recovers()
    until(lambda: talk.status == "closed", "until Salesforce's conversation is closed")
    assert talk.arrived() == []


def test_a_hand_off_that_cannot_begin_is_given_up_and_a_later_one_works(stage: Stage, kit: Kit) -> None:
    kit(changes={"delivery": {"give_up_after": "1s"}})
    cut_off(stage, {"kind": "refuse"})
    talk = stage.new_user()
    talk.asks_for_an_agent()
    talk.hears(UNREACHABLE)
    talk.is_the_bots_again()
    stage.salesforce_recovers()
    talk.talks()
    talk.types("better late")
    talk.both_sides_have_everything()


@pytest.mark.parametrize("operation", ["unauthenticatedToken", "createConversation", "sendMessage"])
def test_an_answer_lost_after_the_work_was_done_repeats_nothing(
    stage: Stage, kit: Kit, operation: str
) -> None:
    kit()
    stage.salesforce_fails("drop-response", operation=operation, times=1)
    talk = stage.new_user()
    talk.talks()
    stage.salesforce_fails("drop-response", operation=operation, times=1)
    talk.types("only once")
    talk.types("and in order")
    talk.both_sides_have_everything()


def test_salesforce_is_closed_however_late_it_comes_back(stage: Stage, kit: Kit) -> None:
    running = kit(changes={"delivery": {"give_up_after": "1s"}})
    talk = stage.new_user()
    talk.talks()
    cut_off(stage, {"kind": "refuse"})
    talk.types("nobody takes this")
    talk.is_the_bots_again()
    again = time.monotonic() + 1.5
    until(
        lambda: time.monotonic() > again or running.metric("botkit_outbox_depth") == 0,
        "until the time in which calls are given up has passed once more",
    )
    stage.salesforce_recovers()
    until(lambda: talk.status == "closed", "until Salesforce's conversation is closed")


def test_the_end_word_during_an_outage_delivers_what_was_typed_before_it_and_then_ends(
    stage: Stage, kit: Kit
) -> None:
    kit()
    talk = stage.new_user()
    talk.talks()
    cut_off(stage, {"kind": "refuse"})
    talk.types("my last words")
    talk.types(END_WORD)
    talk.hears(CLOSED)
    talk.is_the_bots_again()
    stage.salesforce_recovers()
    until(lambda: talk.status == "closed", "until Salesforce's conversation is closed")
    assert talk.arrived() == ["my last words"]


@pytest.mark.parametrize(
    ("operation", "status", "words"),
    [
        ("sendMessage", 401, EXPIRED),
        ("sendMessage", 403, CLOSED),
        ("sendMessage", 404, CLOSED),
        ("listConversationEntries", 401, EXPIRED),
        ("listConversationEntries", 403, CLOSED),
        ("listConversationEntries", 404, CLOSED),
        ("eventStream", 401, EXPIRED),
    ],
)
def test_a_status_that_means_the_end_tells_the_user_why_and_gives_them_back(
    stage: Stage, kit: Kit, operation: str, status: int, words: str
) -> None:
    kit(receive="poll" if operation == "listConversationEntries" else "stream")
    talk = stage.new_user()
    talk.talks()
    stage.salesforce_fails("status", operation=operation, status=status)
    if operation == "sendMessage":
        talk.types("not taken")
    elif operation == "eventStream":
        stage.salesforce_fails("drop-streams")
    talk.hears(words)
    talk.is_the_bots_again()
    if operation == "sendMessage":
        talk.hears("not taken")
    assert len([text for text in talk.told() if words in text]) == 1


@pytest.mark.parametrize("status", [400, 409, 412])
def test_one_message_that_is_refused_is_quoted_back_and_the_talk_goes_on(
    stage: Stage, kit: Kit, status: int
) -> None:
    kit()
    talk = stage.new_user()
    talk.talks()
    stage.salesforce_fails("status", operation="sendMessage", status=status, times=1)
    talk.types("not taken")
    talk.hears("This did not reach the agent:\nnot taken")
    talk.typed.clear()
    talk.types("but this is")
    talk.both_sides_have_everything()
    assert talk.agent_mode


@pytest.mark.parametrize("status", [403, 404, 429, 500])
def test_a_stream_that_is_refused_is_replaced_by_the_list_until_it_is_back(
    stage: Stage, kit: Kit, status: int
) -> None:
    kit()
    talk = stage.new_user()
    talk.talks()
    stage.salesforce_fails("status", operation="eventStream", status=status)
    stage.salesforce_fails("drop-streams")
    talk.agent_says("found in the list")
    talk.both_sides_have_everything()
    stage.salesforce_recovers()
    talk.agent_says("on the stream again")
    talk.both_sides_have_everything()
    assert talk.agent_mode


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        ("unauthenticatedToken", 401),
        ("unauthenticatedToken", 400),
        ("createConversation", 403),
        ("createConversation", 412),
    ],
)
def test_a_hand_off_that_is_refused_gives_the_user_back_at_once(
    stage: Stage, kit: Kit, operation: str, status: int
) -> None:
    kit()
    stage.salesforce_fails("status", operation=operation, status=status)
    talk = stage.new_user()
    talk.asks_for_an_agent()
    talk.hears(UNREACHABLE)
    talk.is_the_bots_again()


def test_a_417_is_answered_with_a_new_session_and_the_message_arrives_once(stage: Stage, kit: Kit) -> None:
    kit()
    talk = stage.new_user()
    talk.talks()
    stage.salesforce_fails("status", operation="sendMessage", status=417, times=1)
    talk.types("after a long silence")
    talk.both_sides_have_everything()


@BOTH
def test_a_token_that_expires_early_ends_it_with_a_word_and_is_not_tried_for_ever(
    stage: Stage, kit: Kit, receive: str
) -> None:
    kit(receive=receive)
    talk = stage.new_user()
    talk.talks()
    stage.salesforce_fails("expire-tokens")
    talk.hears(EXPIRED)
    talk.is_the_bots_again()
    calls = stage.clouds.do(lambda: [one for one in stage.clouds.wire.entries if one.status == 401])
    assert len(calls) < 5


def test_a_message_typed_with_an_expired_token_is_quoted_back(stage: Stage, kit: Kit) -> None:
    stage.salesforce_behaves(expiry_ends_stream=False)
    kit()
    talk = stage.new_user()
    talk.talks()
    stage.salesforce_fails("expire-tokens")
    talk.types("too late")
    talk.hears(EXPIRED)
    talk.hears("too late")
    talk.is_the_bots_again()
