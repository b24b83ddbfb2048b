"""Creating, listing and reading conversations (docs/protocols/salesforce-miaw.md, 2)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.sandbox.salesforce.conftest import Client, MakeSalesforce, Salesforce


@pytest.mark.parametrize(
    "conversation_id",
    [
        "not-a-uuid",
        "F47AC10B-58CC-4372-A567-0E02B2C3D479",
        "F47ac10b-58cc-4372-a567-0e02b2c3d479",
        "f47ac10b-58cc-4372-0567-0e02b2c3d479",
        "f47ac10b-58cc-1372-a567-0e02b2c3d479",
        "f47ac10b58cc4372a5670e02b2c3d479",
        "",
    ],
)
async def test_a_conversation_id_that_is_not_a_lower_case_uuid_4_is_a_400(
    salesforce: Salesforce, conversation_id: str
) -> None:
    client = await salesforce.client().sign_in()
    status, body = await client.create(conversationId=conversation_id)
    assert (status, body["errorCode"]) == (400, "BAD_REQUEST")
    assert "UUID" in body["message"]


@pytest.mark.parametrize(
    "changes",
    [
        {"esDeveloperName": "Nobody"},
        {"esDeveloperName": None},
        {"routingAttributes": ["a"]},
        {"routingAttributes": {"Order_Number": 42}},
        {"routingAttributes": {"Order_Number": "x" * 256}},
        {"language": 5},
    ],
    ids=str,
)
async def test_create_with_a_wrong_field_is_a_400_and_creates_nothing(
    salesforce: Salesforce, changes: dict[str, Any]
) -> None:
    client = await salesforce.client().sign_in()
    status, _ = await client.create(**changes)
    assert status == 400
    assert salesforce.cloud.conversations == {}


async def test_attributes_and_language_are_optional(salesforce: Salesforce) -> None:
    client = await salesforce.client().sign_in()
    body = {"conversationId": client.conversation_id, "esDeveloperName": "Kore_Custom_Client"}
    status, _ = await client.call("POST", "/conversation", body)
    assert status == 201


async def test_the_same_id_by_another_subject_is_a_409(salesforce: Salesforce) -> None:
    first, second = await salesforce.opened(), await salesforce.client().sign_in()
    second.conversation_id = first.conversation_id
    status, body = await second.create()
    assert (status, body["errorCode"]) == (409, "CONFLICT")


@pytest.mark.parametrize("answer", [409, 200])
async def test_the_same_id_by_the_same_subject_is_a_409_or_200_by_switch_and_creates_no_second_one(
    make_salesforce: MakeSalesforce, answer: int
) -> None:
    salesforce = await make_salesforce(create_again=answer)
    client = await salesforce.opened()
    status, _ = await client.create()
    assert status == answer
    assert len(salesforce.cloud.conversation(client.conversation_id).sessions) == 1


async def test_attributes_that_are_not_on_the_deployment_are_silently_ignored(
    make_salesforce: MakeSalesforce,
) -> None:
    salesforce = await make_salesforce(known_attributes=("Order_Number",))
    client = await salesforce.client().sign_in()
    status, _ = await client.create(
        routingAttributes={"_email": "a@x.io", "Order_Number": "1", "order_number": "2"}
    )
    conversation = salesforce.cloud.conversation(client.conversation_id)
    assert status == 201
    assert conversation.attributes == {"_email": "a@x.io", "Order_Number": "1"}


async def test_the_answer_to_create_has_no_body(salesforce: Salesforce) -> None:
    client = await salesforce.client().sign_in()
    assert await client.create() == (201, None)


async def test_the_answer_to_create_can_have_a_body_by_switch(make_salesforce: MakeSalesforce) -> None:
    client = await (await make_salesforce(create_reply="json")).client().sign_in()
    assert await client.create() == (201, {"conversationId": client.conversation_id})


async def test_unknown_properties_are_ignored_or_refused_by_switch(make_salesforce: MakeSalesforce) -> None:
    tolerant = await (await make_salesforce()).client().sign_in()
    strict = await (await make_salesforce(unknown_properties="refuse")).client().sign_in()
    assert (await tolerant.create(surprise=1))[0] == 201
    assert (await strict.create(surprise=1))[0] == 400
    assert (await strict.create())[0] == 201
    message = strict.message("hi")
    message["message"]["surprise"] = 1
    assert (await strict.call("POST", f"{strict.path}/message", message))[0] == 400


async def test_conversation_starts_can_be_limited(make_salesforce: MakeSalesforce) -> None:
    salesforce = await make_salesforce(conversation_starts_per_30_seconds=3)
    client = await salesforce.client().sign_in()
    statuses = [(await client.create(conversationId=str(uuid.uuid4())))[0] for _ in range(4)]
    assert statuses == [201, 201, 201, 429]


# --- list ------------------------------------------------------------------------------------------------------


async def test_the_list_has_the_callers_open_conversations_oldest_first(
    make_salesforce: MakeSalesforce,
) -> None:
    now = [1_760_000_000_000]
    salesforce = await make_salesforce(clock=lambda: now[0])
    await salesforce.opened()
    client = await salesforce.opened()
    now[0] += 5
    second = str(uuid.uuid4())
    await client.create(conversationId=second)
    status, body = await client.call("GET", "/conversation/list")
    assert status == 200
    assert body == {
        "openConversationsFound": 2,
        "closedConversationsFound": 0,
        "conversations": [
            {"conversationId": client.conversation_id, "startTimestamp": now[0] - 5, "endTimestamp": None},
            {"conversationId": second, "startTimestamp": now[0], "endTimestamp": None},
        ],
    }


async def test_closed_conversations_are_listed_when_asked_for(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    await client.call("DELETE", client.path + client.deletes)
    _, without = await client.call("GET", "/conversation/list")
    _, included = await client.call("GET", "/conversation/list?inclClosedConvs=true")
    assert (without["openConversationsFound"], without["conversations"]) == (0, [])
    assert included["closedConversationsFound"] == 1
    assert included["conversations"][0]["endTimestamp"] is not None


async def test_the_list_can_be_narrowed_to_one_conversation(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    await client.create(conversationId=str(uuid.uuid4()))
    _, body = await client.call("GET", f"/conversation/list?conversationId={client.conversation_id}&limit=50")
    assert [each["conversationId"] for each in body["conversations"]] == [client.conversation_id]


@pytest.mark.parametrize(
    "query", ["limit=51", "limit=0", "limit=x", "limit=-1", "inclClosedConvs=maybe", "startTimestamp=x"]
)
async def test_a_query_that_cannot_be_understood_is_a_400(salesforce: Salesforce, query: str) -> None:
    client = await salesforce.opened()
    status, _ = await client.call("GET", f"/conversation/list?{query}")
    assert status == 400


# --- status ----------------------------------------------------------------------------------------------------


async def test_the_routing_status_follows_the_conversation(salesforce: Salesforce) -> None:
    client, cloud = await salesforce.opened(), salesforce.cloud

    async def status() -> str:
        _, body = await client.call("GET", client.path)
        assert body["conversationId"] == client.conversation_id
        return body["routingStatus"]

    seen = [await status()]
    cloud.accept(client.conversation_id, "Jane Doe")
    seen.append(await status())
    cloud.transfer(client.conversation_id, "Jane Doe", to="Omar Haddad")
    seen.append(await status())
    cloud.accept(client.conversation_id, "Omar Haddad")
    seen.append(await status())
    cloud.agent_ends(client.conversation_id, "Omar Haddad")
    seen.append(await status())
    assert seen == ["INITIAL", "ROUTED", "TRANSFER", "ROUTED", "NEEDS_ROUTING"]


async def test_an_unknown_conversation_is_a_404_and_one_of_another_user_a_403(salesforce: Salesforce) -> None:
    client, other = await salesforce.opened(), await salesforce.opened()
    missing, _ = await client.call("GET", f"/conversation/{uuid.uuid4()}")
    foreign, _ = await client.call("GET", other.path)
    assert (missing, foreign) == (404, 403)


CALLS = [
    ("GET", ""),
    ("GET", "/entries"),
    ("POST", "/message"),
    ("POST", "/entry"),
    ("POST", "/acknowledge-entries"),
    ("DELETE", "/session"),
    ("DELETE", ""),
    ("GET", "/transcript"),
]


def _body_for(client: Client, what: str) -> dict[str, Any] | None:
    return {
        "/message": client.message("hi"),
        "/entry": {"entryType": "TypingStartedIndicator", "id": str(uuid.uuid4())},
        "/acknowledge-entries": {"acks": []},
    }.get(what)


@pytest.mark.parametrize(("method", "what"), CALLS)
async def test_every_call_on_a_closed_conversation_is_a_403(
    salesforce: Salesforce, method: str, what: str
) -> None:
    client = await salesforce.opened()
    await client.call("DELETE", client.path + client.deletes)
    status, _ = await client.call(method, client.path + what + client.deletes, _body_for(client, what))
    assert status == 403


@pytest.mark.parametrize(("method", "what"), CALLS)
async def test_every_call_on_a_conversation_of_another_user_is_a_403(
    salesforce: Salesforce, method: str, what: str
) -> None:
    client, other = await salesforce.opened(), await salesforce.client().sign_in()
    status, _ = await other.call(method, client.path + what + client.deletes, _body_for(client, what))
    assert status == 403


@pytest.mark.parametrize(("method", "what"), CALLS)
async def test_every_call_without_a_token_is_a_401(salesforce: Salesforce, method: str, what: str) -> None:
    client = await salesforce.opened()
    status, _ = await client.call(
        method, client.path + what + client.deletes, _body_for(client, what), token=None
    )
    assert status == 401


async def test_a_closed_conversation_can_be_made_readable_by_switch(make_salesforce: MakeSalesforce) -> None:
    client = await (await make_salesforce(closed_readable=True)).opened()
    await client.call("DELETE", client.path + client.deletes)
    assert await client.entries()


# --- entries ---------------------------------------------------------------------------------------------------


async def test_entries_are_newest_first_with_the_payload_as_an_object(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    await client.say("one")
    await client.say("two")
    newest, older, *_ = await client.entries()
    assert newest["entryPayload"]["abstractMessage"]["staticContent"]["text"] == "two"
    assert older["entryPayload"]["abstractMessage"]["staticContent"]["text"] == "one"
    assert newest["entryType"] == newest["entryPayload"]["entryType"] == "Message"
    assert newest["sender"]["role"] == "EndUser"
    assert newest["senderDisplayName"] == "Ada Lovelace"
    assert newest["transcriptedTimestamp"] > older["transcriptedTimestamp"]
    assert newest["entryPayload"]["messageReason"] is None


async def test_from_start_is_oldest_first(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    forward = await client.entries(direction="FromStart")
    assert [entry["entryType"] for entry in forward] == ["RoutingResult", "SessionStatusChanged"]
    assert forward[::-1] == await client.entries(direction="FromEnd") == await client.entries()


async def test_entries_can_be_filtered_by_type(salesforce: Salesforce) -> None:
    client = await salesforce.accepted()
    await client.say("hello")
    types = {
        entry["entryType"] for entry in await client.entries(entryTypeFilter="Message,ParticipantChanged")
    }
    assert types == {"Message", "ParticipantChanged"}


async def test_a_page_has_20_entries_unless_told_and_at_most_50(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    for number in range(60):
        salesforce.cloud.bot_says(client.conversation_id, f"{number}")
    assert len(await client.entries()) == 20
    assert len(await client.entries(limit=50)) == 50
    status, _ = await client.call("GET", f"{client.path}/entries?limit=51")
    assert status == 400


async def test_a_page_over_50_can_be_clamped_by_switch(make_salesforce: MakeSalesforce) -> None:
    salesforce = await make_salesforce(page_over_max="clamp")
    client = await salesforce.opened()
    for number in range(60):
        salesforce.cloud.bot_says(client.conversation_id, f"{number}")
    assert len(await client.entries(limit=1000)) == 50


async def test_timestamps_page_through_all_entries_without_a_gap(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    for number in range(45):
        salesforce.cloud.bot_says(client.conversation_id, f"{number}")
    seen, start = [], 0
    while page := await client.entries(direction="FromStart", limit=10, startTimestamp=start):
        seen += page
        start = page[-1]["transcriptedTimestamp"] + 1
    assert len(seen) == 47
    assert len({entry["identifier"] for entry in seen}) == 47
    last = seen[-1]["transcriptedTimestamp"]
    assert len(await client.entries(limit=50, startTimestamp=last, endTimestamp=last)) == 1


async def test_typing_receipts_and_work_results_are_not_listed(salesforce: Salesforce) -> None:
    client = await salesforce.accepted()
    await client.say("hello")
    salesforce.cloud.agent_typing(client.conversation_id, "Jane Doe", started=True)
    salesforce.cloud.agent_reads(client.conversation_id, "Jane Doe")
    assert {entry["entryType"] for entry in await client.entries(limit=50)} == {
        "Message",
        "ParticipantChanged",
        "RoutingResult",
        "SessionStatusChanged",
    }


async def test_the_payload_can_be_a_string_by_switch(make_salesforce: MakeSalesforce) -> None:
    client = await (await make_salesforce(entries_payload="string")).opened()
    assert isinstance((await client.entries())[0]["entryPayload"], str)


async def test_a_wrong_direction_is_a_400(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    status, _ = await client.call("GET", f"{client.path}/entries?direction=Sideways")
    assert status == 400
