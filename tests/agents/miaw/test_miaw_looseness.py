"""Answers are read as loosely as some organisations write them: the same entry in any spelling gives the same events."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botkit.agents.miaw.entries import read_entry
from botkit.agents.miaw.history import read_history
from botkit.handoff.conversation import Instant
from botkit.handoff.events import FromAgents
from botkit.http import Response
from botkit.http.lenient_json import flag, items, members

SESSION = "11111111-1111-4111-8111-111111111111"
AGENT = {"role": "Agent", "appType": "agent", "subject": "005A", "clientIdentifier": "ci"}
SYSTEM = {"role": "System", "appType": "conversation", "subject": "conversation"}

PAYLOADS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "Message": (
        AGENT,
        {"abstractMessage": {"id": "m", "staticContent": {"formatType": "Text", "text": "hello"}}},
    ),
    "ParticipantChanged": (
        SYSTEM,
        {"entries": [{"operation": "add", "displayName": "Jane", "participant": AGENT}]},
    ),
    "RoutingResult": (
        SYSTEM,
        {
            "routingType": "Initial",
            "failureType": "None",
            "estimatedWaitTime": {"estimatedWaitTimeInSeconds": 90, "isEWTRequested": True},
        },
    ),
    "QueuePosition": (SYSTEM, {"position": 3}),
    "SessionStatusChanged": (SYSTEM, {"sessionStatus": "Ended", "sessionEndedByRole": "Agent"}),
    "CloseConversation": (SYSTEM, {"conversationIdentifier": SESSION}),
}
_ENUMERATIONS = {"role", "operation", "routingType", "failureType", "sessionStatus", "sessionEndedByRole"}


def _read(entry: dict[str, Any]) -> tuple[FromAgents, ...]:
    return read_entry(entry, session_id=SESSION, at=Instant(0.0), position="9")


def _entry(kind: str, sender: Any, payload: Any) -> dict[str, Any]:
    return {
        "entryType": kind,
        "identifier": "e1",
        "entryPayload": payload,
        "sender": sender,
        "senderDisplayName": "Jane",
        "transcriptedTimestamp": 1_700_000_000_123,
    }


def _respelled(value: Any, draw: st.DrawFn, name: str = "") -> Any:
    if isinstance(value, dict):
        inner = {key: _respelled(one, draw, key) for key, one in value.items()}
        return json.dumps(inner) if name and draw(st.booleans()) else inner
    if isinstance(value, list):
        listed = [_respelled(one, draw) for one in value]
        return json.dumps(listed) if draw(st.booleans()) else listed
    if isinstance(value, bool):
        return draw(st.sampled_from([value, str(value).lower()]))
    if isinstance(value, int):
        return draw(st.sampled_from([value, str(value), float(value)]))
    if name in _ENUMERATIONS:
        return draw(st.sampled_from([value, value.upper(), value.lower()]))
    return value


@given(st.sampled_from(sorted(PAYLOADS)), st.data())
def test_an_entry_means_the_same_in_any_spelling(kind: str, data: st.DataObject) -> None:
    sender, payload = PAYLOADS[kind]
    spelled = data.draw(st.composite(lambda draw: _respelled(payload, draw, "entryPayload"))())
    by = data.draw(st.composite(lambda draw: _respelled(sender, draw, "sender"))())
    name = data.draw(st.sampled_from([kind, kind.upper(), kind[0].lower() + kind[1:]]))
    entry = _entry(name, by, spelled)
    entry["transcriptedTimestamp"] = data.draw(st.sampled_from([1_700_000_000_123, "1700000000123"]))
    if data.draw(st.booleans()):
        entry["entryPayload"] = json.dumps(json.dumps(spelled))
    assert _read(entry) == _read(_entry(kind, sender, payload))


def test_the_names_of_constants_are_read_too() -> None:
    sender, payload = PAYLOADS["ParticipantChanged"]
    assert _read(_entry("PARTICIPANT_CHANGED", sender, payload)) == _read(
        _entry("ParticipantChanged", sender, payload)
    )


def test_two_agents_without_a_subject_are_two() -> None:
    def joins(name: str) -> FromAgents:
        change = {"operation": "add", "displayName": name, "participant": {"role": "Agent"}}
        return _read(_entry("ParticipantChanged", SYSTEM, {"entries": [change]}))[0]

    assert getattr(joins("Jane"), "subject", "") != getattr(joins("Omar"), "subject", "")


@pytest.mark.parametrize("name", ["conversationEntries", "entries", "conversationEntry", ""])
async def test_the_list_of_entries_is_found_under_other_names(name: str) -> None:
    sender, payload = PAYLOADS["Message"]
    listed = [_entry("Message", sender, payload)]

    async def page(_: int) -> Response:
        return Response(200, {}, json.dumps({name: listed} if name else listed).encode())

    events, _ = await read_history(page, session_id=SESSION, since_ms=0, at=Instant(0.0))
    assert [event.key for event in events] == [f"{SESSION}/e1"]


async def test_no_content_is_an_empty_list() -> None:
    async def page(_: int) -> Response:
        return Response(204)

    events, _ = await read_history(page, session_id=SESSION, since_ms=0, at=Instant(0.0))
    assert events == ()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda c: st.lists(c) | st.dictionaries(st.text(), c),
    )
)
def test_values_of_any_kind_are_read_without_an_error(value: object) -> None:
    assert isinstance(members(value), dict)
    assert all(isinstance(one, dict) for one in items(value))
    assert flag(value) in (True, False, None)
