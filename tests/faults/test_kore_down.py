"""Kore's callbacks fail: hooks are still acknowledged, and agents' messages arrive in order after its recovery."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from botkit.testing.waiting import until
from tests.faults.services import InProcess
from tests.faults.stage import END_WORD, Stage

Kit = Callable[..., InProcess]

OUTAGES = pytest.mark.parametrize(
    "outage",
    [
        pytest.param({"refuse": True}, id="refusing"),
        pytest.param({"silence": True}, id="silent"),
        pytest.param({"status": 500}, id="500"),
        pytest.param({"status": 429, "retry_after": 1}, id="429-retry-after"),
    ],
)


@OUTAGES
@pytest.mark.parametrize("receive", ["stream", "poll"])
def test_an_outage_in_the_middle_loses_nothing_and_keeps_the_order(
    stage: Stage, kit: Kit, receive: str, outage: dict[str, object]
) -> None:
    kit(receive=receive)
    talk = stage.new_user()
    talk.talks()
    stage.kore_fails(**outage)
    for number in range(3):
        talk.agent_says(f"said while it is down {number}")
        talk.types(f"typed meanwhile {number}")
        assert stage.answers_to(f"typed meanwhile {number}") == [200]
    # Lanes are independent: the agent receives the user's messages meanwhile.
    until(lambda: len(talk.arrived()) == 3, "until the agent has it all")
    assert talk.shown() == []
    stage.kore_recovers()
    talk.both_sides_have_everything()


def test_messages_to_the_bot_wait_for_kore_and_arrive_in_order(stage: Stage, kit: Kit) -> None:
    kit()
    talk = stage.new_user()
    stage.kore_fails(status=500)
    talk.types("hi")
    stage.kore_recovers()
    until(
        lambda: len([one for one in talk.user["messages"] if one["from"] == "bot"]) == 2,
        "until the bot answers",
    )


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param({"status": 500, "count": 1}, id="500"),
        pytest.param({"status": 429, "retry_after": 0.2, "count": 1}, id="429"),
        pytest.param({"refuse": True, "count": 1}, id="refused"),
    ],
)
def test_a_first_attempt_that_fails_keeps_its_place_before_later_messages(
    stage: Stage, kit: Kit, trouble: dict[str, object]
) -> None:
    kit()
    talk = stage.new_user()
    stage.kore_fails(path="sendBotMessage", **trouble)
    texts = [f"number {number}" for number in range(5)]
    for text in texts:
        talk.types(text)

    def taken() -> list[str]:
        calls = stage.requests("sendBotMessage", target="kore")
        return [json.loads(call.request_body)["message"] for call in calls if call.status == 200]

    until(lambda: len(taken()) == len(texts), lambda: f"until the bot has all five; it has {taken()}")
    assert taken() == texts


def test_a_transcript_that_cannot_be_had_does_not_hold_up_the_hand_off(stage: Stage, kit: Kit) -> None:
    kit(changes={"handoff": {"transcript": {"timeout": "300ms"}}})
    stage.kore_fails(status=500, path="getMessages")
    talk = stage.new_user()
    talk.asks_for_an_agent()
    talk.conversation_id = until(talk.found, "until a conversation reaches the agents")
    talk.accepted()
    talk.types("hello")
    until(lambda: talk.everything_from_the_user() == ["hello"], "until it arrives")


def test_after_the_configured_time_the_agents_side_is_ended_and_the_user_back_when_kore_is(
    stage: Stage, kit: Kit
) -> None:
    kit(changes={"delivery": {"give_up_after": "1s"}})
    talk = stage.new_user()
    talk.talks()
    stage.kore_fails(refuse=True)
    talk.agents("agent_says", "Jane Doe", "to nobody")
    until(lambda: talk.status == "closed", "until the agent is not left talking to nobody")
    stage.kore_recovers()
    talk.is_the_bots_again()


def test_a_user_whom_kore_could_not_be_told_to_take_back_is_the_bots_with_the_next_message(
    stage: Stage, kit: Kit
) -> None:
    running = kit(changes={"delivery": {"give_up_after": "1s"}})
    talk = stage.new_user()
    talk.talks()
    stage.kore_fails(status=500, path="clearAgentSession")
    talk.types(END_WORD)
    until(lambda: running.metric("botkit_outbox_depth") == 0, "until it is given up")
    assert talk.agent_mode
    stage.kore_recovers()
    talk.types("hi")
    talk.is_the_bots_again()
    until(lambda: talk.user["messages"][-1]["from"] == "bot", "until the bot answers")


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_call_that_kore_refuses_for_good_does_not_hold_up_what_comes_after(
    stage: Stage, kit: Kit, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit()
    talk = stage.new_user()
    core = stage.clouds.kore.core
    # The emulated platform continues by itself when no call answers the message.
    monkeypatch.setattr(core, "settings", replace(core.settings, follow_up_timeout=timedelta(seconds=0.2)))
    stage.kore_fails(status=status, path="sendBotMessage", count=1)
    talk.types("hi")
    until(lambda: stage.clouds.do(lambda: not core.faults.rules), "until the refusal has been given")
    talk.talks()


def test_a_message_whose_answer_is_lost_after_it_was_shown_is_not_shown_again(stage: Stage, kit: Kit) -> None:
    running = kit()
    talk = stage.new_user()
    talk.talks()
    stage.kore_fails(drop_response=True, path="sendUserMessage", count=1)
    talk.agent_says("perhaps twice")
    talk.agent_says("and then this")
    until(lambda: talk.shown()[-1:] == ["and then this"], "until both are shown")
    assert talk.shown() == talk.said
    assert running.metric("botkit_possible_duplicates_total") == 0
