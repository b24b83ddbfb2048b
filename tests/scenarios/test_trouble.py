"""One side fails: hooks are still acknowledged at once, order is kept, and every user is told."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from botkit.service import service
from botkit.service.rules import rules_for
from botkit.testing.waiting import until
from tests.scenarios.conftest import Stages
from tests.scenarios.stage import END_WORD, JANE, Person, Stage

ACK = (200, '{"headers":{"supportsMessageAck":true}}')
SOON_GIVEN_UP = {"give_up_after": "1s", "first_retry": "100ms", "slowest_retry": "400ms"}


def _answers(stage: Stage, person: Person, event: str = "on_user_message") -> list[tuple[Any, str]]:
    """The answers to the person's hooks."""
    return [
        (entry.status, entry.response_body) for entry in stage.wire(event, about=person.id, source="kore")
    ]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 429, "retry_after": 0.2},
        {"kind": "refuse"},
        {"kind": "silence"},
    ],
    ids=lambda fault: f"{fault['kind']} {fault.get('status', '')}".strip(),
)
def test_a_transfer_is_acknowledged_at_once_whatever_salesforce_does(
    stage: Stage, fault: dict[str, Any]
) -> None:
    stage.salesforce_fails(**fault)
    ada = stage.person()
    ada.says("talk to an agent")
    ada.hears("send: endagentchat")
    ada.says("hello?")
    until(lambda: len(stage.wire("on_user_message", about=ada.id, source="kore")) >= 2)
    assert _answers(stage, ada, "on_agent_transfer") == [ACK]
    assert _answers(stage, ada) == [ACK, ACK]
    stage.clouds.calm()
    case = until(ada.cases, "for the hand-off after the trouble")[0]
    case.gets("hello?")


def test_messages_wait_for_salesforce_in_order(either: Stage) -> None:
    ada = either.person()
    case = ada.is_helped_by(JANE)
    either.salesforce_fails("status", status=503, path="/message")
    for number in (1, 2, 3):
        ada.says(f"message {number}")
    until(lambda: len(either.wire("sendMessage", about=case.id)) > 2, "for a few attempts")
    either.clouds.calm()
    case.gets("message 3")
    assert case.typed() == ["message 1", "message 2", "message 3"]
    assert _answers(either, ada)[-3:] == [ACK] * 3


def test_answers_of_an_agent_wait_for_kore_in_order(either: Stage) -> None:
    ada = either.person()
    case = ada.is_helped_by(JANE)
    either.kore_fails(status=500, path="sendUserMessage")
    for number in (1, 2, 3):
        case.told_by(JANE, f"answer {number}")
    until(lambda: len(either.wire("sendUserMessage", about="answer 1")) >= 3, "for a few attempts")
    either.clouds.calm()
    ada.hears("answer 3")
    assert ada.told(by="agent") == ["answer 1", "answer 2", "answer 3"]


