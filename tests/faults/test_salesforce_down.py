"""Salesforce refuses, is silent, fails or forgets to answer: hooks are acknowledged, nothing is lost, order stays."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.clouds import CLOSED, END_WORD, EXPIRED, JANE, UNREACHABLE, Clouds, Talk, until
from tests.faults.services import InProcess

Kit = Callable[..., InProcess]

BOTH = pytest.mark.parametrize("receive", ["stream", "poll"])
OUTAGES = pytest.mark.parametrize(
    "outage",
    [
        pytest.param({"kind": "refuse"}, id="refusing"),
        pytest.param({"kind": "silence"}, id="silent"),
        pytest.param({"kind": "status", "status": 500}, id="500"),
        pytest.param({"kind": "status", "status": 503, "retry_after": 1}, id="503-retry-after"),
        pytest.param({"kind": "status", "status": 429, "retry_after": 1}, id="429-retry-after"),
    ],
)
ACKNOWLEDGED_WITHIN_MS = 2_000
"""Generous: what counts is that it does not depend on Salesforce's own timeouts."""


def acknowledged(talk: Talk, text: str) -> bool:
    return all(status == 200 and ms < ACKNOWLEDGED_WITHIN_MS for status, ms in talk.clouds.answers_to(text))


def cut_off(clouds: Clouds, outage: dict[str, object]) -> None:
    """The outage begins; open streams break as well."""
    how = dict(outage)
    clouds.salesforce_fails(str(how.pop("kind")), **how)
    clouds.salesforce_fails("drop-streams")


@BOTH
@OUTAGES
def test_an_outage_in_the_middle_loses_nothing_and_keeps_the_order(
    clouds: Clouds, kit: Kit, receive: str, outage: dict[str, object]
) -> None:
    kit(receive=receive)
    talk = clouds.new_user()
    talk.talks()
    cut_off(clouds, outage)
    for number in range(3):
        talk.types(f"while it is down {number}")
        talk.agent_says(f"said meanwhile {number}")
        assert acknowledged(talk, f"while it is down {number}")
    assert talk.arrived() == []
    clouds.salesforce_recovers()
    talk.both_sides_have_everything()


@OUTAGES
def test_an_outage_at_the_hand_off_only_delays_it(
    clouds: Clouds, kit: Kit, outage: dict[str, object]
) -> None:
    kit()
    cut_off(clouds, outage)
    talk = clouds.new_user()
    talk.asks_for_an_agent()
    talk.hears("looking for an agent")
    talk.types("typed early 1")
    talk.types("typed early 2")
    assert acknowledged(talk, "typed early 1")
    clouds.salesforce_recovers()
    talk.reaches_the_agents()
    talk.accepted()
    talk.both_sides_have_everything()


@BOTH
@pytest.mark.parametrize("kind", ["refuse", "status"])
def test_after_the_configured_time_the_user_is_told_and_given_back_and_salesforce_closed_later(
    clouds: Clouds, kit: Kit, receive: str, kind: str
) -> None:
    kit(receive=receive, changes={"delivery": {"give_up_after": "1s"}})
    talk = clouds.new_user()
    talk.talks()
    cut_off(clouds, {"kind": kind})
    talk.types("nobody takes this")
    talk.hears(UNREACHABLE)
    talk.hears("nobody takes this")
    talk.is_the_bots_again()
    clouds.salesforce_recovers()
    until("Salesforce's conversation is closed", lambda: talk.status == "closed")
    assert talk.arrived() == []


def test_a_hand_off_that_cannot_begin_is_given_up_and_a_later_one_works(clouds: Clouds, kit: Kit) -> None:
    kit(changes={"delivery": {"give_up_after": "1s"}})
    cut_off(clouds, {"kind": "refuse"})
    talk = clouds.new_user()
    talk.asks_for_an_agent()
    talk.hears(UNREACHABLE)
    talk.is_the_bots_again()
    clouds.salesforce_recovers()
    talk.talks()
    talk.types("better late")
    talk.both_sides_have_everything()


@pytest.mark.parametrize("operation", ["accessToken", "createConversation", "sendMessage"])
def test_an_answer_lost_after_the_work_was_done_repeats_nothing(
    clouds: Clouds, kit: Kit, operation: str
) -> None:
    kit()
    clouds.salesforce_fails("drop-response", operation=operation, times=1)
    talk = clouds.new_user()
    talk.talks()
    clouds.salesforce_fails("drop-response", operation=operation, times=1)
    talk.types("only once")
    talk.types("and in order")
    talk.both_sides_have_everything()
