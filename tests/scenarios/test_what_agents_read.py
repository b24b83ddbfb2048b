"""What agents read is what the user saw or said: labels, nobody's words, masked values, earlier channels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from botkit.testing.waiting import until
from tests.scenarios.conftest import Stages
from tests.scenarios.stage import END_WORD, JANE, Case, Person, Stage

CASES = Path(__file__).parents[1] / "cases"


def _story(case: Case) -> list[str]:
    """The transcript's lines without its heading."""
    until(lambda: case.from_user(), "for the transcript")
    return case.from_user()[0].splitlines()[1:]


# --- labels


def test_an_agent_reads_the_label_of_a_clicked_choice(everywhere: Stage) -> None:
    ada = everywhere.person()
    case = ada.is_helped_by(JANE)
    ada.clicks("Where is my parcel?", "INTENT_PARCEL_STATUS")
    case.gets("Where is my parcel?")
    assert case.typed() == ["Where is my parcel?"]


def test_the_bot_gets_the_payload_of_a_clicked_choice(stage: Stage) -> None:
    ada = stage.person()
    ada.clicks("Who is this?", "who are you")
    ada.hears("glad to help")
    (sent,) = stage.wire("sendBotMessage", about=ada.id)
    assert json.loads(sent.request_body)["message"] == "who are you"


@pytest.mark.parametrize("label_in_history", [True, False])
def test_the_transcript_has_labels_too(stage: Stage, label_in_history: bool) -> None:
    # Where the history has no label, the buttons of the bot's last menu tell it.
    stage.kore_behaves(label_in_history=label_in_history)
    ada = stage.person()
    ada.says("menu")
    ada.hears("What is it about?")
    ada.clicks("Delivery", "delivery")
    ada.hears("I did not understand")
    case = ada.asks_for_an_agent("just a human please")
    assert "Ada Lovelace: Delivery" in _story(case)
    assert not any("delivery" in line for line in _story(case))


def test_a_click_while_the_conversation_opens_is_read_once(stage: Stage) -> None:
    stage.salesforce_fails("delay", path="access-token", delay_ms=300)
    ada = stage.person()
    ada.says("just a human please")
    ada.clicks("Billing", "TOPIC_1")
    until(ada.cases)
    (case,) = ada.cases()
    case.gets("Billing")
    assert [text.count("Billing") for text in case.from_user()] == [0, 1]


