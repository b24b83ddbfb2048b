"""Channels: agents' rich messages are readable on every channel, and users' attachments arrive."""

from __future__ import annotations

import json

import pytest

from botkit.testing.waiting import until
from botkit_sandbox.kore.users import Attachment
from botkit_sandbox.salesforce import content
from tests.scenarios.conftest import Stages
from tests.scenarios.stage import END_WORD, JANE, Case, Person, Stage

PLAIN_CHANNELS = ("facebook", "whatsapp", "msteams", "sms")
PDF = b"%PDF-1.4 not really"


def _helped(stage: Stage, channel: str) -> tuple[Person, Case]:
    person = stage.person(channel=channel)
    return person, person.is_helped_by(JANE)


@pytest.mark.parametrize("channel", ["rtm", *PLAIN_CHANNELS, "ivr", "slack", "email"])
def test_a_whole_hand_off_works_on_every_channel(stage: Stage, channel: str) -> None:
    ada, case = _helped(stage, channel)
    ada.says("question")
    case.gets("question")
    case.told_by(JANE, "answer")
    ada.hears("answer")
    assert case.attributes()["Kore_Channel"] == channel
    assert case.attributes()["Kore_User_Id"] == ada.id
    ada.says(END_WORD)
    case.is_over()
    ada.talks_to_the_bot_again()


@pytest.mark.parametrize("channel", PLAIN_CHANNELS)
def test_the_talk_before_arrives_from_other_channels_too(stage: Stage, channel: str) -> None:
    ada = stage.person(channel=channel)
    ada.says("who are you")
    ada.hears("glad to help")
    case = ada.asks_for_an_agent("just a human please")
    ada.says("hello")
    case.gets("hello")
    assert case.from_user()[0].splitlines()[1:] == [
        "Ada Lovelace: who are you",
        "Acme Assistant: I am a bot, and glad to help: with your order, or with a person to talk to.",
        "Ada Lovelace: just a human please",
    ]


@pytest.mark.parametrize("channel", PLAIN_CHANNELS)
def test_outside_the_web_an_agents_words_are_plain_text(stage: Stage, channel: str) -> None:
    ada, case = _helped(stage, channel)
    case.told_by(JANE, "just words")
    assert ada.hears("just words").text == "just words"
    assert ada.messages()[-1].template is None


def test_on_the_web_an_agents_words_carry_their_name(stage: Stage) -> None:
    ada, case = _helped(stage, "rtm")
    case.told_by(JANE, "words with a name")
    said = ada.hears("words with a name")
    assert said.template == {"type": "live_agent", "text": "words with a name"}
    assert said.name == JANE


def test_a_link_is_a_link_on_the_web_and_its_address_elsewhere(stage: Stage) -> None:
    link = content.link("Our terms", "https://example.com/terms")
    ada, case = _helped(stage, "rtm")
    case.sent_by(JANE, link)
    assert ada.hears("terms").text == "[Our terms](https://example.com/terms)"
    grace, other = _helped(stage, "facebook")
    other.sent_by(JANE, link)
    assert grace.hears("terms").text == "Our terms: https://example.com/terms"


def test_buttons_are_buttons_on_the_web_and_lines_elsewhere(stage: Stage) -> None:
    question = content.choices("Which one?", ["Red", "Green"])
    ada, case = _helped(stage, "rtm")
    case.sent_by(JANE, question)
    shown = ada.hears("Which one?")
    assert shown.template is not None
    assert shown.template["type"] == "button"
    assert [button["title"] for button in shown.template["buttons"]] == ["Red", "Green"]
    grace, other = _helped(stage, "facebook")
    other.sent_by(JANE, question)
    assert grace.hears("Which one?").text == "Which one?\n- Red\n- Green"


def test_a_button_that_is_pressed_says_its_title_to_the_agent(stage: Stage) -> None:
    ada, case = _helped(stage, "rtm")
    case.sent_by(JANE, content.choices("Which one?", ["Red", "Green"]))
    shown = ada.hears("Which one?").template
    assert shown is not None
    ada.says(shown["buttons"][1]["payload"])
    case.gets("Green")


