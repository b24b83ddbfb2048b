"""A chatbot on Salesforce's side that takes part in a conversation (docs/protocols/salesforce-miaw.md, 5)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.salesforce.conftest import Client, Listener, MakeSalesforce, Salesforce
from tests.sandbox.salesforce.test_cloud_lifecycle import told


async def act(client: Client, salesforce: Salesforce, **body: Any) -> int:
    status, _ = await salesforce.control("POST", f"conversations/{client.conversation_id}/bot", body)
    return status


async def seen(client: Client, number: int) -> Listener:
    async with client.listening() as stream:
        await stream.count(number)
    return stream


async def test_a_chatbot_that_answers_first_joins_instead_of_an_agent(
    make_salesforce: MakeSalesforce,
) -> None:
    salesforce = await make_salesforce(chatbot="Astro")
    client = await salesforce.opened()
    stream = await seen(client, 5)
    assert told(stream) == [
        "ConversationUpdated",
        "routing:Initial:None",
        "SessionOwnerChanged",
        "session:New>Active",
        "add:Astro",
    ]
    assert stream.events[2].payload["newOwnerType"] == "Bot"
    participant = stream.events[4].payload["entries"][0]["participant"]
    assert (participant["role"], participant["appType"]) == ("Chatbot", "chatbot")
    assert (await client.call("GET", client.path))[1]["routingStatus"] == "ROUTED"
    (shown,) = salesforce.cloud.state()["conversations"]
    assert (shown["status"], shown["agents"], shown["chatbot"]) == ("active", [], "Astro")


async def test_a_chatbot_joins_types_speaks_and_hands_over_by_the_control_route(
    salesforce: Salesforce,
) -> None:
    client = await salesforce.opened()
    statuses = [
        await act(client, salesforce, join="Astro"),
        await act(client, salesforce, typing=True),
        await act(client, salesforce, text="How can I help?"),
        await act(client, salesforce, handOver="Omar Haddad"),
    ]
    assert statuses == [200, 200, 200, 200]
    salesforce.cloud.accept(client.conversation_id, "Omar Haddad")
    stream = await seen(client, 17)
    assert told(stream, 4) == [
        "SessionOwnerChanged",
        "session:Waiting>Active",
        "add:Astro",
        "TypingStartedIndicator",
        "says:How can I help?",
        "routing:Transfer:None",
        "remove:Astro",
        "session:Active>Waiting",
        "work:Assigned",
        "work:Accepted",
        "SessionOwnerChanged",
        "session:Waiting>Active",
        "add:Omar Haddad",
    ]
    typing, said = stream.events[7].entry, stream.events[8].entry
    assert typing["senderDisplayName"] == said["senderDisplayName"] == "Astro"
    assert typing["sender"]["role"] == said["sender"]["role"] == "Chatbot"


async def test_a_chatbot_can_stay_until_the_agent_has_joined(make_salesforce: MakeSalesforce) -> None:
    salesforce = await make_salesforce(chatbot="Astro", chatbot_leaves="after-agent")
    client = await salesforce.opened()
    salesforce.cloud.bot_hands_over(client.conversation_id, to="Omar Haddad")
    salesforce.cloud.accept(client.conversation_id, "Omar Haddad")
    stream = await seen(client, 13)
    assert told(stream, 5) == [
        "routing:Transfer:None",
        "session:Active>Waiting",
        "work:Assigned",
        "work:Accepted",
        "SessionOwnerChanged",
        "session:Waiting>Active",
        "add:Omar Haddad",
        "remove:Astro",
    ]


async def test_a_chatbot_can_leave_without_a_routing_result(make_salesforce: MakeSalesforce) -> None:
    salesforce = await make_salesforce(chatbot="Astro")
    client = await salesforce.opened()
    assert await act(client, salesforce, leave=True) == 200
    stream = await seen(client, 8)
    assert told(stream, 5) == ["remove:Astro", "SessionOwnerChanged", "work:Assigned"]
    assert (await client.call("GET", client.path))[1]["routingStatus"] == "TRANSFER"


@pytest.mark.parametrize("body", [{"typing": True}, {"handOver": "queue"}, {"leave": True}])
async def test_a_chatbot_that_is_not_there_can_do_nothing(
    salesforce: Salesforce, body: dict[str, Any]
) -> None:
    client = await salesforce.opened()
    assert await act(client, salesforce, **body) == 409


async def test_a_chatbot_cannot_join_twice_nor_beside_an_agent(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    assert await act(client, salesforce, join="") == 200
    assert await act(client, salesforce, join="Astro") == 409
    with_agent = await salesforce.accepted()
    assert await act(with_agent, salesforce, join="Astro") == 409


async def test_the_chatbot_is_gone_when_the_session_ends(make_salesforce: MakeSalesforce) -> None:
    salesforce = await make_salesforce(chatbot="Astro")
    client = await salesforce.opened()
    salesforce.cloud.system_end(client.conversation_id)
    stream = await seen(client, 7)
    assert told(stream, 5) == ["remove:Astro", "session:Active>Ended"]
