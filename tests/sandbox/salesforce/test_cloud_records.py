"""The MessagingSession and its owner on the wire (docs/protocols/salesforce-miaw.md, 4.3 and 4.4)."""

from __future__ import annotations

from typing import Any

from tests.sandbox.salesforce.conftest import Event, Listener, MakeSalesforce, Salesforce


def of_type(stream: Listener, entry_type: str) -> list[Event]:
    return [event for event in stream.events if event.entry["entryType"] == entry_type]


def payloads(stream: Listener, entry_type: str) -> list[dict[str, Any]]:
    return [event.payload for event in of_type(stream, entry_type)]


async def test_messages_name_the_messaging_session_on_the_stream_and_in_the_list(
    salesforce: Salesforce,
) -> None:
    client, cloud = await salesforce.accepted(), salesforce.cloud
    await client.say("hello")
    cloud.agent_says(client.conversation_id, "Jane Doe", "hi")
    async with client.listening() as stream:
        await stream.until(lambda self: len(self.texts()) == 2)
    session_id = payloads(stream, "RoutingResult")[0]["recordId"]
    assert session_id.startswith("0Mw")
    assert payloads(stream, "SessionStatusChanged")[0]["sessionId"] == session_id
    listed = await client.entries(entryTypeFilter="Message")
    told = [event.entry["relatedRecords"] for event in of_type(stream, "Message")]
    assert told == [entry["relatedRecords"] for entry in listed] == [[session_id], [session_id]]


async def test_a_new_session_of_the_conversation_is_another_record(salesforce: Salesforce) -> None:
    client, cloud = await salesforce.accepted(), salesforce.cloud
    await client.say("first session")
    cloud.agent_ends(client.conversation_id, "Jane Doe")
    await client.say("second session")
    second, first = [entry["relatedRecords"] for entry in await client.entries(entryTypeFilter="Message")]
    assert first[0].startswith("0Mw")
    assert second == [cloud.conversation(client.conversation_id).session.id] != first


async def test_only_messages_and_receipts_name_records(make_salesforce: MakeSalesforce) -> None:
    salesforce = await make_salesforce(delivery_receipts=True)
    client = await salesforce.accepted()
    await client.say("hello")
    async with client.listening() as stream:
        await stream.until(lambda self: "DELIVERY_ACKNOWLEDGEMENT" in self.names)
    naming = {event.entry["entryType"] for event in stream.events if event.entry["relatedRecords"]}
    assert naming == {"Message", "DeliveryAcknowledgement"}
    assert of_type(stream, "ConversationUpdated")[0].entry["relatedRecords"] == []


async def test_messages_name_no_record_by_switch(make_salesforce: MakeSalesforce) -> None:
    client = await (await make_salesforce(related_records="none")).accepted()
    await client.say("hello")
    assert (await client.entries(entryTypeFilter="Message"))[0]["relatedRecords"] == []


async def test_the_session_has_a_new_owner_when_an_agent_accepts_and_gives_it_back(
    salesforce: Salesforce,
) -> None:
    client, cloud = await salesforce.accepted(), salesforce.cloud
    cloud.transfer(client.conversation_id, "Jane Doe", to="queue")
    async with client.listening() as stream:
        await stream.until(lambda self: self.names.count("SESSION_OWNER_CHANGED") == 2)
    accepted, returned = payloads(stream, "SessionOwnerChanged")
    assert (accepted["prevOwnerType"], accepted["newOwnerType"]) == ("Queue", "Agent")
    assert (returned["prevOwnerType"], returned["newOwnerType"]) == ("Agent", "Queue")
    assert accepted["sessionStatus"] == "Waiting"
    assert accepted["sessionId"] == cloud.conversation(client.conversation_id).session.id


async def test_a_work_item_is_one_from_the_offer_to_the_end(salesforce: Salesforce) -> None:
    client, cloud = await salesforce.accepted(), salesforce.cloud
    cloud.agent_ends(client.conversation_id, "Jane Doe")
    async with client.listening() as stream:
        await stream.until(lambda self: self.names.count("ROUTING_WORK_RESULT") == 3)
    work = payloads(stream, "RoutingWorkResult")
    assert [each["workType"] for each in work] == ["Assigned", "Accepted", "Closed"]
    assert len({each["workId"] for each in work}) == 1
    session_id = cloud.conversation(client.conversation_id).session.id
    assert {each["workTargetId"] for each in work} == {session_id}
    assert all(set(each) >= {"conversationId", "workId", "workTargetId", "errorMessages"} for each in work)


async def test_work_that_is_offered_again_is_another_item(salesforce: Salesforce) -> None:
    client, cloud = await salesforce.accepted(), salesforce.cloud
    for agent, other in (("Jane Doe", "Omar Haddad"), ("Omar Haddad", "Jane Doe")):
        cloud.transfer(client.conversation_id, agent, to=other)
        cloud.accept(client.conversation_id, other)
    async with client.listening() as stream:
        await stream.until(lambda self: self.names.count("ROUTING_WORK_RESULT") == 8)
    offered = [each for each in payloads(stream, "RoutingWorkResult") if each["workType"] == "Assigned"]
    assert len({each["workId"] for each in offered}) == len(offered) == 3


async def test_an_agent_who_resumes_a_session_has_it_in_the_load(salesforce: Salesforce) -> None:
    salesforce.cloud.configure({"inactive_removes_agent": "before"})
    client, cloud = await salesforce.accepted(), salesforce.cloud
    cloud.idle(client.conversation_id)
    assert cloud.agent("Jane Doe").load == 0
    cloud.resume(client.conversation_id, "Jane Doe")
    assert cloud.agent("Jane Doe").load == 1


async def test_work_that_is_transferred_or_not_wanted_any_more_says_so(salesforce: Salesforce) -> None:
    client, cloud = await salesforce.accepted(), salesforce.cloud
    cloud.transfer(client.conversation_id, "Jane Doe", to="Omar Haddad")
    await client.call("DELETE", f"{client.path}/session{client.deletes}")
    async with client.listening() as stream:
        await stream.until(lambda self: self.names.count("ROUTING_WORK_RESULT") == 5)
    work = [each["workType"] for each in payloads(stream, "RoutingWorkResult")]
    assert work == ["Assigned", "Accepted", "Transferred", "Assigned", "Cancelled"]


async def test_the_events_that_one_team_saw_can_be_switched_off(make_salesforce: MakeSalesforce) -> None:
    salesforce = await make_salesforce(owner_changes=False, conversation_updates=False, work_results=())
    client = await salesforce.accepted()
    salesforce.cloud.agent_says(client.conversation_id, "Jane Doe", "hi")
    async with client.listening() as stream:
        await stream.until(lambda self: self.texts())
    assert set(stream.names) == {"ROUTING_RESULT", "SESSION_STATUS_CHANGED", "PARTICIPANT_CHANGED", "MESSAGE"}