def test_an_end_word_behind_a_button_ends(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    ada.clicks("Leave the chat", END_WORD)
    case.is_over()
    ada.talks_to_the_bot_again()
    assert case.typed() == []


# --- nobody's words


@pytest.mark.parametrize("agent_transfer", [None, False])
@pytest.mark.parametrize("kind", ["control", "refresh", "welcome"])
def test_messages_of_the_client_reach_no_agent_and_end_nothing(
    stage: Stage, kind: str, agent_transfer: bool | None
) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    ada.client_sends(kind, agent_transfer=agent_transfer)
    ada.says("still here")
    case.gets("still here")
    assert case.typed() == ["still here"]
    assert ada.user.agent_mode


@pytest.mark.parametrize("kind", ["control", "refresh", "welcome"])
def test_without_an_agent_the_bot_gets_them(stage: Stage, kind: str) -> None:
    ada = stage.person()
    ada.client_sends(kind)
    ada.is_settled()
    assert len(stage.wire("sendBotMessage", about=ada.id)) == 1


def test_the_transcript_has_no_messages_of_the_client(stage: Stage) -> None:
    ada = stage.person()
    ada.client_sends("control")
    ada.says("refreshCS")  # Some clients' messages are stored like anybody's words.
    case = ada.asks_for_an_agent("just a human please")
    assert _story(case) == ["Ada Lovelace: just a human please"]


# --- masked values


def test_masked_values_read_as_hidden_everywhere(stage: Stage) -> None:
    stage.kore_behaves(mask_personal_data=True)
    ada = stage.person("#*#name#*#", email="#*#email_1#*#")
    ada.says("my card is 4111 1111 1111 1111")
    ada.hears("I did not understand")
    case = ada.is_helped_by(JANE, "just a human please")
    ada.says("write to ada@example.com")
    case.gets("write to [hidden]")
    assert "[hidden]: my card is [hidden]" in _story(case)
    assert case.attributes()["_email"] == "[hidden]"
    assert not any("#*#" in value for value in case.attributes().values())


# --- who and in which language


def test_the_address_of_an_email_user_reaches_the_agent(stage: Stage) -> None:
    ada = stage.person(channel="email", email="")
    case = ada.is_helped_by(JANE)
    assert case.attributes()["_email"] == ada.user.address
    assert "@" in ada.user.address


# --- earlier channels


def test_a_call_that_is_deflected_to_the_web_is_in_the_transcript(stage: Stage) -> None:
    ada = stage.person(channel="twiliovoice")
    ada.says("who are you")
    ada.hears("glad to help")
    ada.writes_from("rtm")
    case = ada.asks_for_an_agent("just a human please")
    assert _story(case) == [
        "[Phone · twiliovoice]",
        "Ada Lovelace: who are you",
        "Acme Assistant: I am a bot, and glad to help: with your order, or with a person to talk to.",
        "[Web chat · rtm]",
        "Ada Lovelace: just a human please",
    ]


@pytest.mark.parametrize("answered", ["all", "rtm"])
def test_the_own_channel_is_complete_whatever_the_platform_answers_without_one(
    stage: Stage, answered: str
) -> None:
    stage.kore_behaves(history_without_channel=answered)
    ada = stage.person()
    ada.says("who are you")
    ada.hears("glad to help")
    ada.writes_from("whatsapp")
    case = ada.asks_for_an_agent("just a human please")
    story = _story(case)
    assert story[0] == "[Web chat · rtm]"
    assert story[-2:] == ["[Channel · whatsapp]", "Ada Lovelace: just a human please"]


def test_earlier_sessions_of_the_same_channel_are_not(stage: Stage) -> None:
    ada = stage.person()
    ada.says("who are you")
    ada.hears("glad to help")
    ada.closes_the_window()
    case = ada.asks_for_an_agent("just a human please")
    assert _story(case) == ["Ada Lovelace: just a human please"]


def test_how_far_back_it_reaches_is_configurable(stages: Stages) -> None:
    stage = stages("this session", bot={"handoff": {"transcript": {"other_channels": "0s"}}})
    ada = stage.person(channel="twiliovoice")
    ada.says("who are you")
    ada.hears("glad to help")
    ada.writes_from("rtm")
    case = ada.asks_for_an_agent("just a human please")
    assert _story(case) == ["Ada Lovelace: just a human please"]
    stage.everybody_leaves()


# --- shapes seen in the field


def _posts(person: Person, name: str, **changes: Any) -> None:
    """The platform posts the hook of tests/cases, about this person."""
    cloud, core = person.clouds.kore, person.clouds.kore.core

    async def post() -> None:
        call = core.calls.issue(person.id, "on_user_message", now_ms=core.now_ms())
        urls = {
            f"{action}Url": f"{core.stream_url}/{action}/{call.id}"
            for action in ("sendUserMessage", "sendBotMessage")
        }
        body = json.loads(
            (CASES / name).read_text().replace("u-00000000-1111-5222-8333-444444444444", person.id)
        )
        body |= {"requestId": int(call.id), "botId": core.bot.id, **urls, **changes}
        await cloud.hooks.post("on_user_message", body)

    person.clouds.do(lambda: cloud.lanes.put(person.id, post))
    person.is_settled()


@pytest.mark.parametrize("name", ["hook-user-message-ctrl.json", "hook-user-message-welcome.json"])
def test_the_clients_messages_as_seen_in_the_field_end_nothing(stage: Stage, name: str) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE)
    _posts(ada, name)
    ada.says("still here")
    case.gets("still here")
    assert case.typed() == ["still here"]
    assert ada.user.agent_mode
