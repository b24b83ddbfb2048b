"""Reading a user's message: labels of clicked choices, messages of the client, and what identifies a message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from botkit.handoff.conversation import Instant
from botkit.handoff.events import UserMessage
from botkit.hooks.choices import MAX_LABEL, labels_in
from botkit.hooks.parser import HookParser
from botkit.hooks.paths import HookPath
from tests.hooks.hook_payloads import BOT_ID, NOW, USER, as_body, settings, user_message

CASES = Path(__file__).parents[1] / "cases"


def read(payload: dict[str, Any]) -> UserMessage:
    parser = HookParser(settings().bots[BOT_ID], insecure_http=False)
    event = parser.read(
        HookPath(BOT_ID, "on_user_message", "default"), as_body(payload), at=Instant(NOW)
    ).event
    assert isinstance(event, UserMessage)
    return event


def wire(message: dict[str, Any], *, client_id: Any = None, **session: Any) -> dict[str, Any]:
    """The context in which this is the client's last message."""
    last = {"message": message, **({} if client_id is None else {"clientMessageId": client_id})}
    session = {"lastMessage": {"messagePayload": last}, **session}
    return {"session": {"UserContext": {"_id": USER}, "BotUserSession": session}}


def case(name: str) -> dict[str, Any]:
    """A shape seen in the field, as a hook of this bot."""
    shape: dict[str, Any] = json.loads((CASES / name).read_text())
    return {
        **user_message(),
        **shape,
        "botId": BOT_ID,
        "sendBotMessageUrl": user_message()["sendBotMessageUrl"],
    } | {"sendUserMessageUrl": user_message()["sendUserMessageUrl"]}


# --- labels


@pytest.mark.parametrize(
    "members",
    [
        {"context": wire({"body": "PAY", "renderMsg": "Pay now"})},
        {"messageObject": {"message": {"body": "PAY", "renderMsg": "Pay now"}}},
        {
            "channel": {
                "from": USER,
                "handle": {"interactive": {"button_reply": {"id": "PAY", "title": "Pay now"}}},
            }
        },
        {
            "channel": {
                "from": USER,
                "handle": {"interactive": {"list_reply": {"id": "PAY", "title": "Pay now"}}},
            }
        },
        {"channel": {"from": USER, "handle": {"button": {"payload": "PAY", "text": "Pay now"}}}},
        {"channel": {"from": USER, "handle": {"ButtonPayload": "PAY", "ButtonText": "Pay now"}}},
        {"channel": {"from": USER, "handle": {"ListId": "PAY", "ListTitle": "Pay now"}}},
        {"messageObject": {"postback": {"title": "Pay now", "payload": "PAY"}}},
        {"messageObject": {"actions": [{"value": "PAY", "text": {"type": "plain_text", "text": "Pay now"}}]}},
    ],
    ids=["web", "raw", "whatsapp", "list", "template", "twilio", "twilio-list", "messenger", "slack"],
)
def test_the_label_of_a_clicked_choice_is_the_text(members: dict[str, Any]) -> None:
    event = read(user_message("PAY", **members))
    assert (event.text, event.payload) == ("Pay now", "PAY")


@pytest.mark.parametrize(
    "members",
    [
        {"context": wire({"body": "something before", "renderMsg": "Before"})},
        {"context": wire({"body": "PAY", "renderMsg": "x" * (MAX_LABEL + 1)})},
        {"context": wire({"body": "PAY", "renderMsg": " "})},
        {"context": wire({"body": "PAY", "renderMsg": 7})},
        {"messageObject": "PAY"},
        {"channel": {"from": USER, "handle": {"button": {"payload": "OTHER", "text": "Other"}}}},
    ],
)
def test_without_a_label_of_this_message_the_text_is_the_message(members: dict[str, Any]) -> None:
    event = read(user_message("PAY", **members))
    assert (event.text, event.payload) == ("PAY", "")


def test_choices_are_found_in_any_menu() -> None:
    menu = {
        "type": "template",
        "payload": {
            "template_type": "list",
            "text": "Choose",
            "elements": [{"title": "One", "buttons": [{"title": "First", "payload": "p1"}]}],
            "quick_replies": [{"content_type": "text", "title": "Second", "payload": "p2"}],
            "options": [{"label": "Third", "value": "p3"}, {"title": "No payload"}],
        },
    }
    assert labels_in(menu) == {"p1": "First", "p2": "Second", "p3": "Third"}


def test_a_hostile_menu_is_read_within_bounds() -> None:
    deep: Any = {"title": "End", "payload": "p"}
    for _ in range(50):
        deep = {"inner": [deep]}
    assert labels_in(deep) == {}
    assert len(labels_in([{"title": f"t{n}", "payload": f"p{n}"} for n in range(100_000)])) < 5_000


# --- masked values


def test_masked_values_read_as_hidden() -> None:
    event = read(user_message("card #*#card_1#*#, mail #*#e#*# and #*# alone"))
    assert event.text == "card [hidden], mail [hidden] and #*# alone"


# --- messages of the client


@pytest.mark.parametrize(
    "payload",
    [
        user_message("refreshCS"),
        user_message(" RefreshCS\n"),
        user_message("anything", metaInfo={"nlMeta": {"isRefresh": True}}),
        user_message("r", context=wire({"body": "r", "nlMeta": {"isRefresh": True}})),
        user_message("sending a ctrl message to CS"),
        user_message("", channel={"from": USER, "handle": {"type": "welcome"}}),
        user_message("", channel={"from": USER, "botEvent": "ON_CONNECT_EVENT"}),
        case("hook-user-message-ctrl.json"),
        case("hook-user-message-welcome.json"),
    ],
)
def test_messages_of_the_client_are_marked(payload: dict[str, Any]) -> None:
    assert read(payload).of_client


