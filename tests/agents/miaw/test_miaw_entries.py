"""Conversation entries become events of the hand-off."""

from __future__ import annotations

import json

import pytest

from botkit.agents.miaw.entries import read_entry, read_envelope
from botkit.handoff.conversation import Instant
from botkit.handoff.events import (
    AgentJoined,
    AgentLeft,
    AgentSaid,
    AgentSessionEnded,
    AgentTyping,
    Content,
    FromAgents,
    PositionAdvanced,
    QueueMoved,
    RoutingFailed,
    StatusReported,
    TransferStarted,
)

SESSION = "11111111-1111-4111-8111-111111111111"
AT = Instant(1_700_000_000.0)


def entry(
    kind: str, payload: object, *, role: str = "System", name: str = "", **more: object
) -> dict[str, object]:
    return {
        "entryType": kind,
        "identifier": "e1",
        "entryPayload": payload,
        "sender": {"role": role, "appType": "agent", "subject": "005"},
        "senderDisplayName": name,
        "transcriptedTimestamp": 1_700_000_000_123,
        "clientTimestamp": 5,
        **more,
    }


def read(raw_entry: dict[str, object]) -> tuple[FromAgents, ...]:
    return read_entry(raw_entry, session_id=SESSION, at=AT, position="9")


def only(raw_entry: dict[str, object]) -> FromAgents:
    (event,) = read(raw_entry)
    return event


def said(text: str = "hello", *, reason: object = None) -> dict[str, object]:
    content = {"formatType": "Text", "text": text}
    message = {"messageType": "StaticContentMessage", "id": "m1", "staticContent": content}
    return {"entryType": "Message", "id": "e1", "abstractMessage": message, "messageReason": reason}


def changed(*operations: tuple[str, str, str]) -> dict[str, object]:
    entries = [
        {
            "operation": operation,
            "displayName": name,
            "participant": {"role": role, "appType": "agent", "subject": f"005-{name}"},
        }
        for operation, role, name in operations
    ]
    return {"entryType": "ParticipantChanged", "id": "e1", "entries": entries}


def test_an_agents_message() -> None:
    assert only(entry("Message", said(), role="Agent", name="Jane")) == AgentSaid(
        key=f"{SESSION}/e1",
        at=AT,
        session_id=SESSION,
        position="9",
        high_water_ms=1_700_000_000_123,
        content=Content("hello"),
        agent_name="Jane",
    )


def test_the_payload_may_be_encoded_once_more() -> None:
    plain = entry("Message", said(), role="Agent", name="Jane")
    encoded = entry("Message", json.dumps(said()), role="Agent", name="Jane")
    assert read(encoded) == read(plain)


def test_an_ai_agents_message_has_its_name() -> None:
    event = only(entry("Message", said(), role="Chatbot", name="Ava"))
    assert isinstance(event, AgentSaid)
    assert (event.agent_name, event.automated) == ("Ava", False)


@pytest.mark.parametrize("role", ["System", "Agent", "Chatbot"])
@pytest.mark.parametrize("reason", ["AutomatedResponse", "Consent"])
def test_an_automated_response_has_no_name(role: str, reason: str) -> None:
    event = only(entry("Message", said(reason=reason), role=role, name="Automated Process"))
    assert isinstance(event, AgentSaid)
    assert (event.agent_name, event.automated) == ("", True)


def test_a_system_message_is_automated() -> None:
    event = only(entry("Message", said(), role="System", name="System"))
    assert isinstance(event, AgentSaid)
    assert event.automated


@pytest.mark.parametrize("role", ["EndUser", "Router", "SomebodyNew"])
def test_echoes_of_our_own_and_machinery_are_only_noticed(role: str) -> None:
    assert isinstance(only(entry("Message", said(), role=role)), PositionAdvanced)


def test_a_message_with_nothing_to_show_is_only_noticed() -> None:
    assert isinstance(only(entry("Message", said(""), role="Agent")), PositionAdvanced)


def test_a_private_note_between_agents_is_never_shown() -> None:
    assert isinstance(only(entry("Note", said(), role="Agent", name="Jane")), PositionAdvanced)


@pytest.mark.parametrize("role", ["Agent", "Chatbot"])
def test_an_agent_joins_and_leaves(role: str) -> None:
    joined = only(entry("ParticipantChanged", changed(("add", role, "Jane"))))
    assert isinstance(joined, AgentJoined)
    assert (joined.subject, joined.name, joined.key) == ("005-Jane", "Jane", f"{SESSION}/e1")
    left = only(entry("ParticipantChanged", changed(("remove", role, "Jane"))))
    assert isinstance(left, AgentLeft)
    assert (left.subject, left.name) == ("005-Jane", "Jane")


