"""A dialog's Script node sets `miawMetaInfo`: both scripts of Kore's page, merged and alone."""

from __future__ import annotations

import pytest

from botkit.handoff.reference import reference
from botkit.testing.waiting import until
from tests.scenarios.bot import MENU
from tests.scenarios.conftest import Stages
from tests.scenarios.stage import JANE, Stage

AUTOMATIC = {
    "_firstName",
    "_lastName",
    "_email",
    "_subject",
    "Kore_User_Id",
    "Kore_Bot_Name",
    "Kore_Channel",
    "Kore_Language",
    "Kore_Session_Id",
    "Kore_Last_Intent",
    "Handoff_Reference",
}


def test_both_scripts_in_one_give_the_fields_and_the_end_word(either: Stage) -> None:
    ada = either.person()
    case = ada.asks_for_an_agent("talk to an agent")
    ada.hears("send: endagentchat")
    own = {name: value for name, value in case.attributes().items() if name not in AUTOMATIC}
    assert own == {"Pincode": "500081", "City": "Hyderabad", "Country": "India"}


def test_the_pre_chat_script_alone_gives_the_fields_and_no_end_word(stage: Stage) -> None:
    ada = stage.person()
    case = ada.asks_for_an_agent("human who knows where")
    own = {name: value for name, value in case.attributes().items() if name not in AUTOMATIC}
    assert own == {"Pincode": "1010", "City": "Wien", "Country": "Österreich"}
    case.accepted_by(JANE)
    ada.hears(JANE)
    assert not any("To end the conversation" in text for text in ada.told())


def test_the_end_word_script_alone_gives_the_end_word_and_no_fields(stage: Stage) -> None:
    ada = stage.person()
    case = ada.asks_for_an_agent("human with my own word")
    ada.hears("send: stop talking")
    assert set(case.attributes()) == AUTOMATIC


def test_the_end_word_of_the_dialog_ends_the_conversation_and_no_other_word_does(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE, "human with my own word")
    ada.says("endagentchat")
    case.gets("endagentchat")
    ada.says("stop talking")
    case.is_over()
    ada.talks_to_the_bot_again()


def test_without_any_script_a_hand_off_works_and_shows_no_instruction(either: Stage) -> None:
    ada = either.person()
    ada.is_helped_by(JANE, "just a human please")
    assert ada.told() == [
        "One moment, please. We are looking for an agent who can help you.",
        "Jane Doe has joined the conversation.",
    ]


def test_values_that_are_no_text_become_text_and_names_stay_exact(stage: Stage) -> None:
    ada = stage.person()
    case = ada.asks_for_an_agent("human fond of odd values")
    own = {name: value for name, value in case.attributes().items() if name not in AUTOMATIC}
    assert own == {
        "Number": "12",
        "Fraction": "2.5",
        "Big": "9007199254740991",
        "Yes": "true",
        "No": "false",
        "Nothing": "",
        "Empty": "",
        "List": '[1,"two"]',
        "Object": '{"a":{"b":"c"}}',
        "name with spaces": " kept as it is ",
        "größe": "名前",
    }


def test_an_end_word_that_is_a_number_works_as_text(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE, "human fond of odd values")
    ada.says("42")
    case.is_over()
    ada.talks_to_the_bot_again()


def test_fields_that_a_script_has_stringified_are_understood(stage: Stage) -> None:
    case = stage.person().asks_for_an_agent("human given stringified data")
    attributes = case.attributes()
    assert (attributes["City"], attributes["Visits"]) == ("Łódź", "3")


def test_senseless_data_does_not_keep_the_user_from_an_agent(stage: Stage) -> None:
    ada = stage.person()
    case = ada.is_helped_by(JANE, "human given senseless data")
    assert set(case.attributes()) == AUTOMATIC


def test_what_the_platform_knows_goes_along_without_any_script(either: Stage) -> None:
    ada = either.person("Ada King Lovelace", email="ada@example.com", language="de")
    case = ada.asks_for_an_agent("just a human please")
    assert case.attributes() == {
        "_firstName": "Ada",
        "_lastName": "King Lovelace",
        "_email": "ada@example.com",
        "_subject": "just a human please",
        "Kore_User_Id": ada.id,
        "Kore_Bot_Name": "Acme Assistant",
        "Kore_Channel": "rtm",
        "Kore_Language": "de",
        "Kore_Session_Id": ada.user.session.id,
        "Kore_Last_Intent": "just a human please",
        "Handoff_Reference": reference(case.id),
    }
    assert case.conversation.language == "de"


def test_what_the_platform_does_not_know_is_left_out(stage: Stage) -> None:
    case = stage.person("Ada", email="").asks_for_an_agent("just a human please")
    assert {"_lastName", "_email", "Case_Id"}.isdisjoint(case.attributes())


def test_pre_chat_fields_win_over_what_is_known_and_a_case_id_goes_along(stage: Stage) -> None:
    case = stage.person().asks_for_an_agent("human about an open case")
    attributes = case.attributes()
    assert attributes["_firstName"] == "Augusta"
    assert attributes["_lastName"] == "Lovelace"
    assert attributes["_email"] == "augusta@example.com"
    assert attributes["_subject"] == ""
    assert attributes["Case_Id"] == "5003X0001"


def test_a_mapping_in_the_configuration_decides_the_names(stages: Stages) -> None:
    mapping = {"Customer": "name", "Mail__c": "email", "Case_Number": "case_id", "Via": "channel"}
    stage = stages("mapping", bot={"handoff": {"attributes": mapping}})
    case = stage.person().asks_for_an_agent("human about an open case")
    attributes = case.attributes()
    stage.everybody_leaves()
    assert attributes == {
        "Customer": "Ada Lovelace",
        "Mail__c": "ada@example.com",
        "Case_Number": "5003X0001",
        "Via": "rtm",
        "_firstName": "Augusta",
        "_subject": "",
        "_email": "augusta@example.com",
    }


