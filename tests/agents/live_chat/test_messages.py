"""Each message type of System/Messages becomes events."""

from __future__ import annotations

from typing import Any

import pytest

from botkit.agents.live_chat.calls import FileRequest
from botkit.agents.live_chat.messages import Reply, read_events, read_reply
from botkit.agents.live_chat.position import Idle, Position, Present
from botkit.handoff.conversation import Instant
from botkit.handoff.events import (
    AgentCustomEvent,
    AgentJoined,
    AgentLeft,
    AgentSaid,
    AgentSessionEnded,
    AgentTyping,
    FileArrived,
    FileRequested,
    FromAgents,
    IdleRule,
    Option,
    PositionAdvanced,
    QueueMoved,
    RoutingFailed,
    TransferStarted,
)

AT = Instant(1_700_000_000.0)
ADA = {"name": "Ada", "userId": "005A"}
BOB = {"name": "Bob", "userId": "005B"}


def read(
    *messages: tuple[str, dict[str, Any]], position: Position | None = None, sequence: int | None = None
) -> tuple[tuple[FromAgents, ...], Position]:
    position = position or Position(affinity="aff0")
    last = position.ack + len(messages) if sequence is None else sequence
    reply = Reply(position.era, last, 1_000 + last, messages)
    return read_events(position, reply, session_id="S", at=AT)


def kinds(events: tuple[FromAgents, ...]) -> list[type[FromAgents]]:
    return [type(event) for event in events]


def with_ada() -> Position:
    return read(("ChatRequestSuccess", {}), ("ChatEstablished", ADA))[1]


# --- numbers -------------------------------------------------------------------------------------------------------


def test_a_message_is_known_by_its_place_in_the_whole_chat() -> None:
    events, position = read(("AgentTyping", {}), ("AgentTyping", {}), sequence=4)
    assert [event.key for event in events] == ["S/0/3", "S/0/4"]
    assert position.ack == 4


def test_sequence_0_is_a_sequence() -> None:
    reply = read_reply({"messages": [{"type": "AgentTyping", "message": {}}], "sequence": 0}, era=0, ack=-1)
    assert reply.sequence == 0


def test_a_reply_without_a_sequence_counts_on() -> None:
    reply = read_reply({"messages": [{"type": "AgentTyping", "message": {}}]}, era=0, ack=6)
    assert reply.sequence == 7


def test_messages_that_were_read_are_not_read_again() -> None:
    events, position = read(
        ("ChatMessage", {"text": "old"}),
        ("ChatMessage", {"text": "new"}),
        position=Position(ack=4),
        sequence=5,
    )
    assert [event.content.text for event in events if isinstance(event, AgentSaid)] == ["new"]
    assert position.ack == 5


def test_each_event_says_where_to_go_on_from() -> None:
    events, _ = read(("ChatMessage", {"text": "a"}), ("ChatMessage", {"text": "b"}))
    positions = [Position.read(event.position) for event in events]
    assert [position.ack for position in positions if position is not None] == [0, 1]


def test_the_offset_moves_only_with_the_last_message_of_a_reply() -> None:
    events, _ = read(("ChatMessage", {"text": "a"}), ("ChatMessage", {"text": "b"}))
    positions = [Position.read(event.position) for event in events]
    assert [position.offset for position in positions if position is not None] == [0, 1_001]


def test_only_the_last_event_of_a_message_says_that_it_is_done() -> None:
    events, _ = read(("ChatTransferred", BOB), position=with_ada())
    positions = [Position.read(event.position) for event in events]
    assert [position.ack for position in positions if position is not None] == [1, 1, 2]
    assert [event.key for event in events] == ["S/0/2.transfer", "S/0/2.left", "S/0/2.joined"]


def _after_ada_was_lost() -> Position:
    return read(("AgentDisconnect", ADA), position=with_ada())[1]


