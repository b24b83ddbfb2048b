"""The order of events in a conversation (docs/protocols/salesforce-miaw.md, 5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from botkit_sandbox.salesforce.state import Agent
from tests.sandbox.salesforce.conftest import Client, Event, Listener, MakeSalesforce, Salesforce


def told(stream: Listener, start: int = 0) -> list[str]:
    """Events in short: ``work:Accepted``, ``session:Active``, ``add:Jane Doe``, ``says:…``."""
    return [_short(event) for event in stream.events[start:]]


def _short(event: Event) -> str:
    payload = event.payload
    match event.entry["entryType"]:
        case "RoutingResult":
            return f"routing:{payload['routingType']}:{payload['failureType']}"
        case "RoutingWorkResult":
            return f"work:{payload['workType']}"
        case "SessionStatusChanged":
            return f"session:{payload['sessionStatusPrev']}>{payload['sessionStatus']}"
        case "ParticipantChanged":
            change = payload["entries"][0]
            return f"{change['operation']}:{change['displayName']}"
        case "Message":
            return f"says:{payload['abstractMessage']['staticContent']['text']}"
        case other:
            return str(other)


def assigned(client: Client) -> Agent:
    """The agent to whom the conversation is pushed."""
    agent = client.cloud.conversation(client.conversation_id).assigned
    assert agent is not None
    return agent


async def after(client: Client, do: Callable[[], Any], number: int) -> list[str]:
    """The next `number` events on the stream after `do`."""
    before = len(client.cloud.conversation(client.conversation_id).owner.log.since(0, at_most=1_000)[0])
    async with client.listening() as stream:
        await stream.count(before)
        do()
        await stream.count(before + number)
        return told(stream, before)


async def test_a_new_conversation_is_routed_waits_and_is_assigned_without_any_message(
    salesforce: Salesforce,
) -> None:
    client = await salesforce.client().sign_in()
    async with client.listening() as stream:
        await client.create()
        await stream.count(4)
    assert told(stream) == [
        "ConversationUpdated",
        "routing:Initial:None",
        "session:New>Waiting",
        "work:Assigned",
    ]
    routing = stream.events[1].payload
    assert routing["recordId"].startswith("0Mw")
    assert routing["estimatedWaitTime"] == {"estimatedWaitTimeInSeconds": 60, "isEWTRequested": True}
    assert routing["routingConfigurationDetails"]["routingConfigurationType"] == "QueueRoutingType"
    assert routing["errorMessages"] == []


async def test_the_automated_responses_and_the_queue_position_come_when_switched_on(
    make_salesforce: MakeSalesforce,
) -> None:
    salesforce = await make_salesforce(
        initial_response="Welcome",
        agent_engaged_response="Here we are",
        agent_end_response="Bye",
        queue_position=True,
    )
    client = await salesforce.opened()
    salesforce.cloud.accept(client.conversation_id, "Jane Doe")
    salesforce.cloud.agent_ends(client.conversation_id, "Jane Doe")
    async with client.listening() as stream:
        await stream.until(lambda self: "Bye" in self.texts())
    assert told(stream)[1:] == [
        "routing:Initial:None",
        "session:New>Waiting",
        "says:Welcome",
        "work:Assigned",
        "QueuePosition",
        "work:Accepted",
        "SessionOwnerChanged",
        "session:Waiting>Active",
        "add:Jane Doe",
        "says:Here we are",
        "remove:Jane Doe",
        "session:Active>Ended",
        "work:Closed",
        "says:Bye",
    ]
    assert stream.events[3].payload["messageReason"] == "AutomatedResponse"
    assert stream.events[5].payload["position"] == 1


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("session-first", ["session:Waiting>Active", "add:Jane Doe"]),
        ("participant-first", ["add:Jane Doe", "session:Waiting>Active"]),
    ],
)
async def test_an_agent_accepts(make_salesforce: MakeSalesforce, order: str, expected: list[str]) -> None:
    salesforce = await make_salesforce(accept_order=order)
    client = await salesforce.opened()
    got = await after(client, lambda: salesforce.cloud.accept(client.conversation_id, "Jane Doe"), 4)
    assert got == ["work:Accepted", "SessionOwnerChanged", *expected]


async def test_an_agent_declines_and_the_next_one_is_asked(salesforce: Salesforce) -> None:
    client, cloud = await salesforce.opened(), salesforce.cloud
    first = assigned(client)
    got = await after(client, lambda: cloud.decline(client.conversation_id, first.id), 2)
    second = assigned(client)
    assert got == ["work:Declined", "work:Assigned"]
    assert second is not first
    assert (first.load, second.load) == (0, 1)


async def test_when_everybody_declined_it_waits_in_the_queue_and_can_still_be_taken(
    salesforce: Salesforce,
) -> None:
    client, cloud = await salesforce.opened(), salesforce.cloud
    for _ in range(3):
        cloud.decline(client.conversation_id, assigned(client).id)
    assert cloud.conversation(client.conversation_id).stage == "waiting"
    cloud.accept(client.conversation_id, "Mei Tanaka")
    assert cloud.conversation(client.conversation_id).stage == "active"


async def test_without_agents_online_it_waits_without_a_failure_for_the_first(
    salesforce: Salesforce,
) -> None:
    cloud = salesforce.cloud
    for name in cloud.settings.agents:
        cloud.set_online(name, False)
    client = await salesforce.opened()
    assert cloud.conversation(client.conversation_id).stage == "waiting"
    got = await after(client, lambda: cloud.set_online("Omar Haddad", True), 1)
    assert got == ["work:Assigned"]


async def test_an_agents_capacity_keeps_the_rest_in_the_queue_in_order(
    make_salesforce: MakeSalesforce,
) -> None:
    salesforce = await make_salesforce(agents=("Jane Doe",), agent_capacity=1)
    clients = [await salesforce.opened() for _ in range(3)]
    cloud = salesforce.cloud

    def shown() -> list[tuple[str, int | None]]:
        return [(each["status"], each["queuePosition"]) for each in cloud.state()["conversations"]]

    cloud.accept(clients[0].conversation_id, "Jane Doe")
    assert shown() == [("active", None), ("waiting", 1), ("waiting", 2)]
    cloud.agent_ends(clients[0].conversation_id, "Jane Doe")
    assert shown() == [("ended", None), ("assigned", 1), ("waiting", 2)]


async def test_an_agent_talks_and_types(salesforce: Salesforce) -> None:
    client, cloud = await salesforce.accepted(), salesforce.cloud

    def talk() -> None:
        cloud.agent_typing(client.conversation_id, "Jane Doe", started=True)
        cloud.agent_typing(client.conversation_id, "Jane Doe", started=False)
        cloud.agent_says(client.conversation_id, "Jane Doe", "hello")

    async with client.listening() as stream:
        await stream.count(8)
        talk()
        await stream.count(11)
    assert stream.names[-3:] == ["TYPING_STARTED_INDICATOR", "TYPING_STOPPED_INDICATOR", "MESSAGE"]
    started, _, message = stream.events[-3:]
    assert isinstance(started.payload["timestamp"], int)
    for event in (started, message):
        assert (event.entry["senderDisplayName"], event.entry["sender"]["role"]) == ("Jane Doe", "Agent")
        assert event.entry["sender"]["subject"].startswith("005")
    assert message.payload["messageReason"] is None


async def test_a_transfer_to_an_agent_takes_one_away_and_brings_the_other_when_they_accept(
    salesforce: Salesforce,
) -> None:
    client, cloud = await salesforce.accepted(), salesforce.cloud

    def transfer() -> None:
        cloud.transfer(client.conversation_id, "Jane Doe", to="Omar Haddad")
        cloud.accept(client.conversation_id, "Omar Haddad")

    got = await after(client, transfer, 7)
    assert got == [
        "routing:Transfer:None",
        "work:Transferred",
        "remove:Jane Doe",
        "work:Assigned",
        "work:Accepted",
        "SessionOwnerChanged",
        "add:Omar Haddad",
    ]
    assert [agent.load for agent in cloud.agents.values()] == [0, 1, 0]


async def test_a_transfer_to_the_queue_is_offered_to_another_agent(salesforce: Salesforce) -> None:
    client, cloud = await salesforce.accepted(), salesforce.cloud
    got = await after(client, lambda: cloud.transfer(client.conversation_id, "Jane Doe", to="queue"), 5)
    assert got == [
        "routing:Transfer:None",
        "work:Transferred",
        "remove:Jane Doe",
        "SessionOwnerChanged",
        "work:Assigned",
    ]
    assert assigned(client).name != "Jane Doe"


async def test_a_failed_transfer_leaves_the_agent_where_they_are(salesforce: Salesforce) -> None:
    client, cloud = await salesforce.accepted(), salesforce.cloud
    got = await after(
        client,
        lambda: cloud.transfer(client.conversation_id, "Jane Doe", to="queue", fail=True),
        1,
    )
    assert got == ["routing:Transfer:RoutingError"]
    cloud.agent_says(client.conversation_id, "Jane Doe", "still here")
    assert cloud.conversation(client.conversation_id).routing_status == "ROUTED"


async def test_a_conference_adds_a_second_agent_and_losing_one_changes_nothing_else(
    salesforce: Salesforce,
) -> None:
    client, cloud = await salesforce.accepted(), salesforce.cloud

    def confer() -> None:
        cloud.conference(client.conversation_id, "Jane Doe", to="Mei Tanaka")
        cloud.drop(client.conversation_id, "Jane Doe")

    got = await after(client, confer, 3)
    assert got == ["routing:Conference:None", "add:Mei Tanaka", "remove:Jane Doe"]
    assert cloud.conversation(client.conversation_id).stage == "active"


async def test_a_supervisor_comes_and_goes_with_their_own_role(salesforce: Salesforce) -> None:
    client, cloud = await salesforce.accepted(), salesforce.cloud
    async with client.listening() as stream:
        await stream.count(8)
        cloud.supervise(client.conversation_id, "Boss", present=True)
        cloud.supervise(client.conversation_id, "Boss", present=False)
        await stream.count(10)
    participants = [event.payload["entries"][0]["participant"]["role"] for event in stream.events[-2:]]
    assert participants == ["Supervisor", "Supervisor"]
    assert stream.names[-2:] == ["PARTICIPANT_CHANGED", "PARTICIPANT_CHANGED"]
    assert cloud.conversation(client.conversation_id).stage == "active"


async def test_an_agent_who_logs_off_is_removed_and_the_conversation_routed_again(
    salesforce: Salesforce,
) -> None:
    client, cloud = await salesforce.accepted(), salesforce.cloud
    got = await after(client, lambda: cloud.set_online("Jane Doe", False), 3)
    assert got == ["remove:Jane Doe", "SessionOwnerChanged", "work:Assigned"]
    assert cloud.conversation(client.conversation_id).routing_status == "TRANSFER"


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("participant-first", ["remove:Jane Doe", "session:Active>Ended"]),
        ("session-first", ["session:Active>Ended", "remove:Jane Doe"]),
    ],
)
async def test_an_agent_ends_without_a_close_event_and_the_conversation_stays_open(
    make_salesforce: MakeSalesforce, order: str, expected: list[str]
) -> None:
    salesforce = await make_salesforce(end_order=order)
    client, cloud = await salesforce.accepted(), salesforce.cloud
    got = await after(client, lambda: cloud.agent_ends(client.conversation_id, "Jane Doe"), 3)
    assert got == [*expected, "work:Closed"]
    _, body = await client.call("GET", "/conversation/list")
    assert body["openConversationsFound"] == 1
    assert await client.call("GET", client.path) == (
        200,
        {"conversationId": client.conversation_id, "routingStatus": "NEEDS_ROUTING"},
    )


async def test_the_role_that_ended_a_session_is_reported_and_can_be_overridden(
    make_salesforce: MakeSalesforce,
) -> None:
    for switch, expected in (("", "Agent"), ("EndUser", "EndUser")):
        salesforce = await make_salesforce(ended_by_role=switch)
        client = await salesforce.accepted()
        salesforce.cloud.agent_ends(client.conversation_id, "Jane Doe")
        newest = (await client.entries(entryTypeFilter="SessionStatusChanged"))[0]["entryPayload"]
        assert newest["sessionEndedByRole"] == expected
        assert newest["sessionEndTime"] >= newest["sessionStartTime"]


async def test_an_inactive_session_is_not_closed_and_goes_back_to_the_queue_when_the_user_writes(
    salesforce: Salesforce,
) -> None:
    client, cloud = await salesforce.accepted(), salesforce.cloud
    got = await after(client, lambda: cloud.idle(client.conversation_id), 1)
    assert got == ["session:Active>Inactive"]
    assert cloud.conversation(client.conversation_id).stage == "inactive"
    async with client.listening() as stream:
        await stream.count(9)
        assert (await client.say("back again"))[0] == 202
        await stream.count(15)
    assert told(stream, 9) == [
        "says:back again",
        "routing:Initial:None",
        "session:Inactive>Waiting",
        "remove:Jane Doe",
        "SessionOwnerChanged",
        "work:Assigned",
    ]


async def test_the_system_ends_an_inactive_session(salesforce: Salesforce) -> None:
    client, cloud = await salesforce.accepted(), salesforce.cloud
    cloud.idle(client.conversation_id)
    cloud.system_end(client.conversation_id)
    newest = (await client.entries(entryTypeFilter="SessionStatusChanged"))[0]["entryPayload"]
    assert (newest["sessionStatusPrev"], newest["sessionStatus"]) == ("Inactive", "Ended")
    assert newest["sessionEndedByRole"] == "System"


@pytest.mark.parametrize("failure", ["SubmissionError", "RoutingError", "Unknown"])
async def test_a_routing_failure_says_why_and_the_session_goes_on_waiting(
    salesforce: Salesforce, failure: str
) -> None:
    client, cloud = await salesforce.opened(), salesforce.cloud
    cloud.route_failure(client.conversation_id, failure_type=failure)
    newest = (await client.entries(entryTypeFilter="RoutingResult"))[0]["entryPayload"]
    assert (newest["routingType"], newest["failureType"]) == ("Initial", failure)
    assert newest["failureReason"]
    assert newest["errorMessages"]
    assert cloud.conversation(client.conversation_id).stage == "assigned"


async def test_receipts_name_the_message_inside_and_outside_the_payload(
    make_salesforce: MakeSalesforce,
) -> None:
    salesforce = await make_salesforce(delivery_receipts=True)
    client, cloud = await salesforce.accepted(), salesforce.cloud
    async with client.listening() as stream:
        _, body = await client.say("hello")
        cloud.agent_reads(client.conversation_id, "Jane Doe")
        await stream.count(11)
    message_id = body["conversationEntries"][0]["id"]
    assert stream.names[-2:] == ["DELIVERY_ACKNOWLEDGEMENT", "READ_ACKNOWLEDGEMENT"]
    for event in stream.events[-2:]:
        assert event.entry["relatedRecords"] == [message_id]
        assert event.payload["acknowledgedConversationEntryIdentifier"] == message_id
        assert isinstance(event.payload["acknowledgementTimestamp"], int)


async def test_an_ai_agent_shows_progress_streams_tokens_and_speaks(salesforce: Salesforce) -> None:
    client, cloud = await salesforce.opened(), salesforce.cloud
    async with client.listening() as stream:
        cloud.bot_works(client.conversation_id, "Looking")
        entry = cloud.bot_streams(client.conversation_id, ["Hel", "lo"])
        await stream.count(9)
    assert stream.names[-5:] == ["PROGRESS_INDICATOR", *["STREAMING_TOKEN"] * 3, "MESSAGE"]
    *words, validation = tokens = [event.payload["streamingToken"] for event in stream.events[-4:-1]]
    assert [token["sequenceNumber"] for token in tokens] == [1, 2, 3]
    assert [token["token"]["text"] for token in words] == ["Hel", "lo"]
    assert {token["tokenType"] for token in words} == {"MessageStreamingToken"}
    assert (validation["tokenType"], validation["result"]) == ("StreamingTokenValidation", {"valid": True})
    assert all(isinstance(token["timestamp"], int) and token["turnId"] for token in tokens)
    assert {token["targetMessageIdentifier"] for token in tokens} == {entry.identifier}
    assert stream.events[-1].entry["sender"]["role"] == "Chatbot"
    assert stream.texts() == ["Hello"]


async def test_an_agent_can_be_made_to_accept_at_once(make_salesforce: MakeSalesforce) -> None:
    salesforce = await make_salesforce(auto_accept=True)
    client = await salesforce.opened()
    assert salesforce.cloud.conversation(client.conversation_id).stage == "active"
    assert (await client.entries())[0]["entryType"] == "ParticipantChanged"


async def test_server_times_in_a_conversation_never_stand_still(make_salesforce: MakeSalesforce) -> None:
    salesforce = await make_salesforce(clock=lambda: 1_760_000_000_000)
    client = await salesforce.accepted()
    await client.say("hello")
    times = [entry["transcriptedTimestamp"] for entry in await client.entries(direction="FromStart")]
    assert times == sorted(set(times))