@pytest.mark.parametrize(
    "payload",
    [
        user_message("please refreshCS"),
        user_message("hi", metaInfo={"nlMeta": {"isRefresh": False}}),
        user_message("hi", context=wire({"body": "before", "nlMeta": {"isRefresh": True}})),
        user_message("hi", channel={"from": USER, "requestId": "ms-1"}),
        user_message("hi", channel={"from": USER, "requestContext": {"isRuntime": True}}),
        case("hook-user-message-email.json"),
    ],
)
def test_words_of_users_are_not(payload: dict[str, Any]) -> None:
    assert not read(payload).of_client


@pytest.mark.parametrize(
    ("message", "context"),
    [("hello", {}), ("hello", wire({})), ("my card is #*#card#*#", wire({"body": "my card is 4111"}))],
    ids=["no last message", "an empty one", "masked"],
)
def test_words_that_only_look_like_a_control_message_are_the_users(
    message: str, context: dict[str, Any]
) -> None:
    channel = {"from": USER, "requestId": "ms-1", "requestContext": {"isRuntime": True}}
    assert not read(user_message(message, channel=channel, context=context)).of_client


def test_what_the_users_client_has_just_sent_is_no_control_message() -> None:
    # Whatever the platform writes into the channel of a message.
    payload = case("hook-user-message-ctrl.json")
    payload["message"] = "Show balance"
    assert not read(payload).of_client


# --- what identifies a message

SENT_AT = 1_700_000_000_001


def key(message: str = "yes", *, request_id: Any = 1501244156289, **members: Any) -> str:
    return read(user_message(message, request_id=request_id, **members)).key


def test_a_clients_retry_has_the_same_key_under_another_request_id() -> None:
    context = wire({"body": "yes"}, client_id=SENT_AT)
    assert key(context=context) == key(context=context, request_id=1501244156290) != ""
    raw = {"clientMessageId": SENT_AT, "message": {"body": "yes"}}
    assert key(messageObject=raw) == key(context=context)


def test_a_hook_that_a_handler_changes_keeps_what_identifies_it() -> None:
    parser = HookParser(settings().bots[BOT_ID], insecure_http=False)
    payload = user_message("yes", context=wire({"body": "yes"}, client_id=SENT_AT))
    hook = parser.read(HookPath(BOT_ID, "on_user_message", "default"), as_body(payload), at=Instant(NOW))
    changed = parser.with_body(hook, as_body({**payload, "message": "yes, please"})).event
    assert isinstance(changed, UserMessage)
    assert isinstance(hook.event, UserMessage)
    assert changed.text == "yes, please"
    assert (changed.key, changed.request_id) == (hook.event.key, hook.event.request_id)
    assert changed.request_id == "1501244156289"


def test_two_messages_of_a_client_under_one_request_id_have_two_keys() -> None:
    first, second = (wire({"body": "yes"}, client_id=SENT_AT + n) for n in (0, 1))
    assert key(context=first) != key(context=second)


def test_the_id_of_the_message_before_is_not_this_ones() -> None:
    first, second = (wire({"body": "before"}, client_id=SENT_AT + n) for n in (0, 1))
    assert key(context=first) == key(context=second)
    assert key(context=first) != key(context=first, request_id=1501244156290)


@pytest.mark.parametrize("constant", [0, 1, 232341234, "7", -5])
def test_a_constant_of_a_sample_is_no_id(constant: Any) -> None:
    context = wire({"body": "yes"}, client_id=constant)
    assert key(context=context) != key(context=context, request_id=1501244156290)


@pytest.mark.parametrize("mark", ["lastUserMessageTime", "__userInputTime"])
def test_the_same_words_said_later_have_another_key(mark: str) -> None:
    def at(time: str) -> str:
        if mark == "__userInputTime":
            return key(channel={"from": USER, mark: time})
        return key(context=wire({"body": ""}, **{mark: time}))

    assert at("2026-01-05T09:00:00.000Z") == at("2026-01-05T09:00:00.000Z")
    assert at("2026-01-05T09:00:00.000Z") != at("2026-01-05T09:00:01.000Z")


def test_of_a_call_only_a_hook_that_is_the_same_in_every_byte_is_a_repetition() -> None:
    call = "tcbr-ca0000000000000000000000000000000001"
    said, again = ({"from": USER, "handle": {"Confidence": n}} for n in ("0.9", "0.8"))
    assert key(request_id=call, channel=said) == key(request_id=call, channel=said) != ""
    assert key(request_id=call, channel=said) != key(request_id=call, channel=again)


def test_the_last_message_on_another_channel_is_not_this_one() -> None:
    def said(channel: str, request_id: int) -> str:
        context = wire({"body": "yes"}, client_id=SENT_AT)
        context["session"]["BotUserSession"]["lastMessage"]["channel"] = "rtm"
        return key(context=context, channel={"from": USER, "type": channel}, request_id=request_id)

    assert said("rtm", 1501244156289) == said("rtm", 1501244156290)
    assert said("whatsapp", 1501244156291) != said("rtm", 1501244156289)


@pytest.mark.parametrize("odd", ["--5", "-", "²", "1e13", " "])
def test_an_odd_client_id_does_no_harm(odd: str) -> None:
    assert key(context=wire({"body": "yes"}, client_id=odd))