def test_a_configured_end_word_is_the_fallback(stages: Stages) -> None:
    stage = stages("fallback word", bot={"handoff": {"end_chat_command": "good bye"}})
    ada = stage.person()
    case = ada.asks_for_an_agent("just a human please")
    ada.hears("send: good bye")
    ada.says("Good Bye")
    case.is_over()
    ada.talks_to_the_bot_again()


def test_the_dialogs_end_word_wins_over_the_configured_one(stages: Stages) -> None:
    stage = stages("fallback word", bot={"handoff": {"end_chat_command": "good bye"}})
    ada = stage.person()
    case = ada.is_helped_by(JANE, "human with my own word")
    ada.says("good bye")
    case.gets("good bye")
    ada.says("stop talking")
    case.is_over()
    ada.is_with_the_bot()


def test_the_talk_before_arrives_as_one_message_in_order_with_who_said_it(either: Stage) -> None:
    ada = either.person()
    for sentence, answer in (("hi", "or say"), ("who are you", "glad to help"), ("order status", "number?")):
        ada.says(sentence)
        if sentence != "hi":
            ada.hears(answer)
        else:
            ada.hears("Ask me for your order status")
    ada.says("48215")
    ada.hears("Your order 48215 is")
    case = ada.asks_for_an_agent()
    ada.says("still there?")
    case.gets("still there?")
    story, *typed = case.from_user()
    assert typed == ["still there?"]
    assert story.splitlines()[1:] == [
        "Ada Lovelace: hi",
        "Acme Assistant: Hello Ada! I am the Acme Assistant.",
        'Acme Assistant: Ask me for your order status, or say "talk to an agent" to reach a person.',
        "Ada Lovelace: who are you",
        "Acme Assistant: I am a bot, and glad to help: with your order, or with a person to talk to.",
        "Ada Lovelace: order status",
        "Acme Assistant: What is your order number?",
        "Ada Lovelace: 48215",
        "Acme Assistant: Your order 48215 is delivered.",
        "Ada Lovelace: talk to an agent",
        "Acme Assistant: I am handing you over to one of my human colleagues.",
    ]


def test_templates_of_the_bot_are_told_in_words(stage: Stage) -> None:
    ada = stage.person()
    ada.says("menu")
    ada.hears("What is it about?")
    case = ada.asks_for_an_agent("just a human please")
    ada.says("hello")
    case.gets("hello")
    assert MENU not in case.from_user()[0]
    assert case.from_user()[0].splitlines()[1:] == [
        "Ada Lovelace: menu",
        "Acme Assistant: What is it about?",
        "  | - Billing",
        "  | - Delivery",
        "Ada Lovelace: just a human please",
    ]


def test_only_the_current_session_is_told(stage: Stage) -> None:
    ada = stage.person()
    ada.says("who are you")
    ada.hears("glad to help")
    ada.closes_the_window()
    case = ada.asks_for_an_agent("just a human please")
    ada.says("hello")
    case.gets("hello")
    assert case.from_user()[0].splitlines()[1:] == ["Ada Lovelace: just a human please"]


@pytest.mark.parametrize(
    ("language", "heading"),
    [("de", "Bisheriges Gespräch"), ("ja", "会話"), ("xx", "onversation")],
)
def test_the_story_has_a_heading_in_the_users_language(stage: Stage, language: str, heading: str) -> None:
    ada = stage.person(language=language)
    case = ada.asks_for_an_agent("just a human please")
    ada.says("hello")
    case.gets("hello")
    assert heading in case.from_user()[0].splitlines()[0]


def test_no_story_is_sent_where_the_configuration_wants_none(stages: Stages) -> None:
    stage = stages("no story", bot={"handoff": {"transcript": {"limit": 0}}})
    ada = stage.person()
    case = ada.asks_for_an_agent("just a human please")
    ada.says("hello")
    case.gets("hello")
    assert case.from_user() == ["hello"]


def test_a_story_the_platform_does_not_tell_at_first_is_asked_for_again(stage: Stage) -> None:
    stage.kore_fails(status=500, path="getMessages", count=2)
    ada = stage.person()
    case = ada.is_helped_by(JANE, "just a human please")
    ada.says("hello")
    case.gets("hello")
    assert case.from_user()[0].splitlines()[1:] == ["Ada Lovelace: just a human please"]
    assert case.typed() == ["hello"]


SHORT_STORY = {"handoff": {"transcript": {"timeout": "300ms"}}, "kore": {"timeout": "60s"}}
"""Other calls to the platform would wait for longer than the tests do."""


def test_a_platform_that_does_not_list_the_talk_does_not_keep_the_user_from_an_agent(stages: Stages) -> None:
    stage = stages("short story", bot=SHORT_STORY)
    stage.kore_fails(status=500, path="getMessages")
    ada = stage.person()
    case = ada.is_helped_by(JANE, "just a human please")
    ada.says("hello")
    case.gets("hello")
    assert case.from_user() == ["hello"]
    stage.everybody_leaves()


def test_a_platform_that_is_silent_about_the_talk_does_not_either(stages: Stages) -> None:
    stage = stages("short story", bot=SHORT_STORY)
    stage.kore_fails(silence=True, path="getMessages")
    ada = stage.person()
    ada.says("just a human please")
    case = until(ada.cases, "for the conversation")[0]
    ada.says("hello")
    case.gets("hello")
    assert case.from_user() == ["hello"]
    stage.everybody_leaves()
