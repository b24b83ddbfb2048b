"""Payloads of the largest size: reading one holds the event loop for milliseconds, and what is stored of it is bounded."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from botkit.handoff.events import PlatformHookEvent
from botkit.hooks.bodies import MAX_BYTES
from botkit.hooks.parser import Hook, HookParser
from botkit.hooks.paths import HookPath
from botkit.hooks.payload import parse
from botkit.ledger.codec import encode_event
from tests.hooks.hook_payloads import BOT_ID, agent_transfer, as_body, settings, user_message
from tests.work import steps

MAX_STEPS = 150_000
"""About fifteen milliseconds."""
ROOM = MAX_BYTES - 10_000
PARSER = HookParser(settings().bots[BOT_ID], insecure_http=False)
META = {"preChatInfo": {}, "endChatShortHandCommand": "bye", "agentSystem": "salesforce", "caseId": "5"}

SHAPES: dict[str, Callable[[], Any]] = {
    "text": lambda: "a b," * (ROOM // 4),
    "numbers": lambda: [9] * (ROOM // 3),
    "lists": lambda: [[]] * (ROOM // 4),
    "objects": lambda: [{"title": "a", "payload": "b"}] * (ROOM // 32),
    "members": lambda: {str(number): "x" for number in range(ROOM // 16)},
    "JSON in a text": lambda: json.dumps([{"a": 1}] * (ROOM // 14)),
    "brackets in a text": lambda: "[" * ROOM,
}
PLACES = {
    "customData": ("context", "session", "UserContext", "customData"),
    "customData of the channel": ("channel", "channelInfos", "botInfo", "customData"),
    "names": ("context", "session", "UserContext", "firstName"),
    "address": ("context", "session", "UserContext", "emailId"),
    "identities": ("context", "session", "UserContext", "identities"),
    "language": ("context", "currentLanguage"),
    "intent": ("context", "intent"),
    "session": ("context", "session", "BotUserSession", "conversationSessionId"),
    "attributes": ("context", "session", "BotUserSession", "miawMetaInfo", "preChatInfo"),
    "end word": ("context", "session", "BotUserSession", "miawMetaInfo", "endChatShortHandCommand"),
    "agent system": ("context", "session", "BotUserSession", "miawMetaInfo", "agentSystem"),
    "case": ("context", "session", "BotUserSession", "miawMetaInfo", "caseId"),
    "click": ("channel", "handle", "interactive"),
    "files": ("channel", "attachments"),
}


def read(event: str, body: bytes) -> Hook:
    return PARSER.read(HookPath(BOT_ID, event), body, at=1_000.0)  # type: ignore[arg-type]


def with_member(payload: dict[str, Any], place: tuple[str, ...], value: Any) -> dict[str, Any]:
    *path, last = place
    inner = payload
    for name in path:
        inner = inner.setdefault(name, {})
    inner[last] = value
    return payload


@cache
def encoded(shape: str) -> bytes:
    """A shape as JSON. To encode one takes longer than the test."""
    return as_body(SHAPES[shape]())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
@pytest.mark.parametrize(
    "event", ["on_user_message", pytest.param("on_agent_transfer", marks=pytest.mark.slow)]
)
def test_no_member_of_a_payload_takes_long_to_read(event: str, place: tuple[str, ...], shape: str) -> None:
    payload = user_message() if event == "on_user_message" else agent_transfer(meta={**META})
    body = as_body(with_member(payload, place, "the shape")).replace(b'"the shape"', encoded(shape))
    assert len(body) > ROOM // 2
    found: list[PlatformHookEvent] = []
    assert steps(lambda: found.append(read(event, body).event)) < MAX_STEPS
    assert len(encode_event(found[0])) < 200_000


def test_a_broken_character_in_the_largest_payload_costs_no_more_than_another_look() -> None:
    payload = user_message("half an emoji @", parts=[{"name": f"n{number}"} for number in range(60_000)])
    body = as_body(payload).replace(b"@", b"\\ud83d")
    assert parse(body).message == "half an emoji \ufffd"
    assert steps(lambda: parse(body)) < 100
