from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botkit.errors import HookNotJson
from botkit.hooks.payload import Payload, parse
from tests.hooks.hook_payloads import USER, agent_transfer, as_body, user_message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[1, 2]",
        b'"text"',
        b"null",
        b'{"a": 1} x',
        b'{"a": NaN}',
        b'{"requestId": NaN, "message": 1}',
        b'{"message": "\xff"}',
        b'{"elsewhere": "\xff\xfe"}',
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"message": 1, "a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(HookNotJson):
        parse(body)


def test_both_channel_shapes_are_read() -> None:
    flat, nested = parse(as_body(user_message())).channel, parse(as_body(agent_transfer())).channel
    assert flat is not None
    assert flat.from_ == USER
    assert nested is not None
    assert nested.channel_infos is not None
    assert nested.channel_infos.from_ == USER


@pytest.mark.parametrize(
    ("given_id", "read"),
    [
        ("abc", "abc"),
        (7, 7),
        (2**70 + 1, 2**70 + 1),
        (None, None),
        (1.5, "1.5"),
        ({"a": 1}, None),
        (True, None),
    ],
)
def test_a_request_id_may_be_of_several_types(given_id: Any, read: Any) -> None:
    assert parse(as_body(user_message(request_id=given_id))).request_id == read


@pytest.mark.parametrize(
    ("message", "read"),
    [
        ("hi", "hi"),
        ("", ""),
        (None, None),
        (5, "5"),
        ({"text": "x"}, None),
        (["x"], None),
        ('{"type":"template"}', '{"type":"template"}'),
    ],
)
def test_a_message_may_be_anything(message: Any, read: str | None) -> None:
    assert parse(as_body(user_message(message))).message == read


def test_agent_transfer_absent_differs_from_false() -> None:
    payload = user_message()
    assert parse(as_body(payload)).agent_transfer is False
    del payload["agent_transfer"]
    assert parse(as_body(payload)).agent_transfer is None


@pytest.mark.parametrize(
    ("flag", "read"), [("true", True), ("false", False), ("maybe", None), (1, None), (None, None)]
)
def test_a_boolean_written_as_text_is_read(flag: Any, read: bool | None) -> None:
    assert parse(as_body(user_message(agent_transfer=flag))).agent_transfer is read


def test_a_field_of_an_unexpected_type_does_not_affect_the_others() -> None:
    read = parse(as_body(user_message(channel="rtm", context={"session": [], "intent": "Agent"})))
    assert read.channel is None
    assert read.context is not None
    assert read.context.intent == "Agent"
    assert read.context.session is None
    assert read.message == "hello"


@pytest.mark.parametrize("odd", ['"message":5', '"message":"half an emoji \\ud83d"', '"message":1e999'])
def test_a_number_too_large_for_a_float_does_not_refuse_the_hook(odd: str) -> None:
    read = parse(f'{{"requestId":"r1",{odd},"context":{{"intent":1e999}},"other":1e999}}'.encode())
    assert read.request_id == "r1"


def test_half_an_emoji_is_replaced_and_a_whole_one_kept() -> None:
    read = parse(rb'{"message": "a\ud83d b\ud83d\ude00 c\\ud83d", "requestId": "1"}')
    assert read.message == "a� b😀 c\\ud83d"


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_names = st.sampled_from(
    [
        "requestId",
        "message",
        "agent_transfer",
        "channel",
        "context",
        "event",
        "preDefinedEvent",
        "baseUrl",
        "sendBotMessageUrl",
    ]
)
_inner = st.dictionaries(
    st.sampled_from(
        [
            "channelInfos",
            "from",
            "type",
            "attachments",
            "session",
            "UserContext",
            "BotUserSession",
            "eventType",
        ]
    ),
    _anything,
    max_size=4,
)


@settings(deadline=None)
@given(st.dictionaries(_names, _anything | _inner, max_size=6))
def test_every_json_object_can_be_read(payload: dict[str, Any]) -> None:
    assert isinstance(parse(json.dumps(payload).encode("utf-8", "surrogatepass")), Payload)


_FIRST_HOOKS_AT_ONCE = """
import sys, threading
sys.setswitchinterval(1e-6)
from botkit.hooks.payload import parse

start = threading.Barrier(16)

def first_hook():
    start.wait()
    parse(b'{"channel": {"handle": {"userId": "1"}}, "context": {"session": {"BotUserSession": {}}}}')

threads = [threading.Thread(target=first_hook) for _ in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_the_first_hooks_of_a_process_may_arrive_at_the_same_time() -> None:
    # A crash of the interpreter shows only in a process of its own, and not every time.
    for _ in range(4):
        subprocess.run([sys.executable, "-c", _FIRST_HOOKS_AT_ONCE], check=True, timeout=60)