def test_every_attempt_of_a_message_to_the_agent_has_the_same_id(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    stage.salesforce_fails("status", status=500, times=3, path="/message")
    ada.says("once")
    case.gets("once")
    sent = [
        json.loads(entry.request_body)["message"]["id"]
        for entry in stage.wire("sendMessage", about=case.id)
        if '"once"' in entry.request_body
    ]
    assert len(sent) == 4
    assert len(set(sent)) == 1


def test_trouble_on_the_way_to_the_agent_does_not_hold_up_the_way_to_the_user(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    stage.salesforce_fails("status", status=503, path="/message")
    ada.says("stuck")
    case.told_by(JANE, "not stuck")
    ada.hears("not stuck")
    assert case.typed() == []


def test_one_users_trouble_is_not_anothers(stage: Stage) -> None:
    ada, grace = stage.person(), stage.person("Grace Hopper")
    stuck, fine = ada.is_helped_by(JANE), grace.is_helped_by(JANE)
    stage.salesforce_fails("status", status=503, path=f"{stuck.id}/message")
    ada.says("stuck")
    grace.says("fine")
    fine.gets("fine")
    assert stuck.typed() == []
    stage.clouds.calm()
    stuck.gets("stuck")


def test_the_bots_talk_is_acknowledged_and_goes_on_when_kore_is_back(stage: Stage) -> None:
    stage.kore_fails(status=500, path="sendBotMessage")
    ada = stage.person()
    ada.says("who are you")
    until(lambda: len(stage.wire("sendBotMessage", about=ada.id)) >= 3)
    assert _answers(stage, ada) == [ACK]
    stage.clouds.calm()
    ada.hears("glad to help")
    assert ada.told() == ["I am a bot, and glad to help: with your order, or with a person to talk to."]


def test_the_user_is_given_back_even_if_the_platform_does_not_take_them_at_first(either: Stage) -> None:
    ada = either.person()
    case = ada.is_helped_by(JANE)
    either.kore_fails(status=500, path="clearAgentSession", count=3)
    ada.says(END_WORD)
    case.is_over()
    ada.talks_to_the_bot_again()


def test_salesforce_out_of_reach_for_too_long_gives_the_user_back_with_a_word(stages: Stages) -> None:
    stage = stages("given up", bot={"delivery": SOON_GIVEN_UP})
    stage.salesforce_fails("status", status=500)
    ada = stage.person()
    ada.says("talk to an agent")
    ada.hears("send: endagentchat")
    ada.says("is anybody there?")
    ada.hears("Sorry, our agents cannot be reached right now.")
    assert "This did not reach the agent:\nis anybody there?" in ada.told()
    stage.clouds.calm()
    ada.talks_to_the_bot_again()
    stage.everybody_leaves()


def test_salesforce_going_away_in_the_middle_gives_the_user_back_with_a_word(stages: Stages) -> None:
    stage = stages("given up", bot={"delivery": SOON_GIVEN_UP})
    ada = stage.person()
    ada.is_helped_by(JANE)
    stage.salesforce_fails("status", status=503)
    ada.says("hello?")
    ada.hears("Sorry, our agents cannot be reached right now.")
    assert "This did not reach the agent:\nhello?" in ada.told()
    stage.clouds.calm()
    ada.talks_to_the_bot_again()
    stage.everybody_leaves()


def test_a_deployment_that_does_not_exist_gives_the_user_back_with_a_word(
    stages: Stages, logged: list[Any]
) -> None:
    stage = stages(
        "wrong name", bot={"agents": {"systems": {"salesforce": {"developer_name": "No_Such_Client"}}}}
    )
    ada = stage.person()
    ada.says("talk to an agent")
    ada.hears("Sorry, our agents cannot be reached right now.")
    ada.talks_to_the_bot_again()
    assert any(line["log_level"] == "error" for line in logged)


def test_agents_are_answered_with_the_newest_request_id(either: Stage) -> None:
    ada = either.person()
    case = ada.is_helped_by(JANE)
    ada.says("a newer hook")
    case.gets("a newer hook")
    case.told_by(JANE, "answered there")
    ada.hears("answered there")
    newest = json.loads(either.wire("on_user_message", about=ada.id, source="kore")[-1].request_body)
    call = either.wire("sendUserMessage", about="answered there")[-1]
    assert call.path.endswith(f"/sendUserMessage/{newest['requestId']}")
    assert json.loads(call.request_body)["requestId"] == newest["requestId"]


def test_the_request_id_is_extended_while_an_agent_session_lives_and_no_longer(
    stages: Stages, logged: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = _extending(stages, monkeypatch)
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    until(lambda: len(stage.wire("extendcallid", about=ada.id)) >= 3, "for three extensions")
    ada.says(END_WORD)
    case.is_over()
    ada.is_with_the_bot()
    grace = stage.person("Grace Hopper")
    grace.is_helped_by(JANE)
    # An extension of Ada's that was on its way at the end has arrived before the first one of Grace's.
    until(lambda: stage.wire("extendcallid", about=grace.id), "for an extension")
    extended = len(stage.wire("extendcallid", about=ada.id))
    until(lambda: len(stage.wire("extendcallid", about=grace.id)) >= 4, "for three more")
    assert len(stage.wire("extendcallid", about=ada.id)) == extended
    stage.everybody_leaves()


def test_the_newest_request_id_is_the_one_that_is_extended(
    stages: Stages, logged: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = _extending(stages, monkeypatch)
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    ada.says("a newer hook")
    case.gets("a newer hook")
    newest = json.loads(stage.wire("on_user_message", about=ada.id, source="kore")[-1].request_body)
    until(lambda: stage.wire("extendcallid", about=f"/extendcallid/{newest['requestId']}"))
    stage.everybody_leaves()


def _extending(stages: Stages, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage that extends a requestId five times a second instead of every four minutes."""
    monkeypatch.setattr(service, "rules_for", lambda bot: replace(rules_for(bot), extend_every_seconds=0.2))
    return stages("extending")


def test_a_silent_agent_can_still_answer_long_after_the_request_id_would_have_expired(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = _extending(stages, monkeypatch)
    core = stage.clouds.kore.core
    usual = core.calls.lifetime_ms
    core.calls.lifetime_ms = 1_000
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    number = len(stage.wire("extendcallid", about=ada.id))
    # Seven fifths of a second are more than one.
    until(lambda: len(stage.wire("extendcallid", about=ada.id)) >= number + 7)
    case.told_by(JANE, "sorry for the wait")
    ada.hears("sorry for the wait")
    core.calls.lifetime_ms = usual
    stage.everybody_leaves()
