"""What we send to the platform."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.config.settings import KoreSettings, Secret
from botkit.errors import CallRefused, HostNotAllowed
from botkit.handoff.events import Content
from botkit.kore.calls import KoreCalls, splice

BASE = "https://bots.kore.ai/api/botsdk/stream/st-1"
SECRET = "a secret of sixty-four characters, as long as HS256 and HS512 want it"
NOW = 1_700_000_000.5


def calls(**changes: object) -> KoreCalls:
    settings = KoreSettings("cs-1", Secret(SECRET), callback_hosts=("bots.kore.ai",), **changes)  # type: ignore[arg-type]
    return KoreCalls(settings, bot_id="st-1", insecure_http=False, clock=lambda: NOW)


def hook(**members: object) -> bytes:
    return json.dumps({"requestId": 1501, "baseUrl": BASE, "message": "hi", **members}).encode()


def test_a_user_message_is_passed_on_byte_for_byte() -> None:
    body = (
        b'{ "requestId" : 1501244156289123456789,\n"baseUrl":"%s", "message":"caf\\u00e9 1.0", "f":1.10e2}'
        % (BASE.encode())
    )
    request = calls().pass_to_bot(body, component_id="default")
    assert request.body is not None
    assert request.body.endswith(body[1:])
    added = json.loads(request.body[: -len(body) + 1].rstrip(b",") + b"}")
    assert added == {
        "__payloadClass": "OnMessagePayload",
        "botId": "st-1",
        "componentId": "default",
        "ackMessage": True,
    }


def test_members_the_platform_sent_are_not_sent_twice() -> None:
    body = hook(botId="st-1", componentId="dc-7", __payloadClass="OnMessagePayload", ackMessage=True)
    assert calls().pass_to_user(body, component_id="default").body == body


@pytest.mark.parametrize(
    ("method", "verb"),
    [
        ("pass_to_bot", "sendBotMessage"),
        ("pass_to_user", "sendUserMessage"),
        ("skip_user_message", "skipUserMessage"),
        ("clear_agent_session", "clearAgentSession"),
        ("extend_request", "extendcallid"),
    ],
)
def test_every_call_goes_to_its_url(method: str, verb: str) -> None:
    request = getattr(calls(), method)(hook(), component_id="default", delivery_id="d-1")
    assert (request.method, request.url) == ("POST", f"{BASE}/{verb}/1501")
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["x-request-id"] == "d-1"


def test_every_call_is_signed_with_the_apps_secret() -> None:
    token = calls().pass_to_bot(hook(), component_id="default").headers["auth"]
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], options={"verify_exp": False})
    assert claims == {"appId": "cs-1", "exp": 1_700_000_060}


def test_without_a_delivery_id_there_is_no_header_for_it() -> None:
    assert "x-request-id" not in calls().pass_to_bot(hook(), component_id="default").headers


@pytest.mark.parametrize("method", ["pass_to_bot", "clear_agent_session"])
def test_a_payload_of_a_foreign_host_is_not_called(method: str) -> None:
    body = hook(baseUrl="https://evil.example/x", sendBotMessageUrl="https://evil.example/y")
    with pytest.raises(HostNotAllowed):
        getattr(calls(), method)(body, component_id="default")


def test_a_payload_without_any_url_is_refused() -> None:
    with pytest.raises(CallRefused, match="baseUrl"):
        calls().pass_to_bot(b'{"message":"hi"}', component_id="default")


def test_a_message_of_ours_keeps_everything_else_of_the_payload() -> None:
    body = hook(
        messageObject={"a": 1},
        context={"big": 12345678901234567890123},
        metaInfo={"x": "y"},
        channel={"type": "sms"},
    )
    request = calls().send_to_user(body, component_id="default", content=Content("hello"))
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
    request = calls().send_to_user(body, component_id="default", content=Content("hello"))
    assert request.body is not None
    sent = json.loads(request.body)
    assert sent["overrideMessagePayload"] is None
    assert sent["isTemplate"] is False
    assert "formattedMessage" not in sent


def test_the_channel_of_the_payload_decides_on_templates() -> None:
    def override(channel: dict[str, object]) -> object:
        body = hook(channel=channel)
        request = calls().send_to_user(body, component_id="default", content=Content("hi"), agent_name="Jane")
        assert request.body is not None
        return json.loads(request.body)["overrideMessagePayload"]

    assert override({"type": "rtm"}) is not None
    assert override({"channelInfos": {"type": "rtm"}}) is not None
    assert override({}) is not None
    assert override({"channelInfos": {"type": "whatsapp"}, "type": "rtm"}) is None


def test_messages_are_asked_for_without_a_body() -> None:
    body = hook(channel={"channelInfos": {"from": "u 1&x", "type": "rtm"}})
    request = calls().get_messages(body, component_id="default", limit=50, timeout_seconds=3.0)
    split = urlsplit(request.url)
    assert (request.method, request.body, request.timeout_seconds) == ("GET", None, 3.0)
    assert split.path.endswith("/st-1/getMessages")
    assert parse_qs(split.query) == {
        "skip": ["0"], "limit": ["50"], "userId": ["u 1&x"], "channelType": ["rtm"],
    }  # fmt: skip
    assert "Content-Type" not in request.headers


def test_more_messages_than_the_platform_gives_are_not_asked_for() -> None:
    assert "limit=100" in calls().get_messages(hook(), component_id="default", limit=5_000).url


def test_no_secret_shows_in_a_repr() -> None:
    kore = calls()
    request = kore.pass_to_bot(hook(message="private words"), component_id="default")
    shown = repr(kore) + repr(request) + repr(vars(kore)) + repr(kore.address(hook(), component_id="x"))
    assert SECRET not in shown
    assert "private words" not in shown
    assert request.headers["auth"] not in shown


@given(
    st.dictionaries(st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists)),
    st.sampled_from(["", " ", "\n\t "]),
)
def test_splicing_adds_members_to_any_object_and_nothing_else(payload: dict[str, object], space: str) -> None:
    body = (space + json.dumps(payload).replace("{", "{" + space, 1)).encode()
    spliced = splice(body, b'"\\u0000new":1,')
    assert json.loads(spliced) == {"\0new": 1, **payload} or "\0new" in payload


def test_half_an_emoji_in_a_hook_is_passed_on_as_it_came() -> None:
    body = hook(message="cut \ud83d", channel={"type": "rtm", "from": "u\ud83d"})
    request = calls().pass_to_bot(body, component_id="default")
    assert request.body is not None
    assert request.body.endswith(body[1:])
    answered = calls().send_to_user(body, component_id="default", content=Content("half \ud83d"))
    assert answered.body is not None
    assert json.loads(answered.body)["message"] == "half \ufffd"
    assert "%EF%BF%BD" in calls().get_messages(body, component_id="default", limit=1).url


def test_a_file_is_fetched_with_our_signature_and_within_bounds() -> None:
    request = calls().download("https://bots.kore.ai/files/1?sig=%2F", most_bytes=500)
    assert (request.method, request.url, request.most_bytes) == (
        "GET",
        "https://bots.kore.ai/files/1?sig=%2F",
        500,
    )
    assert jwt.decode(request.headers["auth"], SECRET, algorithms=["HS256"], options={"verify_exp": False})
    assert request.body is None


@pytest.mark.parametrize("url", ["https://evil.example/x", "http://bots.kore.ai/x", "file:///etc/passwd"])
def test_a_file_elsewhere_is_not_fetched(url: str) -> None:
    with pytest.raises(HostNotAllowed):
        calls().download(url, most_bytes=500)