def test_many_options_are_quick_replies_on_the_web(stage: Stage) -> None:
    ada, case = _helped(stage, "rtm")
    case.sent_by(JANE, content.choices("Pick a day", ["Mon", "Tue", "Wed", "Thu", "Fri"]))
    shown = ada.hears("Pick a day").template
    assert shown is not None
    assert shown["type"] == "quick_replies"
    assert [button["title"] for button in shown["buttons"]] == ["Mon", "Tue", "Wed", "Thu", "Fri"]


@pytest.mark.parametrize("channel", ["rtm", "facebook"])
def test_a_file_of_the_agent_can_be_found_by_the_user(stage: Stage, channel: str) -> None:
    ada, case = _helped(stage, channel)
    case.file_sent_by(JANE, name="contract.pdf", mime_type="application/pdf", data=PDF)
    shown = ada.hears("contract.pdf").text
    assert f"{stage.clouds.salesforce.base_url}/iamessage/attachments/" in shown


def test_an_image_of_the_agent_is_shown_on_the_web(stage: Stage) -> None:
    ada, case = _helped(stage, "rtm")
    case.file_sent_by(JANE, name="map.png", mime_type="image/png", data=b"\x89PNG")
    shown = ada.hears("![map.png](http")
    assert "/iamessage/attachments/" in shown.text
    assert shown.name == JANE


@pytest.mark.parametrize("channel", ["rtm", "facebook"])
def test_a_carousel_loses_none_of_its_words(stage: Stage, channel: str) -> None:
    ada, case = _helped(stage, channel)
    case.sent_by(
        JANE, content.carousel([("Basic", ["Take basic"]), ("Deluxe", ["Take deluxe"])], title="Plans")
    )
    shown = ada.hears("Plans")
    everything = shown.text + json.dumps(dict(shown.template or {}))
    for word in ("Basic", "Deluxe", "Take basic", "Take deluxe"):
        assert word in everything


@pytest.mark.parametrize("channel", ["rtm", "facebook"])
def test_a_form_is_asked_in_words(stage: Stage, channel: str) -> None:
    ada, case = _helped(stage, channel)
    case.sent_by(JANE, content.form("Your address", ["Street", "Town"]))
    assert ada.hears("Your address").text == "Your address\n- Street\n- Town"


@pytest.mark.parametrize("channel", ["rtm", "facebook"])
def test_a_form_of_message_nobody_has_seen_yet_is_shown_in_its_words(stage: Stage, channel: str) -> None:
    ada, case = _helped(stage, channel)
    strange = {"messageType": "HologramMessage", "hologram": {"title": "Look at this", "depth": 3}}
    case.sent_by(JANE, strange)
    assert ada.hears("Look at this").text == "Look at this"


def test_a_message_with_nothing_in_it_shows_nothing(stage: Stage) -> None:
    ada, case = _helped(stage, "rtm")
    case.sent_by(
        JANE, {"messageType": "StaticContentMessage", "staticContent": {"formatType": "Text", "text": ""}}
    )
    case.told_by(JANE, "words")
    ada.hears("words")
    assert ada.told(by="agent") == ["words"]


def test_an_agents_words_that_look_like_a_template_are_shown_as_words(stage: Stage) -> None:
    ada, case = _helped(stage, "facebook")
    words = '{"type":"template","payload":{"text":"not me"}}'
    case.told_by(JANE, words)
    assert ada.hears("not me").text == words


# --- from the user


@pytest.mark.parametrize("channel", ["rtm", "facebook"])
def test_where_agents_get_no_files_they_get_their_names(stages: Stages, channel: str) -> None:
    stage = stages("no attachments", bot=NO_ATTACHMENTS)
    ada, case = _helped(stage, channel)
    ada.says("", _file("bill.pdf"))
    until(case.typed)
    assert _whole(stage, case) == "[bill.pdf]"
    stage.everybody_leaves()


