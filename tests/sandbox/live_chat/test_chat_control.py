"""The API of the agent console for Live Chat, the events on the bus, and MIAW on the same port."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from botkit_sandbox import salesforce
from botkit_sandbox.bus import Bus
from botkit_sandbox.live_chat import LiveChatCloud, add_routes
from botkit_sandbox.salesforce import SalesforceCloud
from botkit_sandbox.salesforce.faults import Fault as MiawFault
from botkit_sandbox.wire import Wire
from tests.sandbox.live_chat.conftest import MakeService, Service
from tests.sandbox.live_chat.visitor import Visitor

JANE, OMAR, MEI = "Jane Doe", "Omar Haddad", "Mei Tanaka"


Act = Callable[..., Awaitable[tuple[int, Any]]]
"""Posts to a control route of one chat; returns status and answer."""


@pytest.fixture
async def chat(service: Service) -> tuple[Visitor, Act]:
    """The visitor of an accepted chat, and a function that posts to its control routes."""
    visitor = await service.chatting()

    async def act(what: str, **body: Any) -> tuple[int, Any]:
        return await service.control("POST", f"conversations/{visitor.id}/{what}", body)

    return visitor, act


async def test_the_state_looks_like_that_of_the_other_emulator(service: Service) -> None:
    visitor = await service.chatting()
    await visitor.say("hello")
    status, state = await service.control("GET", "state")
    miaw = SalesforceCloud(wire=None, bus=None).state()
    assert status == 200
    assert set(state) >= set(miaw) - {"openStreams"}
    assert [(agent["name"], agent["online"]) for agent in state["agents"]] == [
        (JANE, True),
        (OMAR, True),
        (MEI, True),
    ]
    (shown,) = state["conversations"]
    assert set(shown) >= {
        "id",
        "status",
        "sessionId",
        "createdAt_ms",
        "assignedTo",
        "agents",
        "attributes",
        "entities",
        "language",
        "transcript",
        "queuePosition",
        "userTyping",
        "transferring",
    }
    assert (shown["id"], shown["status"]) == (visitor.id, "active")
    line = shown["transcript"][-1]
    assert (line["role"], line["name"], line["kind"], line["text"]) == (
        "EndUser",
        "Ada Lovelace",
        "text",
        "hello",
    )
    assert set(line) >= {"id", "at_ms"}


async def test_a_whole_chat_can_be_driven_by_the_control_routes(service: Service) -> None:
    visitor = await service.requested()
    agents = (await service.control("GET", "state"))[1]["agents"]
    jane, omar, mei = (agent["id"] for agent in agents)

    async def act(what: str, **body: Any) -> str:
        status, answer = await service.control("POST", f"conversations/{visitor.id}/{what}", body)
        assert (status, answer["ok"]) == (200, True), answer
        return (await service.control("GET", "state"))[1]["conversations"][0]["status"]

    seen = [
        await act("decline", agent=jane),
        await act("accept", agent=jane),
        await act("typing", agent=jane, started=True),
        await act("say", agent=jane, text="hello"),
        await act("transfer", agent=jane, to=omar),
        await act("accept", agent=omar),
        await act("transfer", agent=omar, to=jane, fail=True),
        await act("conference", agent=omar, to=mei),
        await act("leave", agent=mei),
        await act("conference", agent=omar, to=mei),
        await act("drop", agent=mei),
        await act("request-file", agent=omar),
        await act("cancel-file", agent=omar),
        await act("custom-event", agent=omar, type="a", data="b"),
        await act("emit", type="NewVisitorBreadcrumb", message={"location": "x"}),
        await act("transfer", agent=omar, to="Billing"),
        await act("accept", agent=mei),
        await act("disconnect", agent=mei),
        await act("accept", agent=jane),
        await act("transfer", agent=jane),
        await act("accept", agent=omar),
        await act("end", agent=omar),
    ]
    assert seen == [
        "assigned",
        *["active"] * 3,
        "transferring",
        *["active"] * 10,
        "transferring",
        "active",
        "transferring",
        "active",
        "transferring",
        "active",
        "ended",
    ]


@pytest.mark.parametrize(
    ("what", "body", "status"),
    [
        ("accept", {"agent": JANE}, 409),
        ("accept", {"agent": OMAR}, 409),
        ("decline", {"agent": JANE}, 409),
        ("say", {"agent": OMAR, "text": "hi"}, 409),
        ("transfer", {"agent": JANE, "to": JANE}, 409),
        ("leave", {"agent": JANE}, 409),
        ("cancel-file", {"agent": JANE}, 409),
        ("conference", {"agent": JANE, "to": JANE}, 409),
        ("say", {"agent": "Nobody", "text": "hi"}, 404),
        ("transfer", {"agent": JANE, "to": "Nobody"}, 404),
        ("say", {"agent": JANE}, 400),
        ("say", {"agent": JANE, "text": ""}, 400),
        ("say", {"agent": JANE, "txet": "hi"}, 400),
        ("route-failure", {"reason": "Weather"}, 400),
        ("emit", {"message": {}}, 400),
    ],
    ids=str,
)
async def test_invalid_actions_are_refused_with_the_reason(
    chat: tuple[Visitor, Act], what: str, body: dict[str, Any], status: int
) -> None:
    _, act = chat
    got, answer = await act(what, **body)
    assert got == status
    assert answer["error"]


async def test_a_chat_that_is_over_takes_nothing_more(chat: tuple[Visitor, Act]) -> None:
    _, act = chat
    assert (await act("route-failure"))[0] == 200
    assert (await act("say", agent=JANE, text="late"))[0] == 409


async def test_an_unknown_conversation_is_a_404(service: Service) -> None:
    status, answer = await service.control("POST", f"conversations/{uuid.uuid4()}/end", {"agent": JANE})
    assert status == 404
    assert answer["error"]


async def test_a_session_without_a_request_is_no_conversation(service: Service) -> None:
    visitor = await service.visitor().begin()
    assert service.cloud.state()["conversations"] == []
    assert (await service.control("POST", f"conversations/{visitor.id}/end", {"agent": JANE}))[0] == 404


async def test_agents_log_on_and_off(service: Service) -> None:
    jane = service.cloud.agent(JANE).id
    assert (await service.control("POST", f"agents/{jane}", {"online": False}))[0] == 200
    visitor = await service.requested()
    assert (await service.control("POST", f"conversations/{visitor.id}/accept", {"agent": jane}))[0] == 409


async def test_faults_are_listed_added_replaced_and_cleared(service: Service) -> None:
    async def kinds(method: str, path: str = "faults", body: Any = None) -> list[str]:
        status, answer = await service.control(method, path, body)
        assert status == 200, answer
        return [fault["kind"] for fault in answer["faults"]]

    assert await kinds("GET") == []
    assert await kinds("PUT", body={"kind": "empty-polls"}) == ["empty-polls"]
    assert await kinds("PUT", body={"kind": "status", "status": 500, "times": 2}) == ["empty-polls", "status"]
    assert await kinds("DELETE", "faults?kind=empty-polls") == ["status"]
    assert await kinds("PUT", body={"faults": [{"kind": "refuse"}, {"kind": "pod-restart"}]}) == ["refuse"]
    assert await kinds("DELETE") == []


async def test_the_same_fault_for_the_same_requests_is_replaced(service: Service) -> None:
    service.inject("status", status=500)
    service.inject("status", status=502)
    assert [fault.status for fault in service.cloud.faults.all()] == [502]


async def test_an_agent_who_hands_a_chat_over_has_room_for_another(make_service: MakeService) -> None:
    service = await make_service(agent_capacity=1, agents=(JANE, OMAR))
    ada = await service.chatting()
    service.cloud.transfer(ada.id, JANE, to=OMAR)
    bob = await service.queued()
    assert service.view(bob)["status"] == "waiting"
    service.cloud.accept(ada.id, OMAR)
    assert service.view(bob)["assignedTo"] == service.cloud.agent(JANE).id


@pytest.mark.parametrize(
    "body", [{"kind": "earthquake"}, {"kind": "status", "colour": "red"}, {}, [1], "x"], ids=str
)
async def test_an_unknown_fault_is_a_400(service: Service, body: dict[str, Any] | list[int] | str) -> None:
    status, answer = await service.control("PUT", "faults", body)
    assert status == 400
    assert answer["error"]


async def test_switches_can_be_changed_while_running(service: Service) -> None:
    status, switches = await service.control("PUT", "switches", {"poll_hold_seconds": 0.2, "init_again": 200})
    assert (status, switches["init_again"]) == (200, 200)
    visitor = await service.requested()
    assert (await visitor.request()).status == 200


@pytest.mark.parametrize(
    "changes", [{"no_such_switch": 1}, {"init_again": 418}, {"geo_location": "maybe"}], ids=str
)
async def test_a_wrong_switch_is_a_400_and_changes_nothing(service: Service, changes: dict[str, Any]) -> None:
    before = service.cloud.settings
    assert (await service.control("PUT", "switches", changes))[0] == 400
    assert service.cloud.settings == before


async def test_every_change_is_published_with_the_conversation_and_its_state(service: Service) -> None:
    cloud = service.cloud
    assert cloud.bus is not None
    with cloud.bus.subscribe() as news:
        visitor = await service.chatting()
        cloud.agent_ends(visitor.id, JANE)
        seen = []
        async for item in news:
            assert item.topic == "live-chat"
            seen.append(item.data)
            if item.data["kind"] == "ended":
                break
    kinds = [each["kind"] for each in seen if each["kind"] != "message"]
    assert kinds == ["created", "assigned", "accepted", "ended"]
    assert {each["conversationId"] for each in seen} == {visitor.id}
    assert [each["status"] for each in seen if each["kind"] in kinds] == [
        "waiting",
        "assigned",
        "active",
        "ended",
    ]


async def test_the_wire_keeps_calls_and_no_secrets(make_service: MakeService) -> None:
    wire = Wire(Bus())
    service = await make_service(wire=wire)
    visitor = await service.chatting()
    token = service.cloud.request_file(visitor.id, JANE)
    await visitor.poll()
    await visitor.call("DELETE", f"/System/SessionId/{visitor.key}")
    assert [(entry.source, entry.target, entry.label, entry.status) for entry in wire.entries] == [
        ("botkit", "salesforce", "SessionId", 200),
        ("botkit", "salesforce", "ChasitorInit", 200),
        ("botkit", "salesforce", "Messages", 200),
        ("botkit", "salesforce", "Messages", 200),
        ("botkit", "salesforce", "DeleteSession", 200),
    ]
    kept = str([entry.detail() for entry in wire.entries])
    assert visitor.key.rpartition("!")[2] not in kept
    assert token not in kept
    assert visitor.id in kept


# --- beside the emulated MIAW, on one port ---------------------------------------------------------------------------


Both = tuple[SalesforceCloud, LiveChatCloud, aiohttp.ClientSession, str]
"""MIAW, Live Chat, a client, and the address of both."""


@pytest.fixture
async def both() -> AsyncIterator[Both]:
    """Both services on one port, with the same agents."""
    bus = Bus()
    miaw = SalesforceCloud(wire=None, bus=bus)
    chat = LiveChatCloud(wire=None, bus=bus, organisation=miaw)
    app = salesforce.routes(miaw)
    add_routes(app, chat)
    server = TestServer(app, skip_url_asserts=True)
    await server.start_server(shutdown_timeout=1)
    async with aiohttp.ClientSession() as http:
        yield miaw, chat, http, str(server.make_url("")).rstrip("/")
    await server.close()


async def get(http: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    async with http.get(url, headers={"X-LIVEAGENT-API-VERSION": "58"}) as response:
        return response.status, await response.text()


async def test_both_services_answer_on_one_port_each_in_its_own_way(both: Both) -> None:
    _, _, http, url = both
    assert (await get(http, f"{url}/chat/rest/System/SessionId"))[0] == 200
    assert (await get(http, f"{url}/chat/rest/System/Nothing")) == (404, "Not Found")
    status, body = await get(http, f"{url}/iamessage/api/v2/conversation/x")
    assert status == 401
    assert "errorCode" in body
    status, body = await get(http, f"{url}/somewhere/else")
    assert status == 404
    assert "errorCode" in body


async def test_the_faults_of_one_service_do_not_touch_the_other(both: Both) -> None:
    miaw, _, http, url = both
    miaw.inject(MiawFault(kind="status", status=500))
    assert (await get(http, f"{url}/iamessage/api/v2/conversation/x"))[0] == 500
    assert (await get(http, f"{url}/chat/rest/System/SessionId"))[0] == 200


async def test_agents_are_the_same_on_both_sides(both: Both) -> None:
    miaw, chat, _, _ = both
    assert [agent["id"] for agent in chat.state()["agents"]] == [
        agent["id"] for agent in miaw.state()["agents"]
    ]
    chat.set_online(JANE, False)
    assert miaw.state()["agents"][0]["online"] is False


async def test_an_agent_who_logs_off_on_the_other_side_is_noticed(both: Both) -> None:
    miaw, chat, _, _ = both
    miaw.set_online(JANE, False)
    assert chat.bus is not None
    with chat.bus.subscribe() as news:
        async with asyncio.timeout(30):
            async for item in news:
                if item.topic == "live-chat" and item.data["kind"] == "agent":
                    break
    assert item.data["online"] is False