@pytest.mark.parametrize(
    ("before", "message"),
    [
        (with_ada(), ("ChatTransferred", BOB)),
        (with_ada(), ("TransferToButtonInitiated", {})),
        (with_ada(), ("AgentDisconnect", ADA)),
        (_after_ada_was_lost(), ("ChatMessage", {"text": "back again", **ADA})),
        (Position(era=1), ("ChatMessage", {"text": "hello?", "name": "Ada"})),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_crash_between_the_events_of_one_message_loses_none_of_them(
    before: Position, message: tuple[str, dict[str, Any]]
) -> None:
    events, _ = read(message, position=before)
    assert len(events) > 1
    for taken in range(1, len(events)):
        known = {event.key for event in events[:taken]}
        again, _ = read(message, position=Position.read(events[taken - 1].position))
        assert kinds(tuple(one for one in again if one.key not in known)) == kinds(events[taken:])


def test_a_reply_of_an_earlier_era_moves_no_numbers() -> None:
    late = Reply(0, 7, 1_007, (("ChatMessage", {"text": "late"}),))
    events, position = read_events(Position(era=1, ack=9), late, session_id="S", at=AT)
    assert kinds(events) == [AgentSaid]
    assert events[0].key == "S/0/7"
    assert (position.era, position.ack) == (1, 9)


# --- before an agent -----------------------------------------------------------------------------------------------


def test_an_accepted_request_is_noticed_and_says_how_long_the_session_lives() -> None:
    events, position = read(("ChatRequestSuccess", {"connectionTimeout": 90_000, "queuePosition": 0}))
    assert kinds(events) == [PositionAdvanced]
    assert position.requested
    assert position.session_seconds == 90.0


def test_the_rules_for_sensitive_data_are_kept() -> None:
    rule = {"id": "0GO1", "name": "card", "pattern": "[0-9]{16}", "replacement": "*", "actionType": "Replace"}
    _, position = read(("ChatRequestSuccess", {"sensitiveDataRules": [rule]}))
    assert [(one.id, one.pattern, one.replacement) for one in position.rules] == [("0GO1", "[0-9]{16}", "*")]
    assert Position.read(position.written()) == position


def test_rules_in_a_message_of_their_own_count_too() -> None:
    _, position = read(("SensitiveDataRules", {"sensitiveDataRules": [{"id": "1", "pattern": "x"}]}))
    assert len(position.rules) == 1


def test_rules_of_a_reply_are_known_with_its_first_event() -> None:
    rules = {"sensitiveDataRules": [{"id": "1", "pattern": "x"}]}
    events, _ = read(("ChatEstablished", ADA), ("ChatMessage", {"text": "hi"}), ("SensitiveDataRules", rules))
    positions = [Position.read(event.position) for event in events]
    assert all(position is not None and len(position.rules) == 1 for position in positions)


@pytest.mark.parametrize("reason", ["Unavailable", "NoPost", "InternalFailure", "Blocked", "Unknown"])
def test_a_refused_request_is_the_end_with_its_reason(reason: str) -> None:
    events, position = read(("ChatRequestFail", {"reason": reason, "attachedRecords": []}))
    assert isinstance(events[0], RoutingFailed)
    assert events[0].reason == reason
    assert not events[0].transfer
    assert position.over


def test_a_refusal_in_the_middle_of_a_chat_is_the_end_too() -> None:
    events, _ = read(("ChatRequestFail", {"reason": "Unavailable"}), position=with_ada())
    assert kinds(events) == [RoutingFailed]


@pytest.mark.parametrize(("before", "place"), [(0, 1), (3, 4)])
def test_a_place_in_the_queue_counts_the_user_in(before: int, place: int) -> None:
    (moved,), _ = read(("QueueUpdate", {"position": before, "estimatedWaitTime": 90}))
    assert isinstance(moved, QueueMoved)
    assert (moved.place, moved.wait_seconds) == (place, 90)


def test_an_unknown_wait_is_none() -> None:
    (moved,), _ = read(("QueueUpdate", {"position": 0, "estimatedWaitTime": -1}))
    assert isinstance(moved, QueueMoved)
    assert moved.wait_seconds is None


def test_an_accepted_request_may_tell_the_place_in_the_queue() -> None:
    (moved,), position = read(("ChatRequestSuccess", {"queuePosition": 1, "estimatedWaitTime": 9}))
    assert isinstance(moved, QueueMoved)
    assert (moved.place, moved.wait_seconds) == (1, 9)
    assert position.requested


def test_an_accepted_request_may_tell_the_wait_alone() -> None:
    (moved,), _ = read(("ChatRequestSuccess", {"queuePosition": 0, "estimatedWaitTime": 90}))
    assert isinstance(moved, QueueMoved)
    assert (moved.place, moved.wait_seconds) == (0, 90)


def test_a_greeting_before_any_agent_is_an_automated_one() -> None:
    events, _ = read(("ChatMessage", {"text": "Welcome!", "name": "Support"}))
    assert isinstance(events[0], AgentSaid)
    assert events[0].automated


# --- agents --------------------------------------------------------------------------------------------------------


def test_an_acceptance_is_an_agent_who_joins() -> None:
    events, _ = read(("ChatEstablished", ADA))
    assert isinstance(events[0], AgentJoined)
    assert (events[0].subject, events[0].name) == ("005A", "Ada")


def test_a_repeated_acceptance_counts_once() -> None:
    events, _ = read(("ChatEstablished", ADA), position=with_ada())
    assert kinds(events) == [PositionAdvanced]


@pytest.mark.parametrize("enabled", [True, "true"])
@pytest.mark.parametrize("spelling", ["chasitorIdleTimeout", "chasitorIdletimeout"])
def test_idle_times_are_kept_in_both_spellings(spelling: str, enabled: object) -> None:
    idle = {"isEnabled": enabled, "warningTime": 60, "timeout": 120}
    (joined,), position = read(("ChatEstablished", {**ADA, spelling: idle}))
    assert position.idle == Idle(60, 120)
    assert isinstance(joined, AgentJoined)
    assert joined.idle == IdleRule(60, 120)


def test_a_guest_of_a_conference_leaves_the_idle_times_as_they_are() -> None:
    position = Position(agents=(Present("005A", "Ada"),), idle=Idle(60, 120))
    (joined,), _ = read(("AgentJoinedConference", {"name": "Bob"}), position=position)
    assert isinstance(joined, AgentJoined)
    assert joined.idle == IdleRule(60, 120)


def test_idle_times_that_are_off_are_none() -> None:
    _, position = read(("ChatEstablished", {**ADA, "chasitorIdleTimeout": {"isEnabled": False}}))
    assert position.idle is None


def test_a_new_agent_has_their_own_settings() -> None:
    idle = {"isEnabled": True, "warningTime": 60, "timeout": 120}
    before = read(("ChatEstablished", {**ADA, "chasitorIdleTimeout": idle}))[1]
    _, after = read(("ChatTransferred", BOB), position=before)
    assert before.idle == Idle(60, 120)
    assert after.idle is None


def test_a_message_of_an_agent_is_an_event() -> None:
    events, _ = read(
        ("ChatMessage", {"text": "Tom &amp; Jerry", "name": "Ada", "agentId": "005A"}), position=with_ada()
    )
    assert isinstance(events[0], AgentSaid)
    assert events[0].content.text == "Tom & Jerry"
    assert events[0].agent_name == "Ada"
    assert not events[0].automated


def test_every_message_of_a_batch_is_read() -> None:
    events, _ = read(*(("ChatMessage", {"text": str(n)}) for n in range(5)))
    assert [event.content.text for event in events if isinstance(event, AgentSaid)] == [
        "0",
        "1",
        "2",
        "3",
        "4",
    ]


@pytest.mark.parametrize("kind", ["CustomEvent", "NewVisitorBreadcrumb", "SomethingNew", ""])
def test_a_message_without_effect_moves_the_position(kind: str) -> None:
    events, position = read((kind, {"name": "Ada"}))
    assert kinds(events) == [PositionAdvanced]
    assert position.ack == 0


@pytest.mark.parametrize(("kind", "started"), [("AgentTyping", True), ("AgentNotTyping", False)])
def test_typing_events_become_user_typing(kind: str, started: bool) -> None:
    (event,), _ = read((kind, {"name": "Ada"}), position=with_ada())
    assert isinstance(event, AgentTyping)
    assert event.started is started


def test_of_both_in_one_reply_only_the_end_of_typing_counts() -> None:
    events, position = read(("AgentNotTyping", {}), ("AgentTyping", {}), position=with_ada())
    assert [event.started for event in events if isinstance(event, AgentTyping)] == [False, False]
    assert position.ack == 3


def test_an_event_of_the_agents_console_is_for_the_users_client() -> None:
    (event,), _ = read(("CustomEvent", {"type": "cart", "data": '{"items":2}'}), position=with_ada())
    assert isinstance(event, AgentCustomEvent)
    assert (event.name, event.data) == ("cart", '{"items":2}')


def test_an_event_of_unreasonable_size_is_left_out() -> None:
    events, _ = read(("CustomEvent", {"type": "cart", "data": "x" * 20_001}), position=with_ada())
    assert kinds(events) == [PositionAdvanced]


def test_a_transfer_to_an_agent_gives_its_events_in_order() -> None:
    events, position = read(("ChatTransferred", BOB), position=with_ada())
    assert kinds(events) == [TransferStarted, AgentLeft, AgentJoined]
    assert position.agents == (Present("005B", "Bob"),)


def test_an_acceptance_by_another_agent_is_a_transfer_that_was_missed() -> None:
    events, _ = read(("ChatEstablished", BOB), position=with_ada())
    assert kinds(events) == [TransferStarted, AgentLeft, AgentJoined]


def test_a_transfer_to_a_queue_has_a_beginning_and_an_end() -> None:
    events, position = read(("TransferToButtonInitiated", {}), position=with_ada())
    assert kinds(events) == [TransferStarted, AgentLeft]
    events, _ = read(("QueueUpdate", {"position": 1}), ("ChatTransferred", BOB), position=position)
    assert kinds(events) == [QueueMoved, AgentJoined]


def test_an_agent_whose_connection_is_lost_leaves_the_chat_alive() -> None:
    events, position = read(("AgentDisconnect", {}), position=with_ada())
    assert kinds(events) == [TransferStarted, AgentLeft]
    assert not position.over


def test_an_agent_who_speaks_again_has_come_back() -> None:
    _, position = read(("AgentDisconnect", {}), position=with_ada())
    events, _ = read(("ChatMessage", {"text": "Sorry!", "name": "Ada"}), position=position)
    assert kinds(events) == [AgentJoined, AgentSaid]


def test_another_agent_takes_over_from_one_whose_connection_was_lost() -> None:
    _, position = read(("AgentDisconnect", {}), position=with_ada())
    events, _ = read(("ChatTransferred", BOB), position=position)
    assert kinds(events) == [AgentJoined]


def test_a_guest_of_a_conference_joins_and_leaves() -> None:
    events, position = read(
        ("AgentJoinedConference", {"name": "Cem"}),
        ("AgentLeftConference", {"name": "Cem"}),
        position=with_ada(),
    )
    assert kinds(events) == [AgentJoined, AgentLeft]
    assert position.agents == (Present("005A", "Ada"),)


def test_a_guest_stays_when_the_host_hands_over() -> None:
    _, position = read(("AgentJoinedConference", {"name": "Cem"}), position=with_ada())
    _, position = read(("ChatTransferred", BOB), position=position)
    assert [agent.name for agent in position.agents] == ["Cem", "Bob"]


def test_a_host_who_is_lost_while_a_guest_stays_is_no_transfer() -> None:
    _, position = read(("AgentJoinedConference", {"name": "Cem"}), position=with_ada())
    events, _ = read(("AgentDisconnect", {}), position=position)
    assert kinds(events) == [AgentLeft]


@pytest.mark.parametrize("reason", ["agent", "client"])
def test_the_end_is_the_end(reason: str) -> None:
    events, position = read(("ChatEnded", {"reason": reason, "attachedRecords": []}), position=with_ada())
    assert kinds(events) == [AgentSessionEnded]
    assert position.over


# --- files, bots ---------------------------------------------------------------------------------------------------

FILE = {"type": "Requested", "uploadServletUrl": "https://d.x.salesforceliveagent.com/u", "fileToken": "t"}


def test_a_file_request_carries_the_upload_address() -> None:
    (asked,), _ = read(("FileTransfer", FILE), position=with_ada())
    assert isinstance(asked, FileRequested)
    wanted = FileRequest.read(asked.request)
    assert wanted == FileRequest("https://d.x.salesforceliveagent.com/u", "t")


def test_a_request_that_is_taken_back_is_an_empty_one() -> None:
    (asked,), _ = read(("FileTransfer", {"type": "Canceled"}), position=with_ada())
    assert isinstance(asked, FileRequested)
    assert asked.request == ""


@pytest.mark.parametrize(("outcome", "accepted"), [("Success", True), ("Failure", False)])
def test_the_outcome_of_an_upload_is_an_event(outcome: str, accepted: bool) -> None:
    (arrived,), _ = read(("FileTransfer", {"type": outcome}), position=with_ada())
    assert isinstance(arrived, FileArrived)
    assert arrived.accepted is accepted


def test_a_file_request_without_an_address_is_ignored() -> None:
    events, _ = read(("FileTransfer", {"type": "Requested", "fileToken": "t"}), position=with_ada())
    assert kinds(events) == [PositionAdvanced]


def test_a_menu_of_a_bot_is_shown() -> None:
    menu = {"type": "ChatWindowMenu", "items": [{"text": "Yes"}, {"text": "No"}]}
    events, _ = read(("RichMessage", menu))
    assert isinstance(events[0], AgentSaid)
    assert events[0].content.options == (Option("Yes"), Option("No"))


# --- the account after a reconnection -----------------------------------------------------------------------------


def account(*lines: tuple[str, str, str]) -> tuple[str, dict[str, Any]]:
    told = [
        {"type": kind, "name": name, "content": content, "sequence": n}
        for n, (kind, name, content) in enumerate(lines, start=1)
    ]
    return "ChasitorSessionData", {"chatMessages": told}


def test_session_data_gives_only_new_messages() -> None:
    _, position = read(("ChatMessage", {"text": "one", "name": "Ada"}), position=with_ada())
    position = position.renewed("aff1", numbers_start_anew=True)
    events, position = read(
        account(("Agent", "Ada", "one"), ("Chasitor", "", "ok"), ("Agent", "Ada", "two")), position=position
    )
    assert [event.content.text for event in events if isinstance(event, AgentSaid)] == ["two"]
    assert position.messages_read == 2


def test_an_account_that_is_read_again_gives_the_same_keys() -> None:
    position = with_ada().renewed("aff1", numbers_start_anew=True)
    message = account(("Agent", "Ada", "one"), ("Agent", "Ada", "two"))
    first, _ = read(message, position=position)
    half = Position.read(first[0].position)
    again, _ = read(message, position=half)
    assert [event.key for event in again] == [first[1].key]


def test_an_account_tells_of_a_change_of_agents() -> None:
    position = with_ada().renewed("aff1", numbers_start_anew=True)
    events, position = read(
        account(("OperatorTransferred", "Bob", ""), ("Agent", "Bob", "hi")), position=position
    )
    assert kinds(events) == [TransferStarted, AgentLeft, AgentJoined, AgentSaid]
    events, _ = read(("ChatTransferred", BOB), position=position)
    assert kinds(events) == [PositionAdvanced]


def test_session_data_does_not_repeat_known_transfers() -> None:
    _, position = read(("ChatTransferred", BOB), ("ChatTransferred", ADA), position=with_ada())
    again = account(("OperatorTransferred", "Bob", ""), ("OperatorTransferred", "Ada", ""))
    for era in (1, 2):
        position = position.renewed(f"aff{era}", numbers_start_anew=True)
        events, position = read(again, position=position)
        assert kinds(events) == [PositionAdvanced]


def test_an_account_tells_of_the_transfer_that_was_missed_alone_and_once() -> None:
    _, position = read(("ChatTransferred", BOB), position=with_ada())
    told = account(
        ("OperatorTransferred", "Bob", ""), ("OperatorTransferred", "Cem", ""), ("Agent", "Cem", "hello")
    )
    events, position = read(told, position=position.renewed("aff1", numbers_start_anew=True))
    assert kinds(events) == [TransferStarted, AgentLeft, AgentJoined, AgentSaid]
    events, _ = read(told, position=position.renewed("aff2", numbers_start_anew=True))
    assert kinds(events) == [PositionAdvanced]


def test_a_takeover_after_a_queue_is_not_repeated() -> None:
    _, position = read(("TransferToButtonInitiated", {}), ("ChatEstablished", BOB), position=with_ada())
    _, position = read(("ChatTransferred", ADA), position=position)
    again = account(("OperatorTransferred", "Bob", ""), ("OperatorTransferred", "Ada", ""))
    events, _ = read(again, position=position.renewed("aff1", numbers_start_anew=True))
    assert kinds(events) == [PositionAdvanced]


def test_transfers_that_changed_nothing_are_not_taken_for_news_later() -> None:
    back_twice = [("OperatorTransferred", "Ada", ""), ("OperatorTransferred", "Ada", "")]
    position = with_ada().renewed("aff1", numbers_start_anew=True)
    events, position = read(account(*back_twice), position=position)
    assert kinds(events) == [PositionAdvanced]
    _, position = read(("ChatTransferred", BOB), position=position)
    told = account(*back_twice, ("OperatorTransferred", "Bob", ""))
    events, _ = read(told, position=position.renewed("aff2", numbers_start_anew=True))
    assert kinds(events) == [PositionAdvanced]


def test_an_agent_whose_acceptance_was_lost_joins_by_speaking() -> None:
    position = Position(affinity="aff1", era=1)
    events, position = read(account(("Agent", "Ada", "hello?")), position=position)
    assert kinds(events) == [AgentJoined, AgentSaid]
    assert kinds(read(("ChatEstablished", ADA), position=position)[0]) == [PositionAdvanced]


def test_an_agent_whose_acceptance_was_lost_joins_by_speaking_later_too() -> None:
    hello = ("ChatMessage", {"text": "hello?", "name": "Ada", "agentId": "005A"})
    events, position = read(account(), hello, position=Position(affinity="aff1", era=1))
    assert kinds(events) == [PositionAdvanced, AgentJoined, AgentSaid]
    assert isinstance(events[-1], AgentSaid)
    assert not events[-1].automated
    assert kinds(read(("ChatEstablished", ADA), position=position)[0]) == [PositionAdvanced]


def test_a_guest_who_speaks_after_the_host_was_lost_is_no_new_host() -> None:
    _, position = read(("AgentJoinedConference", {"name": "Guest"}), position=with_ada())
    _, position = read(("AgentDisconnect", ADA), position=position)
    position = position.renewed("aff1", numbers_start_anew=True)
    events, _ = read(("ChatMessage", {"text": "hi", "name": "Guest", "agentId": "005G"}), position=position)
    assert kinds(events) == [AgentSaid]