@pytest.mark.parametrize(
    "change",
    [
        ("add", "Supervisor", "Sue"),
        ("add", "EndUser", "Guest"),
        ("remove", "Router", ""),
        ("update", "Agent", "J"),
    ],
)
def test_other_participants_and_updates_are_only_noticed(change: tuple[str, str, str]) -> None:
    assert isinstance(only(entry("ParticipantChanged", changed(change))), PositionAdvanced)


def test_several_changes_in_one_entry_are_several_events_with_keys_of_their_own() -> None:
    events = read(entry("ParticipantChanged", changed(("remove", "Agent", "Jane"), ("add", "Agent", "Omar"))))
    assert [type(event) for event in events] == [AgentLeft, AgentJoined]
    assert [event.key for event in events] == [f"{SESSION}/e1/0", f"{SESSION}/e1/1"]


def test_only_the_last_event_of_an_entry_moves_the_position() -> None:
    first, last = read(entry("ParticipantChanged", changed(("remove", "Agent", "J"), ("add", "Agent", "O"))))
    assert (first.position, first.high_water_ms) == ("", 0)
    assert (last.position, last.high_water_ms) == ("9", 1_700_000_000_123)


def test_a_change_without_changes_is_noticed() -> None:
    assert isinstance(only(entry("ParticipantChanged", changed())), PositionAdvanced)


def routing(kind: str, failure: object = "None") -> FromAgents:
    return only(entry("RoutingResult", {"routingType": kind, "failureType": failure, "errorMessages": []}))


@pytest.mark.parametrize("kind", ["Conference", "Unheard"])
def test_routing_that_worked_is_noticed(kind: str) -> None:
    assert isinstance(routing(kind), PositionAdvanced)


def test_a_first_routing_that_worked_says_that_the_session_waits() -> None:
    event = routing("Initial")
    assert isinstance(event, StatusReported)
    assert event.status == "waiting"


@pytest.mark.parametrize("failure", ["None", None, ""])
def test_a_transfer_that_was_routed_has_started(failure: object) -> None:
    assert isinstance(routing("Transfer", failure), TransferStarted)


@pytest.mark.parametrize(("kind", "transfer"), [("Initial", False), ("Transfer", True), ("Conference", True)])
@pytest.mark.parametrize("failure", ["SubmissionError", "RoutingError", "Unknown", "Cancelled"])
def test_routing_that_failed_says_how_and_whether_an_agent_is_there(
    kind: str, transfer: bool, failure: str
) -> None:
    event = routing(kind, failure)
    assert isinstance(event, RoutingFailed)
    assert (event.reason, event.transfer, event.final) == (failure, transfer, False)


@pytest.mark.parametrize("status", ["Ended", "ENDED", "ended"])
@pytest.mark.parametrize(
    ("role", "certain"),
    [
        ("Agent", True),
        ("EndUser", True),
        ("ENDUSER", True),
        ("System", False),
        ("Chatbot", False),
        ("Supervisor", False),
        ("", False),
        (None, False),
        (7, False),
    ],
)
def test_an_end_is_certain_only_by_an_agents_or_the_users_doing(
    status: str, role: object, certain: bool
) -> None:
    event = only(entry("SessionStatusChanged", {"sessionStatus": status, "sessionEndedByRole": role}))
    assert isinstance(event, AgentSessionEnded)
    assert event.certain is certain


def routed(wait: object, requested: object = True) -> FromAgents:
    estimate = {"estimatedWaitTimeInSeconds": wait, "isEWTRequested": requested}
    return only(
        entry(
            "RoutingResult", {"routingType": "Initial", "failureType": "None", "estimatedWaitTime": estimate}
        )
    )


def test_a_routing_result_may_estimate_the_wait() -> None:
    event = routed(90)
    assert isinstance(event, QueueMoved)
    assert (event.place, event.wait_seconds) == (0, 90)


@pytest.mark.parametrize(("wait", "requested"), [(-1, True), (0, True), (None, True), (90, False)])
def test_a_missing_estimate_is_not_reported(wait: object, requested: object) -> None:
    assert isinstance(routed(wait, requested), StatusReported)


@pytest.mark.parametrize(
    ("status", "before"),
    [
        ("New", None),
        ("Paused", "Active"),
        ("Consent", "New"),
        (None, None),
        ("Waiting", "New"),
        ("Active", "Waiting"),
    ],
)
def test_a_status_that_is_no_news_changes_nothing(status: str | None, before: str | None) -> None:
    event = only(entry("SessionStatusChanged", {"sessionStatus": status, "sessionStatusPrev": before}))
    assert isinstance(event, PositionAdvanced)


