"""The address of a payload: its URLs, request id, user and channel."""

from __future__ import annotations

import json

import pytest

from botkit.errors import CallRefused
from botkit.hooks.address import Address

BASE = "https://bots.kore.ai/api/botsdk/stream/st-1"


def address(payload: object, component_id: str = "default") -> Address:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Address.parse(body, bot_id="st-1", component_id=component_id)


def test_given_urls_are_used_as_they_are() -> None:
    given = address(
        {
            "requestId": "r1",
            "baseUrl": BASE,
            "sendUserMessageUrl": "https://bots.kore.ai/other/u",
            "sendBotMessageUrl": "https://bots.kore.ai/other/b",
            "skipUserMessageUrl": "https://bots.kore.ai/other/s",
        }
    )
    assert given.url("send_user_message") == "https://bots.kore.ai/other/u"
    assert given.url("send_bot_message") == "https://bots.kore.ai/other/b"
    assert given.url("skip_user_message") == "https://bots.kore.ai/other/s"


def test_missing_urls_are_derived_from_base_url_and_request_id() -> None:
    derived = address({"requestId": "r1", "baseUrl": BASE + "/"})
    assert derived.url("send_user_message") == f"{BASE}/sendUserMessage/r1"
    assert derived.url("send_bot_message") == f"{BASE}/sendBotMessage/r1"
    assert derived.url("skip_user_message") == f"{BASE}/skipUserMessage/r1"
    assert derived.url("clear_agent_session") == f"{BASE}/clearAgentSession/r1"
    assert derived.url("extend_request_id") == f"{BASE}/extendcallid/r1"
    assert derived.url("get_messages") == f"{BASE}/getMessages"


@pytest.mark.parametrize("verb", ["sendUserMessage", "sendBotMessage"])
def test_base_url_and_request_id_are_cut_from_a_send_url(verb: str) -> None:
    cut = address({f"{verb}Url": f"{BASE}/{verb}/a%2Fb"})
    assert cut.base_url == BASE
    assert cut.request_id == "a/b"
    assert cut.url("clear_agent_session") == f"{BASE}/clearAgentSession/a%2Fb"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('"1501244156289"', "1501244156289"),
        ("1501244156289", "1501244156289"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ('"a\\u0062c"', "abc"),
        ("null", ""),
        ("true", ""),
        ("{}", ""),
    ],
)
def test_a_request_id_is_a_text_or_a_number_with_its_exact_digits(written: str, read: str) -> None:
    assert address(f'{{"requestId":{written}}}'.encode()).request_id == read


def test_a_request_id_cannot_leave_its_place_in_the_path() -> None:
    assert address({"requestId": "../x?y#z", "baseUrl": BASE}).url("send_user_message") == (
        f"{BASE}/sendUserMessage/..%2Fx%3Fy%23z"
    )


def test_nothing_is_derived_from_nothing() -> None:
    empty = address({})
    assert empty.url("send_user_message") == ""
    assert empty.url("clear_agent_session") == ""
    assert empty.url("get_messages") == ""
    assert empty.request_id == ""


def test_members_of_the_wrong_type_count_as_missing() -> None:
    odd = address(
        {"requestId": "r1", "baseUrl": True, "sendUserMessageUrl": ["x"], "channel": "rtm", "context": []}
    )
    assert odd.url("send_user_message") == ""
    assert odd.channel_type == ""
    assert odd.user_id == ""


@pytest.mark.parametrize(
    "channel",
    [
        {"channelInfos": {"from": "u-1", "type": "facebook"}, "from": "other", "type": "other"},
        {"from": "u-1", "type": "facebook"},
        {"userId": "u-1", "type": "facebook"},
        {"channelInfos": {"userId": "u-1", "type": "facebook"}},
    ],
)
def test_both_channel_shapes_tell_user_and_type(channel: dict[str, object]) -> None:
    found = address({"channel": channel})
    assert (found.user_id, found.channel_type) == ("u-1", "facebook")


def test_a_numeric_user_id_keeps_its_digits() -> None:
    assert address(b'{"channel":{"from":98765432109876543}}').user_id == "98765432109876543"


@pytest.mark.parametrize(
    "session", [{"UserContext": {"_id": "u-9"}}, {"opts": {"userId": "u-9"}, "UserContext": None}]
)
def test_without_a_channel_the_context_names_the_user(session: dict[str, object]) -> None:
    assert address({"context": {"session": session}}).user_id == "u-9"


def test_only_what_is_missing_is_added_to_a_message() -> None:
    assert address({}, "dc-1").missing_members() == (
        b'"__payloadClass":"OnMessagePayload","botId":"st-1","componentId":"dc-1","ackMessage":true,'
    )
    full = {"__payloadClass": "X", "botId": "st-2", "componentId": "c", "ackMessage": False}
    assert address(full).missing_members() == b""
    assert address({"context": {"botId": "nested"}}).missing_members().count(b"botId") == 1


def test_a_payload_without_a_request_id_gets_the_one_of_its_urls() -> None:
    cut = address({"sendUserMessageUrl": f"{BASE}/sendUserMessage/1501244156289"})
    assert b'"requestId":"1501244156289",' in cut.missing_members()
    assert b"requestId" not in address({"requestId": 1501244156289, "baseUrl": BASE}).missing_members()


def test_a_transfer_payload_keeps_its_class() -> None:
    transfer = address({"callbackUrl": f"{BASE}/serviceCallback/r1"})
    assert b'"__payloadClass":"OnAgentTransferPayload"' in transfer.missing_members()


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff{}", b'{"channel":' + b"[" * 100_000])
def test_an_address_of_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(CallRefused):
        address(body)