def test_words_and_names_of_files_arrive_together(stages: Stages) -> None:
    stage = stages("no attachments", bot=NO_ATTACHMENTS)
    ada, case = _helped(stage, "rtm")
    ada.says("these two", _file("one.png"), _file("two.png"))
    until(case.typed)
    assert _whole(stage, case) == "these two\n[one.png]\n[two.png]"
    stage.everybody_leaves()


NO_ATTACHMENTS = {"agents": {"systems": {"salesforce": {"attachments": False}}}}


def _file(name: str) -> Attachment:
    return Attachment(f"f-{name}", name, "attachment", "application/octet-stream", b"content")


def _whole(stage: Stage, case: Case) -> str:
    """The text as sent, before Salesforce split a message that ends with a web address (salesforce-miaw.md 3.1)."""
    entries = stage.wire("sendMessage", about=case.id, source="botkit")
    return str(json.loads(entries[-1].request_body)["message"]["staticContent"]["text"])


def test_the_agent_sees_the_user_typing(either: Stage) -> None:
    ada, case = _helped(either, "rtm")
    ada.types()
    until(lambda: case.conversation.user_typing, "for the typing to be seen")
    ada.types(started=False)
    until(lambda: not case.conversation.user_typing, "for the end of the typing to be seen")
    assert case.typed() == []


def test_the_user_sees_the_agent_typing(stage: Stage) -> None:
    ada, case = _helped(stage, "rtm")
    ada.types()
    ada.types(started=False)
    until(lambda: len(stage.wire("on_client_event", about=ada.id, source="kore")) == 2)
    ada.says("hello")
    case.gets("hello")
    case.typed_by(JANE, started=True)
    until(lambda: ada.user.agent_typing, "for the agent's typing to be seen")
    case.typed_by(JANE, started=False)
    until(lambda: not ada.user.agent_typing, "for the end of the agent's typing to be seen")


def test_typing_is_nothing_the_bot_hears_of(stage: Stage) -> None:
    ada = stage.person()
    ada.types()
    ada.says("who are you")
    ada.hears("glad to help")
    ada.types(started=False)
    until(lambda: len(stage.wire("on_client_event", about=ada.id, source="kore")) == 2)
    ada.says("thanks")
    ada.hears("glad to help", times=2)
    assert len(stage.wire("sendBotMessage", about=ada.id)) == 2


def test_typing_does_not_reach_an_agent_who_is_not_there_yet(stage: Stage) -> None:
    ada = stage.person()
    case = ada.asks_for_an_agent()
    ada.types()
    until(lambda: stage.wire("on_client_event", about=ada.id, source="kore"))
    ada.says("hello")
    case.gets("hello")
    assert stage.wire("typing", about=case.id) == []


def test_a_page_that_is_loaded_again_says_nothing_to_the_agent(stage: Stage) -> None:
    ada, case = _helped(stage, "rtm")
    ada.connects()
    ada.says("I am back")
    case.gets("I am back")
    assert case.typed() == ["I am back"]


def test_a_page_that_is_loaded_is_passed_on_to_the_bot_without_an_agent(stage: Stage) -> None:
    ada = stage.person()
    ada.connects()
    until(lambda: stage.wire("sendBotMessage", about=ada.id), "for the connect event to be passed on")
    ada.talks_to_the_bot_again()
    assert ada.told(by="botkit") == []


def test_an_empty_message_says_nothing_to_the_agent(stage: Stage) -> None:
    ada, case = _helped(stage, "rtm")
    ada.says("   ")
    ada.says("words")
    case.gets("words")
    assert case.typed() == ["words"]


def test_markup_in_either_direction_stays_what_it_is(stage: Stage) -> None:
    ada, case = _helped(stage, "facebook")
    nasty = '<b>bold</b> & "quoted" \\n {command} {{x}} %s \u2028 end'
    ada.says(nasty)
    case.gets(nasty)
    case.told_by(JANE, nasty)
    assert ada.hears("bold").text == nasty
