"""The transcript from the history: labels, nobody's words, and what was said on other channels."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from botkit.kore.transcript import has_channel, read_transcript

CASES = Path(__file__).parents[1] / "cases"
HOUR = timedelta(hours=1)
VOICE = "My router lost its connection, ticket 4711"


def case(name: str) -> bytes:
    return (CASES / name).read_bytes()


def answer(*records: dict[str, Any]) -> bytes:
    return json.dumps({"messages": records[::-1]}).encode()


def record(n: int, text: str, *, incoming: bool = True, **more: Any) -> dict[str, Any]:
    return {
        "_id": f"ms-{n}",
        "type": "incoming" if incoming else "outgoing",
        "components": [{"cT": "text", "data": {"text": text}}],
        "timestampValue": 1_700_000_000_000 + n * 60_000,
        "sessionId": "s1",
        "chnl": "rtm",
        **more,
    }


def texts(*pages: bytes, **how: Any) -> list[str]:
    return [line.text for line in read_transcript(*pages, **how)]


# --- shapes seen in the field


def test_a_call_that_was_deflected_to_the_web_is_included_with_its_channel() -> None:
    lines = read_transcript(case("getMessages-voice-deflected-to-web.json"), other_channels=HOUR)
    assert [(line.channel, line.text) for line in lines] == [
        ("twiliovoice", "Hello, what can I do for you?"),
        ("twiliovoice", VOICE),
        ("twiliovoice", "I do not know that. Shall I get you an agent?"),
        ("twiliovoice", "Okay."),
        ("twiliovoice", "Please say your number, and I send you a link to a chat with an agent."),
        ("twiliovoice", "1"),
        ("rtm", "hello"),
        ("twiliovoice", "where is it"),
        ("rtm", "I do not know that. Shall I get you an agent?"),
        ("rtm", "CMD_AGENT order"),
    ]


@pytest.mark.parametrize("age", [timedelta(0), timedelta(minutes=1)])
def test_an_older_call_is_left_out(age: timedelta) -> None:
    assert VOICE not in texts(case("getMessages-voice-deflected-to-web.json"), other_channels=age)


def test_a_control_message_is_left_out() -> None:
    assert texts(case("getMessages-inactivity-ctrlmsg.json"), other_channels=HOUR) == [
        "Hey Thanks for connecting with us.",
        "What can I do for you?",
        "Show my balance",
        "Your session ends now, since nothing was said for a while.",
    ]


# --- nobody's words


def test_texts_and_greetings_of_the_client_are_left_out() -> None:
    welcome: dict[str, Any] = {"channels": [{"type": "rtm", "handle": {"type": "welcome"}}]}
    page = answer(record(1, "refreshCS"), record(2, "start", **welcome), record(3, "hi"))
    assert texts(page) == ["hi"]


# --- labels


def test_the_stored_label_of_a_choice_is_its_text() -> None:
    tags = {"altText": [{"name": "label", "value": "Pay now"}]}
    assert texts(answer(record(1, "PAY", tags=tags))) == ["Pay now"]


def test_an_alternative_text_of_the_bots_message_is_not_what_the_user_saw() -> None:
    tags = {"altText": [{"value": "Menu for developers"}]}
    assert texts(answer(record(1, "Choose", incoming=False, tags=tags))) == ["Choose"]


def test_without_a_stored_label_the_bots_last_menu_tells_it() -> None:
    def menu(title: str) -> str:
        return json.dumps({"payload": {"text": "Choose", "buttons": [{"title": title, "payload": "A"}]}})

    page = answer(
        record(1, "A"),
        record(2, menu("First"), incoming=False),
        record(3, "A"),
        record(4, menu("Second"), incoming=False),
        record(5, "and now"),
        record(6, "A"),
    )
    assert [text for text in texts(page) if "Choose" not in text] == ["A", "First", "and now", "Second"]


def test_masked_values_read_as_hidden() -> None:
    assert texts(answer(record(1, "my card is #*#card#*#"))) == ["my card is [hidden]"]


# --- sessions and channels


def test_finished_sessions_of_the_same_channel_are_left_out() -> None:
    page = answer(record(1, "an hour ago", sessionId="s0"), record(2, "hi"))
    assert texts(page, other_channels=HOUR) == ["hi"]


def test_a_record_that_is_in_two_answers_is_said_once() -> None:
    one, two = record(1, "on the phone", sessionId="s0", chnl="sms"), record(2, "hi")
    assert texts(answer(two), answer(one, two), other_channels=HOUR) == ["on the phone", "hi"]


def test_what_was_said_elsewhere_after_the_newest_message_is_left_out() -> None:
    page = answer(record(1, "hi"), record(5, "later", sessionId="s0", chnl="sms", type="outgoing"))
    assert texts(page, session_id="s1", other_channels=HOUR) == ["hi"]


def test_whether_an_answer_has_a_channel() -> None:
    assert has_channel(answer(record(1, "hi")), "rtm")
    assert not has_channel(answer(record(1, "hi")), "sms")
    assert not has_channel(b"", "rtm")


def test_a_record_of_another_channel_without_a_session_is_left_out() -> None:
    lost = record(1, "whose is this?", chnl="sms", sessionId=None)
    assert texts(answer(lost, record(2, "hi")), other_channels=HOUR) == ["hi"]
