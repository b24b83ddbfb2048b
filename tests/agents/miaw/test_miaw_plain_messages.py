"""An agent's plain text is read in one decode, exactly as member by member."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from botkit.agents.miaw.entries import read_entry, read_envelope
from botkit.agents.miaw.plain_messages import read_plain_message
from botkit.handoff.conversation import Instant
from botkit.handoff.events import AgentSaid, Content, FromAgents

SESSION = "0b0c9a8e-0000-4000-8000-000000000001"
NOW = Instant(1_800_000_000.0)
PAYLOAD: dict[str, Any] = {
    "entryType": "Message",
    "id": "e-1",
    "abstractMessage": {
        "messageType": "StaticContentMessage",
        "id": "e-1",
        "references": [],
        "staticContent": {"formatType": "Text", "text": "Hello!"},
    },
    "messageReason": None,
}
ENVELOPE: dict[str, Any] = {
    "channelType": "embedded_messaging",
    "conversationId": SESSION,
    "conversationEntry": {
        "senderDisplayName": "Jane Doe",
        "identifier": "e-1",
        "entryType": "Message",
        "entryPayload": PAYLOAD,
        "sender": {"role": "Agent", "appType": "agent", "subject": "005"},
        "transcriptedTimestamp": 1_799_999_999_000,
        "clientTimestamp": 1_799_999_998_000,
        "relatedRecords": ["0Mw000000000001AAA"],
    },
}
DEEP: Any = []
for _ in range(250):
    DEEP = [DEEP]
ODD: list[Any] = [
    None,
    "",
    "Text",
    "MESSAGE",
    "participant_changed",
    "EndUser",
    "System",
    "chatbot",
    "half an emoji \ud83d",
    SESSION.upper(),
    "0Mw000000000002",
    ["0Mw000000000002"],
    [],
    [7],
    {},
    {"role": "System"},
    {"text": "one", "formatType": "Text"},
    0,
    -1,
    7,
    1.5,
    True,
    1_799_999_999_001,
    9_999_999_999_999_999,
    DEEP,
]


def event(envelope: Any) -> bytes:
    """The data of an event: its payload is JSON in a string, as Salesforce writes it."""
    written = copy.deepcopy(envelope)
    entry = written.get("conversationEntry")
    if isinstance(entry, dict) and isinstance(entry.get("entryPayload"), dict):
        entry["entryPayload"] = json.dumps(entry["entryPayload"])
    return json.dumps(written).encode()


def member_by_member(data: bytes, position: str) -> tuple[FromAgents, ...]:
    conversation_id, entry = read_envelope(data)
    if not entry or conversation_id.lower() not in (SESSION, ""):
        return ()
    return read_entry(entry, session_id=SESSION, at=NOW, position=position)


def plain(data: bytes, position: str = "17") -> AgentSaid | None:
    return read_plain_message(data, session_id=SESSION, at=NOW, position=position)


def places(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The place of every member, at any depth."""
    for name, inner in value.items():
        yield (*path, name)
        if isinstance(inner, dict):
            yield from places(inner, (*path, name))


def changed(path: tuple[str, ...], odd: list[Any]) -> Iterator[Any]:
    """The envelope without this member, and with each of these values in its place."""
    for value in [*odd, "\0absent"]:
        envelope = copy.deepcopy(ENVELOPE)
        holder = envelope
        for name in path[:-1]:
            holder = holder[name]
        if value == "\0absent":
            del holder[path[-1]]
        else:
            holder[path[-1]] = value
        yield envelope


def test_an_agents_plain_text_is_read() -> None:
    assert plain(event(ENVELOPE)) == AgentSaid(
        key=f"{SESSION}/e-1",
        at=NOW,
        session_id=SESSION,
        position="17",
        high_water_ms=1_799_999_999_000,
        record="0Mw000000000001AAA",
        content=Content("Hello!"),
        agent_name="Jane Doe",
    )
    assert (plain(event(ENVELOPE)),) == member_by_member(event(ENVELOPE), "17")


@pytest.mark.parametrize("path", list(places(ENVELOPE)), ids=".".join)
def test_whatever_is_changed_in_it_is_read_as_member_by_member_or_left_to_that(path: tuple[str, ...]) -> None:
    for envelope in changed(path, ODD):
        data = event(envelope)
        said = plain(data)
        assert said is None or (said,) == member_by_member(data, "17"), data


@pytest.mark.parametrize("position", ["", "17\n", "é", "x" * 600])
def test_an_id_that_cannot_be_sent_back_is_left_to_the_other(position: str) -> None:
    said = plain(event(ENVELOPE), position)
    assert said is None or (said,) == member_by_member(event(ENVELOPE), position)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"7", b'"text"', b"\xff", b"[" * 5_000, b'{"a":' * 5_000])
def test_what_is_no_event_is_left_to_the_other(data: bytes) -> None:
    assert plain(data) is None