@pytest.mark.parametrize(
    ("status", "before"),
    [("Inactive", "Active"), ("Waiting", "Inactive"), ("Active", "Ended"), ("Waiting", None)],
)
def test_a_status_that_may_be_news_is_reported(status: str, before: str | None) -> None:
    event = only(entry("SessionStatusChanged", {"sessionStatus": status, "sessionStatusPrev": before}))
    assert isinstance(event, StatusReported)
    assert event.status == status.lower()


def test_a_session_in_error_may_be_over() -> None:
    event = only(entry("SessionStatusChanged", {"sessionStatus": "Error"}))
    assert isinstance(event, AgentSessionEnded)
    assert not event.certain


def test_a_closed_conversation_is_over() -> None:
    event = only(entry("CloseConversation", {"conversationIdentifier": SESSION}, role="EndUser"))
    assert isinstance(event, AgentSessionEnded)


@pytest.mark.parametrize(
    ("kind", "started"), [("TypingStartedIndicator", True), ("TypingStoppedIndicator", False)]
)
def test_an_agents_typing_is_told_and_moves_nothing(kind: str, started: bool) -> None:
    event = only(entry(kind, {"timestamp": 1}, role="Agent", name="Jane"))
    assert isinstance(event, AgentTyping)
    assert event.started is started
    assert (event.key, event.position, event.high_water_ms) == ("", "", 0)


def test_the_users_own_typing_is_an_echo() -> None:
    assert read(entry("TypingStartedIndicator", {}, role="EndUser")) == ()


def test_typing_in_the_list_is_over() -> None:
    typing = entry("TypingStartedIndicator", {}, role="Agent")
    assert read_entry(typing, session_id=SESSION, at=AT) == ()


@pytest.mark.parametrize("kind", ["ProgressIndicator", "StreamingToken"])
def test_entries_without_effect_give_no_event(kind: str) -> None:
    assert read(entry(kind, {"timestamp": 1}, role="Agent")) == ()


@pytest.mark.parametrize(
    "kind",
    [
        "DeliveryAcknowledgement",
        "ReadAcknowledgement",
        "QueuePosition",
        "ClientMenu",
        "BrandNew",
    ],
)
def test_receipts_and_entry_types_not_seen_yet_are_noticed(kind: str) -> None:
    event = only(entry(kind, {"x": 1}))
    assert isinstance(event, PositionAdvanced)
    assert (event.key, event.position) == (f"{SESSION}/e1", "9")


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("RoutingWorkResult", {"workType": "Assigned"}),
        ("RoutingWorkResult", {"workType": "Transferred"}),
        ("SessionOwnerChanged", {"newOwnerType": "Agent", "sessionStatus": "Active"}),
        ("SessionOwnerChanged", {"newOwnerType": "QUEUE"}),
        ("SessionOwnerChanged", {"newOwnerType": "Bot"}),
    ],
)
def test_work_and_owners_show_that_an_agent_is_looked_for(kind: str, payload: dict[str, str]) -> None:
    event = only(entry(kind, payload))
    assert isinstance(event, StatusReported)
    assert (event.status, event.key, event.position) == ("searching", f"{SESSION}/e1", "9")


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("RoutingWorkResult", {"workType": "Accepted"}),
        ("RoutingWorkResult", {"workType": "Closed"}),
        ("RoutingWorkResult", {"workType": "Cancelled"}),
        ("RoutingWorkResult", {}),
        ("SessionOwnerChanged", {"newOwnerType": "Agent", "sessionStatus": "Ended"}),
        ("SessionOwnerChanged", {"newOwnerType": "System"}),
        ("SessionOwnerChanged", None),
        ("ConversationUpdated", {}),
    ],
)
def test_other_work_owners_and_updates_cost_nothing(kind: str, payload: dict[str, str]) -> None:
    assert read(entry(kind, payload)) == ()


RECORD = "0MwSB0000000001"


@pytest.mark.parametrize(
    "raw",
    [
        entry("Message", said(), role="EndUser", relatedRecords=[RECORD]),
        entry("RoutingResult", {"routingType": "Initial", "failureType": "None", "recordId": RECORD}),
        entry("SessionStatusChanged", {"sessionStatus": "Active", "sessionId": RECORD}),
    ],
)
def test_the_messaging_session_is_named(raw: dict[str, object]) -> None:
    assert only(raw).record == RECORD


