"""Requests to the platform."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from botkit.config.settings import KoreSettings, Secret
from botkit.errors import CallRefused, HostNotAllowed, MessageTooLong
from botkit.handoff.effects import (
    AnswerWebhook,
    CallUser,
    CallWithHook,
    ClearAgentSession,
    EventToUser,
    ExtendRequest,
    PassToBot,
    PassToUser,
    PlatformEffect,
    SendToUser,
    SkipUserMessage,
    TypingToUser,
)
from botkit.handoff.events import Content
from botkit.hooks.address import forwarding
from botkit.hooks.payload import parse
from botkit.http.values import Forwarding
from botkit.kore.bodies import splice
from botkit.kore.rendering import client_event
from botkit.kore.requests import SDK_CALLS, KoreRequests
from botkit.templates import button_template

BASE = "https://bots.kore.ai/api/botsdk/stream/st-1"
SECRET = "a secret of sixty-four characters, as long as HS256 and HS512 want it"
NOW = 1_700_000_000.5


def requests(**changes: object) -> KoreRequests:
    settings = KoreSettings("cs-1", Secret(SECRET), callback_hosts=("bots.kore.ai",), **changes)  # type: ignore[arg-type]
    return KoreRequests(settings, bot_id="st-1", insecure_http=False, clock=lambda: NOW)


def hook(**members: object) -> bytes:
    return json.dumps({"requestId": 1501, "baseUrl": BASE, "message": "hi", **members}).encode()


def test_a_user_message_is_passed_on_byte_for_byte() -> None:
    body = (
        b'{ "requestId" : 1501244156289123456789,\n"baseUrl":"%s", "message":"caf\\u00e9 1.0", "f":1.10e2}'
        % (BASE.encode())
    )
    request = requests().request(PassToBot(), body)
    assert request.body is not None
    assert request.body.endswith(body[1:])
    added = json.loads(request.body[: -len(body) + 1].rstrip(b",") + b"}")
    assert added == {
        "__payloadClass": "OnMessagePayload",
        "botId": "st-1",
        "componentId": "default",
        "ackMessage": True,
    }


MEMBERS = st.tuples(
    st.sampled_from(
        [
            *("requestId", "baseUrl", "sendBotMessageUrl", "sendUserMessageUrl", "callbackUrl", "botId"),
            *("componentId", "__payloadClass", "ackMessage", "message", "channel"),
        ]
    ),
    st.sampled_from(
        [
            *("null", '""', "0", "1501", "1.5", "-0", "true", "[]", '["st-1"]', "{}", '"x"', '"\\ud800"'),
            *(f'"{BASE}/sendBotMessage/7"', f'"{BASE}"', '"https://evil.example/7"'),
        ]
    ),
)


USUAL = (("requestId", "1501"), ("botId", '"st-1"'), ("sendBotMessageUrl", f'"{BASE}/sendBotMessage/1"'))


@given(
    st.sets(st.sampled_from(USUAL)),
    st.lists(MEMBERS, max_size=12),
    st.sampled_from(["send_bot_message", "send_user_message"]),
)
@settings(max_examples=500)
def test_what_the_parser_has_read_gives_the_request_that_reading_again_gives(
    usual: set[tuple[str, str]], members: list[tuple[str, str]], call: str
) -> None:
    body = ("{" + ",".join([f'"{name}":{value}' for name, value in [*usual, *members]]) + "}").encode()
    read = forwarding(parse(body), call, component_id="dc-1")
    effect = PassToBot() if call == "send_bot_message" else PassToUser()
    made: list[object] = []
    for known in (None, read):
        try:
            made.append(requests().request(effect, body, component_id="dc-1", forwarding=known))
        except (CallRefused, HostNotAllowed) as error:
            made.append(str(error))
    assert made[0] == made[1]


def test_a_payload_that_the_parser_has_read_is_not_read_again() -> None:
    read = Forwarding("send_bot_message", f"{BASE}/sendBotMessage/7", b'"ackMessage":true,')
    request = requests().request(PassToBot(), b'{"message":', forwarding=read)
    assert (request.url, request.body) == (read.url, b'{"ackMessage":true,"message":')
    with pytest.raises(CallRefused):
        requests().request(PassToUser(), b'{"message":', forwarding=read)


def test_a_host_is_checked_although_the_parser_has_read_its_url() -> None:
    one = requests()
    good = Forwarding("send_bot_message", f"{BASE}/sendBotMessage/7", b"")
    one.request(PassToBot(), b"{}", forwarding=good)
    with pytest.raises(HostNotAllowed):
        one.request(
            PassToBot(),
            b"{}",
            forwarding=replace(good, url="https://evil.example/api/botsdk/stream/st-1/sendBotMessage/7"),
        )


def test_members_the_platform_sent_are_not_sent_twice() -> None:
    body = hook(botId="st-1", componentId="dc-7", __payloadClass="OnMessagePayload", ackMessage=True)
    assert requests().request(PassToUser(), body).body == body


@pytest.mark.parametrize(
    ("effect", "verb"),
    [
        (PassToBot(), "sendBotMessage"),
        (PassToUser(), "sendUserMessage"),
        (SkipUserMessage(), "skipUserMessage"),
        (SendToUser(Content("hello")), "sendUserMessage"),
        (ClearAgentSession(), "clearAgentSession"),
        (ExtendRequest(), "extendcallid"),
        (CallWithHook("skip_bot_message"), "skipBotMessage"),
        (CallUser("send_user_message"), "sendUserMessage"),
        (AnswerWebhook(), "serviceCallback"),
    ],
)
def test_every_effect_goes_to_its_url(effect: PlatformEffect, verb: str) -> None:
    request = requests().request(effect, hook(), idempotency_key="d-1")
    assert (request.method, request.url) == ("POST", f"{BASE}/{verb}/1501")
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["x-request-id"] == "d-1"
    assert not request.body_is_read


@pytest.mark.parametrize(
    ("effect", "meta"),
    [
        (ClearAgentSession("0f4f", "0Mw1"), {"conversationId": "0f4f", "messagingSessionId": "0Mw1"}),
        (ClearAgentSession("0f4f"), {"conversationId": "0f4f"}),
    ],
)
def test_the_ids_of_a_hand_off_are_added_to_the_context_and_the_rest_stays(
    effect: ClearAgentSession, meta: dict[str, str]
) -> None:
    context = {
        "big": 12345678901234567890123,
        "session": {"BotUserSession": {"x": 1}, "UserContext": {"y": 2}},
    }
    body = hook(context=context)
    sent = requests().request(effect, body).body
    assert sent is not None
    expected = json.loads(requests().request(ClearAgentSession(), body).body or b"")
    expected["context"]["session"]["BotUserSession"]["agentHandoffMeta"] = meta
    assert json.loads(sent) == expected


@pytest.mark.parametrize("context", [None, "text", []])
def test_a_payload_without_a_context_gets_none(context: object) -> None:
    body = hook(context=context)
    with_ids = requests().request(ClearAgentSession("0f4f", "0Mw1"), body)
    assert with_ids.body == requests().request(ClearAgentSession(), body).body


def test_every_call_is_signed_with_the_apps_secret() -> None:
    token = requests().request(PassToBot(), hook()).headers["auth"]
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], options={"verify_exp": False})
    assert claims == {"appId": "cs-1", "exp": 1_700_000_060}


def test_without_an_idempotency_key_there_is_no_header_for_it() -> None:
    assert "x-request-id" not in requests().request(PassToBot(), hook()).headers


@pytest.mark.parametrize("effect", [PassToBot(), ClearAgentSession()])
def test_a_payload_of_a_foreign_host_is_not_called(effect: PlatformEffect) -> None:
    body = hook(baseUrl="https://evil.example/x", sendBotMessageUrl="https://evil.example/y")
    with pytest.raises(HostNotAllowed):
        requests().request(effect, body)


def test_a_payload_without_any_url_is_refused() -> None:
    with pytest.raises(CallRefused, match="baseUrl"):
        requests().request(PassToBot(), b'{"message":"hi"}')


def test_a_message_keeps_the_other_members_of_the_payload() -> None:
    body = hook(
        messageObject={"a": 1},
        context={"big": 12345678901234567890123},
        metaInfo={"x": "y"},
        channel={"type": "sms"},
    )
    request = requests().request(SendToUser(Content("hello")), body)
    assert request.url == f"{BASE}/sendUserMessage/1501"
    assert request.body is not None
    sent = json.loads(request.body)
    expected = json.loads(body) | {
        "message": "hello",
        "overrideMessagePayload": None,
        "__payloadClass": "OnMessagePayload",
        "botId": "st-1",
        "componentId": "default",
        "ackMessage": True,
    }
    assert sent == expected


def test_an_override_left_in_the_payload_is_cleared() -> None:
    body = hook(
        overrideMessagePayload={"isTemplate": True, "body": "{}"}, isTemplate=True, formattedMessage="x"
    )
    request = requests().request(SendToUser(Content("hello")), body)
    assert request.body is not None
    sent = json.loads(request.body)
    assert sent["overrideMessagePayload"] is None
    assert sent["isTemplate"] is False
    assert "formattedMessage" not in sent


def test_the_channel_of_the_payload_decides_on_templates() -> None:
    def override(channel: dict[str, object]) -> object:
        body = hook(channel=channel)
        request = requests().request(SendToUser(Content("hi"), "Jane"), body)
        assert request.body is not None
        return json.loads(request.body)["overrideMessagePayload"]

    assert override({"type": "rtm"}) is not None
    assert override({"channelInfos": {"type": "rtm"}}) is not None
    assert override({}) is not None
    assert override({"channelInfos": {"type": "whatsapp"}, "type": "rtm"}) is None


def test_get_messages_has_no_body() -> None:
    body = hook(channel={"channelInfos": {"from": "u 1&x", "type": "rtm"}})
    request = requests().get_messages(body, limit=50, timeout_seconds=3.0)
    split = urlsplit(request.url)
    assert (request.method, request.body, request.timeout_seconds) == ("GET", None, 3.0)
    assert request.body_is_read
    assert split.path.endswith("/st-1/getMessages")
    assert parse_qs(split.query) == {
        "skip": ["0"], "limit": ["50"], "userId": ["u 1&x"], "channelType": ["rtm"],
    }  # fmt: skip
    assert "Content-Type" not in request.headers


def test_get_messages_asks_for_a_hundred_at_most() -> None:
    assert "limit=100" in requests().get_messages(hook(), limit=5_000).url


def test_no_secret_shows_in_a_repr() -> None:
    kore = requests()
    request = kore.request(PassToBot(), hook(message="private words"))
    shown = repr(kore) + repr(request) + repr(vars(kore)) + repr(kore.address(hook(), component_id="x"))
    assert SECRET not in shown
    assert "private words" not in shown
    assert request.headers["auth"] not in shown


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.text(max_size=5),
        st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists, max_leaves=5),
        max_size=4,
    ),
    st.sampled_from(["", " ", "\n\t "]),
)
def test_splicing_adds_members_to_any_object_and_nothing_else(payload: dict[str, object], space: str) -> None:
    body = (space + json.dumps(payload).replace("{", "{" + space, 1)).encode()
    spliced = splice(body, b'"\\u0000new":1,')
    assert json.loads(spliced) == {"\0new": 1, **payload} or "\0new" in payload


def test_half_an_emoji_in_a_hook_is_passed_on_as_it_came() -> None:
    body = hook(message="cut \ud83d", channel={"type": "rtm", "from": "u\ud83d"})
    request = requests().request(PassToBot(), body)
    assert request.body is not None
    assert request.body.endswith(body[1:])
    answered = requests().request(SendToUser(Content("half \ud83d")), body)
    assert answered.body is not None
    assert json.loads(answered.body)["message"] == "half \ufffd"
    assert "%EF%BF%BD" in requests().get_messages(body, limit=1).url


GIVEN = {
    f"{verb}Url": f"https://bots.kore.ai/given/{verb}/1501"
    for verb in (
        "sendUserMessage", "sendBotMessage", "skipUserMessage", "skipBotMessage", "sendAlertMessage", "resetBot",
        "clearConversationSession", "sendFeedbackMessage", "sendBotEvent", "getBotVariable", "getDialog", "callback",
    )
}  # fmt: skip

WHERE = {
    "send_user_message": GIVEN["sendUserMessageUrl"],
    "send_bot_message": GIVEN["sendBotMessageUrl"],
    "skip_user_message": GIVEN["skipUserMessageUrl"],
    "skip_bot_message": GIVEN["skipBotMessageUrl"],
    "send_alert_message": GIVEN["sendAlertMessageUrl"],
    "reset_bot": GIVEN["resetBotUrl"],
    "start_agent_session": f"{BASE}/startAgentSession/1501",
    "clear_agent_session": f"{BASE}/clearAgentSession/1501",
    "extend_request_id": f"{BASE}/extendcallid/1501",
    "close_conversation_session": GIVEN["clearConversationSessionUrl"],
    "send_feedback_message": GIVEN["sendFeedbackMessageUrl"],
    "send_bot_event": GIVEN["sendBotEventUrl"],
    "respond_to_hook": GIVEN["callbackUrl"],
}


def test_every_call_of_the_sdk_has_a_url() -> None:
    assert set(WHERE) == set(SDK_CALLS)


@pytest.mark.parametrize("name", SDK_CALLS)
def test_a_call_posts_the_payload_to_the_url_it_gives(name: str) -> None:
    body = hook(botId="st-1", componentId="dc-7", __payloadClass="OnMessagePayload", ackMessage=True, **GIVEN)
    request = requests().call(name, body, component_id="dc-7", idempotency_key="d-1")
    assert (request.method, request.url) == ("POST", WHERE[name])
    assert request.body == body
    assert request.headers["x-request-id"] == "d-1"
    assert request.what == name.replace("_", " ")


@pytest.mark.parametrize(
    ("name", "verb"),
    [
        ("send_user_message", "sendUserMessage"),
        ("send_bot_message", "sendBotMessage"),
        ("skip_bot_message", "skipBotMessage"),
        ("start_agent_session", "startAgentSession"),
        ("respond_to_hook", "serviceCallback"),
    ],
)
def test_a_url_whose_path_is_known_is_derived(name: str, verb: str) -> None:
    assert requests().call(name, hook()).url == f"{BASE}/{verb}/1501"


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("send_alert_message", "sendAlertMessageUrl"),
        ("reset_bot", "resetBotUrl"),
        ("close_conversation_session", "clearConversationSessionUrl"),
        ("send_feedback_message", "sendFeedbackMessageUrl"),
        ("send_bot_event", "sendBotEventUrl"),
    ],
)
def test_a_url_whose_path_is_not_known_has_to_be_given(name: str, missing: str) -> None:
    with pytest.raises(CallRefused, match=f"no {missing}.*use a payload that has it"):
        requests().call(name, hook())


@pytest.mark.parametrize("name", SDK_CALLS)
def test_no_call_leaves_the_configured_hosts(name: str) -> None:
    evil = {member: url.replace("bots.kore.ai", "evil.example") for member, url in GIVEN.items()}
    with pytest.raises(HostNotAllowed):
        requests().call(name, hook(**evil | {"baseUrl": "https://evil.example/x"}))


@pytest.mark.parametrize(
    "changes",
    [
        {"message": "caf\u00e9", "metaInfo": {"setBotLanguage": "de"}, "big": None},
        b'{"message":"caf\xc3\xa9","metaInfo":{"setBotLanguage":"de"},"big":null}',
    ],
)
def test_changes_replace_and_add_members(changes: dict[str, object] | bytes) -> None:
    body = b'{"requestId":1501,"big":1,"baseUrl":"%s","message":"hi","context":{"n":1.10e2}}' % BASE.encode()
    request = requests().call("send_bot_message", body, changes=changes)
    assert request.body is not None
    assert b'"context":{"n":1.10e2}' in request.body
    assert json.loads(request.body) == {
        "requestId": 1501,
        "big": None,
        "baseUrl": BASE,
        "message": "café",
        "context": {"n": 110.0},
        "metaInfo": {"setBotLanguage": "de"},
        "__payloadClass": "OnMessagePayload",
        "botId": "st-1",
        "componentId": "default",
        "ackMessage": True,
    }


def test_a_new_message_removes_the_members_that_described_the_old_one() -> None:
    body = hook(
        overrideMessagePayload={"isTemplate": True, "body": "{}"}, isTemplate=True, formattedMessage="x"
    )
    request = requests().call("send_user_message", body, changes={"message": "new"})
    assert request.body is not None
    sent = json.loads(request.body)
    assert (sent["message"], sent["overrideMessagePayload"], sent["isTemplate"]) == ("new", None, False)
    assert "formattedMessage" not in sent


def test_changes_that_do_not_touch_the_message_leave_its_override() -> None:
    body = hook(overrideMessagePayload={"isTemplate": True, "body": "{}"})
    request = requests().call("send_user_message", body, changes={"metaTags": {}})
    assert request.body is not None
    assert json.loads(request.body)["overrideMessagePayload"] == {"isTemplate": True, "body": "{}"}


def test_a_template_among_the_changes_is_sent() -> None:
    changes = button_template("Sure?", ["Yes"]).for_channel("rtm").as_changes()
    request = requests().call("send_user_message", hook(), changes=changes)
    assert request.body is not None
    sent = json.loads(request.body)
    assert json.loads(sent["overrideMessagePayload"]["body"])["payload"]["template_type"] == "button"


@pytest.mark.parametrize(
    "feedback", [{"name": "CSAT"}, {"score": 4}, {"name": "", "score": 4}, {"name": None, "score": 4}, "CSAT"]
)
def test_feedback_without_its_name_or_score_is_not_sent(feedback: object) -> None:
    with pytest.raises(CallRefused, match="the survey's name and a score"):
        requests().call(
            "send_feedback_message", hook(**GIVEN), component_id="x", changes={"feedbackData": feedback}
        )


def test_feedback_names_its_user_channel_and_time() -> None:
    body = hook(channel={"channelInfos": {"from": "u-1", "type": "rtm", "botLanguage": "de"}}, **GIVEN)
    changes = {"feedbackData": {"name": "NPS", "score": 0, "channel": "own"}}
    request = requests().call("send_feedback_message", body, component_id="x", changes=changes)
    assert request.body is not None
    assert json.loads(request.body)["feedbackData"] == {
        "name": "NPS",
        "score": 0,
        "channel": "own",
        "botId": "st-1",
        "channelUId": "u-1",
        "botLanguage": "de",
        "createdOn": "2023-11-14T22:13:20.500Z",
    }


def test_an_event_to_the_client_does_not_carry_the_one_that_came_from_it() -> None:
    body = hook(preDefinedEvent={"type": "TYPING_STARTED"}, customEvent={"a": 1}, **GIVEN)
    request = requests().call("send_bot_event", body, component_id="x", changes={"customEvent": {"b": 2}})
    assert request.body is not None
    sent = json.loads(request.body)
    assert (sent["preDefinedEvent"], sent["customEvent"]) == ({}, {"b": 2})


@pytest.mark.parametrize("changes", [b"[]", b"{", {"message": object()}])
def test_changes_that_are_not_an_object_are_refused(changes: dict[str, object] | bytes) -> None:
    with pytest.raises(CallRefused, match="changes"):
        requests().call("send_bot_message", hook(), changes=changes)


def test_an_unknown_call_is_refused_with_the_known_ones() -> None:
    with pytest.raises(CallRefused, match=r"no such call.*send_user_message, send_bot_message"):
        requests().call("sendUserMessage", hook())


@pytest.mark.parametrize("changes", [{"message": "x " * 1501}, b'{"message":"' + b"x" * 1201 + b'"}'])
def test_a_message_too_long_for_the_bot_is_not_sent(changes: dict[str, object] | bytes) -> None:
    with pytest.raises(MessageTooLong):
        requests().call("send_bot_message", hook(), changes=changes)
    assert requests().call("send_user_message", hook(), changes=changes)


def test_the_length_of_a_message_that_is_passed_on_is_not_checked() -> None:
    assert requests().call("send_bot_message", hook(message="x" * 5_000))


@pytest.mark.parametrize(
    ("members", "payload_class"),
    [
        ({}, "OnMessagePayload"),
        ({"event": {"eventType": "endDialog"}}, "OnEventPayload"),
        ({"sendAlertMessageUrl": f"{BASE}/a"}, "OnAlertPayload"),
        ({"data": {"eventType": "variable_create"}}, "OnVariableUpdate"),
        ({"callbackUrl": f"{BASE}/c"}, "OnAgentTransferPayload"),
        ({"callbackUrl": f"{BASE}/c", "dialogComponentName": "Lookup"}, "OnHookPayload"),
    ],
)
def test_a_call_names_the_payloads_class_as_the_sdk_does(
    members: dict[str, object], payload_class: str
) -> None:
    request = requests().call("send_user_message", hook(**members))
    assert request.body is not None
    assert json.loads(request.body)["__payloadClass"] == payload_class


def test_fetch_bot_variable_names_a_language_and_has_no_body() -> None:
    request = requests().fetch_bot_variable(hook(**GIVEN), language="pt_BR")
    assert (request.method, request.url, request.body) == ("GET", GIVEN["getBotVariableUrl"], None)
    assert request.headers["bot-language"] == "pt_BR"
    assert "Content-Type" not in request.headers


def test_get_dialog_uses_the_payloads_url() -> None:
    request = requests().get_dialog(hook(**GIVEN))
    assert (request.method, request.url, request.body) == ("GET", GIVEN["getDialogUrl"], None)


def test_a_read_without_its_url_names_the_payloads_that_have_it() -> None:
    with pytest.raises(CallRefused, match="no getDialogUrl, which comes with on_agent_transfer"):
        requests().get_dialog(hook())
    with pytest.raises(CallRefused, match="no getBotVariableUrl"):
        requests().fetch_bot_variable(hook(), language="en")


def test_a_file_is_fetched_with_our_signature_and_within_bounds() -> None:
    request = requests().download("https://bots.kore.ai/files/1?sig=%2F", max_bytes=500)
    assert (request.method, request.url, request.max_bytes) == (
        "GET",
        "https://bots.kore.ai/files/1?sig=%2F",
        500,
    )
    assert jwt.decode(request.headers["auth"], SECRET, algorithms=["HS256"], options={"verify_exp": False})
    assert request.body is None


@pytest.mark.parametrize("url", ["https://evil.example/x", "http://bots.kore.ai/x", "file:///etc/passwd"])
def test_a_file_of_another_host_is_not_fetched(url: str) -> None:
    with pytest.raises(HostNotAllowed):
        requests().download(url, max_bytes=500)


EVENT_URL = f"{BASE}/sendBotEvent/77"


def test_typing_goes_to_the_clients_event_url_in_the_newest_payload() -> None:
    request = requests().request(TypingToUser(EVENT_URL, started=True), hook(channel={"type": "rtm"}))
    assert request.url == EVENT_URL
    assert request.body is not None
    sent = json.loads(request.body)
    assert sent["preDefinedEvent"] == {"type": "TYPING_STARTED"}
    assert sent["channel"] == {"type": "rtm"}


def test_an_event_of_the_agents_side_is_a_custom_event_of_the_client() -> None:
    request = requests().request(EventToUser(EVENT_URL, "cart", '{"items":2}'), hook())
    assert request.body is not None
    assert json.loads(request.body)["customEvent"] == {"type": "cart", "items": 2}


@pytest.mark.parametrize("data", ["two items", "[1]", "7", "{", ""])
def test_data_that_is_not_an_object_is_put_under_data(data: str) -> None:
    assert client_event("cart", data) == {"customEvent": {"type": "cart", "data": data}}


def test_no_event_goes_to_a_host_that_is_not_configured() -> None:
    with pytest.raises(HostNotAllowed):
        requests().request(TypingToUser("https://evil.example/sendBotEvent/77", started=True), hook())


def test_an_event_that_is_late_is_not_waited_for() -> None:
    assert requests().request(TypingToUser(EVENT_URL, started=True), hook()).timeout_seconds == 3.0
