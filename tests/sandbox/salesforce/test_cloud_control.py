"""The API of the agent console, and the events on the bus."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from botkit_sandbox.bus import Bus
from botkit_sandbox.wire import Wire
from tests.sandbox.salesforce.conftest import Client, MakeSalesforce, Salesforce

Act = Callable[..., Awaitable[tuple[int, Any]]]
"""Posts to a control route of one conversation; returns status and answer."""


@pytest.fixture
async def chat(salesforce: Salesforce) -> tuple[Client, Act]:
    """The client of an accepted conversation, and a function that posts to its control routes."""
    client = await salesforce.accepted()

    async def act(what: str, **body: Any) -> tuple[int, Any]:
        return await salesforce.control("POST", f"conversations/{client.conversation_id}/{what}", body)

    return client, act


async def newest(client: Client) -> dict[str, Any]:
    return (await client.entries(entryTypeFilter="Message"))[0]["entryPayload"]["abstractMessage"]


async def test_the_state_shows_agents_and_conversations_with_their_transcript(salesforce: Salesforce) -> None:
    client = await salesforce.accepted()
    await client.say("hello")
    status, state = await salesforce.control("GET", "state")
    assert status == 200
    assert [(agent["name"], agent["online"]) for agent in state["agents"]] == [
        ("Jane Doe", True),
        ("Omar Haddad", True),
        ("Mei Tanaka", True),
    ]
    (shown,) = state["conversations"]
    assert (shown["id"], shown["status"]) == (client.conversation_id, "active")
    assert shown["agents"] == [state["agents"][0]["id"]]
    assert shown["attributes"] == {"_firstName": "Ada", "_lastName": "Lovelace", "Order_Number": "42"}
    assert shown["language"] == "en_US"
    line = shown["transcript"][-1]
    assert (line["role"], line["name"], line["kind"], line["text"]) == (
        "EndUser",
        "Ada Lovelace",
        "text",
        "hello",
    )
    assert set(line) >= {"id", "at_ms"}


async def test_a_whole_conversation_can_be_driven_by_the_control_routes(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    jane, omar = (agent["id"] for agent in (await salesforce.control("GET", "state"))[1]["agents"][:2])

    async def act(what: str, **body: Any) -> str:
        status, answer = await salesforce.control(
            "POST", f"conversations/{client.conversation_id}/{what}", body
        )
        assert (status, answer["ok"]) == (200, True), answer
        return (await salesforce.control("GET", "state"))[1]["conversations"][0]["status"]

    seen = [
        await act("decline", agent=jane),
        await act("accept", agent=jane),
        await act("typing", agent=jane, started=True),
        await act("say", agent=jane, text="hello"),
        await act("read", agent=jane),
        await act("transfer", agent=jane, to=omar),
        await act("accept", agent=omar),
        await act("transfer", agent=omar, to="queue", fail=True),
        await act("conference", agent=omar, to="Mei Tanaka"),
        await act("drop", agent="Mei Tanaka"),
        await act("supervise", name="Boss", present=True),
        await act("route-failure", failureType="RoutingError"),
        await act("idle"),
        await act("system-end"),
    ]
    assert seen == [
        "assigned",
        "active",
        "active",
        "active",
        "active",
        "assigned",
        "active",
        "active",
        "active",
        "active",
        "active",
        "active",
        "inactive",
        "ended",
    ]


async def test_an_agent_says_a_link(chat: tuple[Client, Act]) -> None:
    client, act = chat
    await act("say", agent="Jane Doe", link={"title": "Help", "url": "https://acme.example/help"})
    content = (await newest(client))["staticContent"]
    assert content["formatType"] == "RichLink"
    assert content["linkItem"]["titleItem"]["title"] == "Help"
    assert content["linkItem"]["url"] == "https://acme.example/help"


@pytest.mark.parametrize(
    ("key", "format_type"),
    [("buttons", "Buttons"), ("quickReplies", "QuickReplies"), ("listPicker", "ListPicker")],
)
async def test_an_agent_asks_with_options(chat: tuple[Client, Act], key: str, format_type: str) -> None:
    client, act = chat
    await act("say", agent="Jane Doe", text="Which one?", **{key: ["A", "B"]})
    message = await newest(client)
    assert message["messageType"] == "ChoicesMessage"
    assert (message["choices"]["formatType"], message["choices"]["text"]) == (format_type, "Which one?")
    assert [option["titleItem"]["title"] for option in message["choices"]["optionItems"]] == ["A", "B"]
    assert len({option["optionIdentifier"] for option in message["choices"]["optionItems"]}) == 2


async def test_an_agent_shows_a_carousel(chat: tuple[Client, Act]) -> None:
    client, act = chat
    await act("say", agent="Jane Doe", carousel=[{"title": "Red", "buttons": ["Buy"]}, {"title": "Blue"}])
    items = (await newest(client))["choices"]["items"]
    assert [item["titleItem"]["title"] for item in items] == ["Red", "Blue"]


async def test_an_agent_sends_a_form(chat: tuple[Client, Act]) -> None:
    client, act = chat
    await act("say", agent="Jane Doe", form={"title": "Address", "fields": ["Street", "City"]})
    form = (await newest(client))["form"]
    assert form["formTitle"] == "Address"
    assert [section["input"]["label"] for section in form["sections"]] == ["Street", "City"]


async def test_an_agent_sends_a_file_that_can_be_fetched(chat: tuple[Client, Act]) -> None:
    client, act = chat
    data = base64.b64encode(b"%PDF-1.4 invoice").decode()
    file = {"name": "invoice.pdf", "mimeType": "application/pdf", "base64": data}
    await act("say", agent="Jane Doe", text="Your invoice", file=file)
    content = (await newest(client))["staticContent"]
    answer = await client.http.get(content["attachments"][0]["url"])
    assert content["text"] == "Your invoice"
    assert await answer.read() == b"%PDF-1.4 invoice"


async def test_an_agent_sends_a_file_of_some_megabytes(chat: tuple[Client, Act]) -> None:
    client, act = chat
    data = b"x" * 4_000_000
    file = {"name": "big.txt", "mimeType": "text/plain", "base64": base64.b64encode(data).decode()}
    assert (await act("say", agent="Jane Doe", file=file))[0] == 200
    answer = await client.http.get((await newest(client))["staticContent"]["attachments"][0]["url"])
    assert len(await answer.read()) == len(data)


async def test_an_agent_sends_any_content_at_all(chat: tuple[Client, Act]) -> None:
    client, act = chat
    raw = {"messageType": "StaticContentMessage", "staticContent": {"formatType": "Hologram", "text": "boo"}}
    status, answer = await act("say", agent="Jane Doe", content=raw)
    message = await newest(client)
    assert status == 200
    assert message == raw | {"id": answer["id"]}


async def test_an_ai_agent_speaks_through_the_control_routes(salesforce: Salesforce) -> None:
    client = await salesforce.opened()
    body = {"progress": "Looking", "tokens": ["Hel", "lo"], "text": "Hello"}
    async with client.listening() as stream:
        await salesforce.control("POST", f"conversations/{client.conversation_id}/bot", body)
        await stream.count(8)
    assert stream.texts() == ["Hello", "Hello"]


@pytest.mark.parametrize(
    ("what", "body", "status"),
    [
        ("accept", {"agent": "Jane Doe"}, 409),
        ("decline", {"agent": "Jane Doe"}, 409),
        ("say", {"agent": "Omar Haddad", "text": "hi"}, 409),
        ("transfer", {"agent": "Jane Doe", "to": "Jane Doe"}, 409),
        ("say", {"agent": "Nobody", "text": "hi"}, 404),
        ("transfer", {"agent": "Jane Doe", "to": "Nobody"}, 404),
        ("say", {"agent": "Jane Doe"}, 400),
        ("say", {"text": "hi"}, 400),
        ("say", {"agent": "Jane Doe", "txet": "hi"}, 400),
        ("say", {"agent": "Jane Doe", "file": {"name": "a", "base64": "%%"}}, 400),
        ("route-failure", {"failureType": "Weather"}, 400),
        ("emit", {"event": "X"}, 400),
    ],
    ids=str,
)
async def test_invalid_actions_are_refused_with_the_reason(
    chat: tuple[Client, Act], what: str, body: dict[str, Any], status: int
) -> None:
    _, act = chat
    got, answer = await act(what, **body)
    assert got == status
    assert answer["error"]


async def test_an_unknown_conversation_is_a_404(salesforce: Salesforce) -> None:
    status, answer = await salesforce.control("POST", f"conversations/{uuid.uuid4()}/idle", {})
    assert status == 404
    assert answer["error"]


async def test_agents_log_on_and_off(salesforce: Salesforce) -> None:
    agent = (await salesforce.control("GET", "state"))[1]["agents"][1]
    assert (await salesforce.control("POST", f"agents/{agent['id']}", {"online": False}))[0] == 200
    client = await salesforce.opened()
    status, _ = await salesforce.control(
        "POST", f"conversations/{client.conversation_id}/accept", {"agent": agent["id"]}
    )
    assert status == 409


async def test_faults_are_listed_added_replaced_and_cleared(salesforce: Salesforce) -> None:
    async def kinds(method: str, path: str = "faults", body: Any = None) -> list[str]:
        status, answer = await salesforce.control(method, path, body)
        assert status == 200, answer
        return [fault["kind"] for fault in answer["faults"]]

    assert await kinds("GET") == []
    assert await kinds("PUT", body={"kind": "crlf"}) == ["crlf"]
    assert await kinds("PUT", body={"kind": "status", "status": 500, "times": 2}) == ["crlf", "status"]
    assert await kinds("PUT", body={"kind": "status", "status": 503}) == ["crlf", "status"]
    assert await kinds("DELETE", "faults?kind=crlf") == ["status"]
    assert await kinds("PUT", body={"faults": [{"kind": "bom"}, {"kind": "drop-streams"}]}) == ["bom"]
    assert await kinds("DELETE") == []


@pytest.mark.parametrize(
    "body", [{"kind": "earthquake"}, {"kind": "status", "colour": "red"}, {}, [1], "x"], ids=str
)
async def test_an_unknown_fault_is_a_400(
    salesforce: Salesforce, body: dict[str, Any] | list[int] | str
) -> None:
    status, answer = await salesforce.control("PUT", "faults", body)
    assert status == 400
    assert answer["error"]


async def test_switches_can_be_changed_while_running(salesforce: Salesforce) -> None:
    status, switches = await salesforce.control(
        "PUT", "switches", {"create_again": 200, "messages_per_minute": 1}
    )
    assert (status, switches["create_again"]) == (200, 200)
    client = await salesforce.opened()
    assert (await client.create())[0] == 200
    assert [(await client.say("hi"))[0] for _ in range(2)] == [202, 429]


@pytest.mark.parametrize(
    "changes", [{"no_such_switch": 1}, {"create_again": 418}, {"ping_seconds": "often"}], ids=str
)
async def test_a_wrong_switch_is_a_400_and_changes_nothing(
    salesforce: Salesforce, changes: dict[str, Any]
) -> None:
    before = salesforce.cloud.settings
    assert (await salesforce.control("PUT", "switches", changes))[0] == 400
    assert salesforce.cloud.settings == before


async def test_every_change_is_published_with_the_conversation_and_its_state(salesforce: Salesforce) -> None:
    cloud = salesforce.cloud
    assert cloud.bus is not None
    with cloud.bus.subscribe() as news:
        client = await salesforce.accepted()
        cloud.agent_ends(client.conversation_id, "Jane Doe")
        seen = []
        async for item in news:
            assert item.topic == "salesforce"
            seen.append(item.data)
            if item.data["kind"] == "ended":
                break
    kinds = [each["kind"] for each in seen if each["kind"] != "message"]
    assert kinds == ["created", "assigned", "accepted", "ended"]
    assert {each["conversationId"] for each in seen} == {client.conversation_id}
    assert [each["status"] for each in seen if each["kind"] in kinds] == [
        "waiting",
        "assigned",
        "active",
        "ended",
    ]


async def test_the_wire_keeps_calls_and_events_and_no_token(make_salesforce: MakeSalesforce) -> None:
    wire = Wire(Bus())
    salesforce = await make_salesforce(wire=wire)
    client = await salesforce.opened()
    async with client.listening() as stream:
        await stream.count(4)
        await client.say("hello")
        await stream.count(5)
    labels = [(entry.source, entry.target, entry.label, entry.status) for entry in wire.entries]
    assert labels == [
        ("botkit", "salesforce", "unauthenticatedToken", 200),
        ("botkit", "salesforce", "createConversation", 201),
        ("botkit", "salesforce", "eventStream opened", 200),
        ("salesforce", "botkit", "CONVERSATION_UPDATED", None),
        ("salesforce", "botkit", "CONVERSATION_ROUTING_RESULT", None),
        ("salesforce", "botkit", "CONVERSATION_SESSION_STATUS_CHANGED", None),
        ("salesforce", "botkit", "CONVERSATION_ROUTING_WORK_RESULT", None),
        ("botkit", "salesforce", "sendMessage", 202),
        ("salesforce", "botkit", "CONVERSATION_MESSAGE", None),
    ]
    assert client.token not in str([entry.detail() for entry in wire.entries])
