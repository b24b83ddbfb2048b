"""What identifies a conversation: user, channel and session, in every place where payloads name them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from botkit.errors import HookInvalid
from botkit.handoff.conversation import Instant
from botkit.handoff.events import OtherHook, PlatformSessionClosed
from botkit.hooks.identity import MAX_NAME, identity
from botkit.hooks.parser import HookParser
from botkit.hooks.paths import HookPath
from botkit.hooks.payload import parse
from botkit.ledger.interface import Input
from tests.hooks.hook_payloads import (
    BOT_ID,
    NOW,
    OTHER_BOT_ID,
    USER,
    agent_transfer,
    as_body,
    settings,
    user_message,
)

LINKED = OTHER_BOT_ID


def channel_of(payload: Any) -> str:
    return identity(parse(json.dumps(payload).encode())).channel


def sessions_of(payload: Any) -> tuple[str, ...]:
    return identity(parse(json.dumps(payload).encode())).sessions


def read(payload: Any, event: str, *, path: str = BOT_ID, linked: tuple[str, ...] = ()) -> Input:
    bot = replace(settings().bots[BOT_ID], linked=linked)
    parser = HookParser(bot, insecure_http=False)
    return parser.read(HookPath(path, event), as_body(payload), at=Instant(NOW)).input


def in_session(**members: Any) -> dict[str, Any]:
    return {"context": {"session": {"BotUserSession": members}}}


@pytest.mark.parametrize(
    ("payload", "channel"),
    [
        ({"channel": {"type": "rtm"}}, "rtm"),
        ({"channel": {"channelInfos": {"type": "ivrVoice"}}}, "ivrvoice"),
        ({"channel": {"type": " IVRVoice "}}, "ivrvoice"),
        ({"channel": {"from": "u-1"}, **in_session(channels=[{"type": "whatsapp"}])}, "whatsapp"),
        (in_session(channels=[], lastMessage={"channel": "sms"}), "sms"),
        ({"channel": "rtm"}, ""),
        ({}, ""),
    ],
)
def test_the_channel_is_found_in_every_place(payload: dict[str, Any], channel: str) -> None:
    assert channel_of(payload) == channel


def test_the_channel_of_the_hook_wins_over_that_of_the_session() -> None:
    elsewhere = in_session(channels=[{"type": "rtm"}], lastMessage={"channel": "rtm"})
    assert channel_of({"channel": {"type": "whatsapp"}, **elsewhere}) == "whatsapp"


def test_a_transfer_and_a_message_are_on_the_same_channel() -> None:
    transfer, message = read(agent_transfer(), "on_agent_transfer"), read(user_message(), "on_user_message")
    assert transfer.conversation_id == message.conversation_id
    assert transfer.conversation_id.channel == "rtm"
    assert transfer.event is not None
    assert message.event is not None


@pytest.mark.parametrize(
    ("payload", "sessions"),
    [
        (in_session(conversationSessionId="s-1"), ("s-1",)),
        ({"channel": {"sessionId": "s-2"}, **in_session(conversationSessionId="s-1")}, ("s-1", "s-2")),
        ({"channel": {"sessionId": "s-1"}, **in_session(conversationSessionId="s-1")}, ("s-1",)),
        ({"channel": {"channelInfos": {"sessionId": 17}}}, ("17",)),
        ({"event": {"eventType": "sessionClosure"}, **in_session(conversationSessionId="s-1")}, ("s-1",)),
        ({"event": {"sessionId": "old"}, **in_session(conversationSessionId="new")}, ("old",)),
        ({"event": {"conversationSessionId": "old"}, **in_session(conversationSessionId="new")}, ("old",)),
        ({}, ()),
    ],
)
def test_the_session_is_found_in_every_place(payload: dict[str, Any], sessions: tuple[str, ...]) -> None:
    assert sessions_of(payload) == sessions


# --- closures ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        {"eventType": "sessionClosure"},
        {"eventType": "SESSION_CLOSURE"},
        {"eventType": "session_closure"},
        {"eventType": "sessionClosed"},
        {"eventType": "ON_SESSION_CLOSURE"},
        {"eventType": "conversationSessionClosed"},
        {"event Type": "sessionClosure"},
        {"eventName": "sessionClosure"},
        {"name": "sessionClosure"},
        {"type": "SessionClosure"},
        {"type": "event", "val": "SESSION_CLOSURE"},
        {"type": "event", "val": "SESSION_CLOSURE", "eventType": "SESSION_CLOSURE_SUCCESS"},
        "sessionClosure",
    ],
)
def test_a_closure_is_recognised_in_every_spelling(event: object) -> None:
    assert isinstance(read(user_message(event=event), "on_event").event, PlatformSessionClosed)


@pytest.mark.parametrize(
    "event",
    [
        {"eventType": "endDialog"},
        {"type": "event", "val": "SESSION_CLOSURE", "eventType": "SESSION_CLOSURE_IGNORED"},
        {"eventType": "endDialog", "name": "sessionClosure"},
        {"eventType": 7},
        {},
        None,
        ["sessionClosure"],
    ],
)
def test_other_events_are_no_closure(event: object) -> None:
    assert isinstance(read(user_message(event=event), "on_event").event, OtherHook)


# --- linked bots ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [BOT_ID, LINKED])
@pytest.mark.parametrize("named", [None, BOT_ID, LINKED, [BOT_ID, LINKED], [LINKED], ["st-another", LINKED]])
def test_hooks_of_a_linked_bot_are_of_the_same_conversation(path: str, named: object) -> None:
    input = read(user_message(botId=named), "on_user_message", path=path, linked=(LINKED,))
    assert (input.conversation_id.bot_id, input.conversation_id.user_id) == (BOT_ID, USER)


@pytest.mark.parametrize("named", [LINKED, [LINKED], [LINKED, "st-another"]])
def test_a_bot_that_is_not_linked_is_refused_with_the_line_to_add(named: object) -> None:
    with pytest.raises(HookInvalid, match=rf"under bot: linked: \[{LINKED}\]"):
        read(user_message(botId=named), "on_user_message")


def test_the_same_hook_has_the_same_key_under_either_path() -> None:
    one = read(user_message(), "on_user_message", linked=(LINKED,)).event
    other = read(user_message(), "on_user_message", path=LINKED, linked=(LINKED,)).event
    assert one is not None
    assert other is not None
    assert one.key == other.key


@pytest.mark.parametrize(("length", "named"), [(MAX_NAME, 1), (MAX_NAME + 1, 0)])
def test_names_and_ids_that_are_too_long_identify_nobody(length: int, named: int) -> None:
    found = identity(parse(as_body({"channel": {"from": "u" * length, "sessionId": "s" * length}})))
    assert (len(found.users), len(found.sessions)) == (named, named)