@pytest.mark.parametrize(
    "related", [None, [], [7], ["500SB0000000001"], ["0Mw\nforged line"], "0MwSB0000000001"]
)
def test_related_records_that_are_no_messaging_session_are_not_named(related: object) -> None:
    assert only(entry("Message", said(), role="Agent", relatedRecords=related)).record == ""


@pytest.mark.parametrize("payload", [None, 7, "not json", "[]", "{", []])
def test_a_payload_that_cannot_be_read_is_noticed(payload: object) -> None:
    for kind in ("Message", "ParticipantChanged", "RoutingResult", "SessionStatusChanged"):
        assert isinstance(only(entry(kind, payload, role="Agent")), PositionAdvanced)


def test_the_kind_may_stand_in_the_payload_only() -> None:
    raw_entry = entry("Message", said(), role="Agent")
    del raw_entry["entryType"]
    assert isinstance(only(raw_entry), AgentSaid)


def test_an_entry_without_an_identifier_has_the_payloads_id() -> None:
    raw_entry = entry("Message", said() | {"id": "p1"}, role="Agent", identifier=None)
    assert only(raw_entry).key == f"{SESSION}/p1"


def test_an_entry_without_any_id_has_the_same_key_from_stream_and_list() -> None:
    payload = {"entryType": "RoutingResult", "routingType": "Transfer"}
    from_list = entry("RoutingResult", payload, identifier=None)
    from_stream = entry("RoutingResult", json.dumps(payload), identifier=None)
    other = entry("RoutingResult", payload | {"routingType": "Initial"}, identifier=None)
    assert only(from_list).key == only(from_stream).key
    assert only(from_list).key != only(other).key


def test_the_senders_clock_is_used_only_where_there_is_no_other() -> None:
    assert only(entry("BrandNew", {}, transcriptedTimestamp=None)).high_water_ms == 5


def test_an_envelope_names_the_conversation_and_holds_the_entry() -> None:
    data = json.dumps({"conversationId": SESSION, "conversationEntry": {"identifier": "e1"}}).encode()
    assert read_envelope(data) == (SESSION, {"identifier": "e1"})


@pytest.mark.parametrize(
    "data", [b"", b"0", b"[]", b"{", b"null", b'{"conversationEntry":7}', b"\xff\xfe", b"[" * 100_000]
)
def test_an_invalid_envelope_is_empty(data: bytes) -> None:
    assert read_envelope(data) == ("", {})


def test_an_envelope_with_broken_utf8_is_read_all_the_same() -> None:
    conversation_id, found = read_envelope(
        b'{"conversationId":"c","conversationEntry":{"senderDisplayName":"J\xff"}}'
    )
    assert (conversation_id, found) == ("c", {"senderDisplayName": "J\ufffd"})


def test_half_an_emoji_does_not_cost_the_message() -> None:
    event = only(entry("Message", json.dumps(said("cut \ud83d")), role="Agent"))
    assert isinstance(event, AgentSaid)
    assert event.content.text == "cut \ufffd"


def test_a_place_in_the_queue_counts_the_user_in() -> None:
    moved = only(entry("QueuePosition", {"position": 2, "workItemId": "0Bz"}))
    assert isinstance(moved, QueueMoved)
    assert moved.place == 2


@pytest.mark.parametrize("position", [0, -1, None, "next"])
def test_an_invalid_place_only_moves_the_position(position: object) -> None:
    assert isinstance(only(entry("QueuePosition", {"position": position})), PositionAdvanced)


@pytest.mark.parametrize("odd", [10**17, "9" * 18, -5, 0, 1e300, True, None, [], "soon"])
@pytest.mark.parametrize(("at", "mark"), [(AT, 5), (Instant(0.0), 5)])
def test_a_time_that_cannot_be_moves_no_mark(odd: object, at: Instant, mark: int) -> None:
    (event,) = read_entry(
        entry("Message", said(), transcriptedTimestamp=odd), session_id=SESSION, at=at, position="9"
    )
    assert event.high_water_ms == mark
    (event,) = read_entry(
        entry("Message", said(), transcriptedTimestamp=odd, clientTimestamp=odd), session_id=SESSION, at=at
    )
    assert event.high_water_ms == 0


@pytest.mark.parametrize("id", ["a b", "\x01", "ä", "9" * 501])
def test_an_id_that_cannot_be_sent_back_is_no_position(id: str) -> None:
    (event,) = read_entry(entry("Message", said()), session_id=SESSION, at=AT, position=id)
    assert event.position == ""
